import type { Namespace, Service } from "../api/core.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { ConfigSource } from "../kubernetes/config-source.ts";
import type { Informer } from "../kubernetes/informer.ts";
import type { Micros } from "../net/micros.ts";
import type { Clock, WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import type { Log } from "../telemetry/log.ts";

/** Everything a controller uses of the world around it. */
export interface ControllerPorts {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Random;
  readonly log: Log;
  /** Called when a Service changed; what it returns, when its new addresses are written. */
  readonly stopwatch?: (() => () => void) | undefined;
}

export interface ControllerOptions {
  /** Where the metallb.io objects are. */
  readonly namespace: string;
  /** Empty handles the Services without a class. */
  readonly loadBalancerClass: string;
  /** This controller's pod, the owner of what it writes. */
  readonly podName?: string | undefined;
  /** How long a node may be away before what its speaker said of it is deleted. */
  readonly goneNodeGrace?: Micros | undefined;
}

/** What a controller watches, as a leader and as a stand-by: a stand-by that takes over has most of it already. */
export interface ControllerCaches {
  readonly services: Informer<Service>;
  readonly namespaces: Informer<Namespace>;
  readonly config: ConfigSource;
}
