import { findInstallations, type Installation, isControllerOn } from "../adoption/installation.ts";
import { GivenObjects } from "../adoption/objects.ts";
import { pause } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/errors.ts";
import { DEPLOYMENTS } from "../kubernetes/resource.ts";
import { seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { CodedError } from "../wire/errors.ts";

export interface SecondControllerPorts {
  readonly client: Pick<KubernetesClient, "list">;
  readonly clock: Clock;
  readonly log: Log;
  /** Says it where users look: as an event on the other one. */
  readonly found: (other: Installation, message: string) => void;
}

/** Of the same Services as we are. */
export interface SecondControllerConfig {
  readonly namespace: string;
  readonly loadBalancerClass: string;
}

/** MetalLB is not started by accident twice an hour. */
const INTERVAL = seconds(300);

/**
 * Looks for a MetalLB in our namespace that serves the same Services, until the signal is aborted: there both read the same
 * pools, so that addresses agree, and nobody would notice that two speakers announce them.
 */
export async function watchForSecondController(
  ports: SecondControllerPorts,
  config: SecondControllerConfig,
  signal: AbortSignal,
): Promise<void> {
  let known = "";
  while (!signal.aborted) {
    const other = await findSecondController(ports, config, signal);
    const name = other?.controller?.object.name ?? "";
    if (other !== undefined && name !== known) report(ports, other);
    known = name;
    await pause(ports.clock, INTERVAL, signal);
  }
}

async function findSecondController(
  { client, log }: SecondControllerPorts,
  { namespace, loadBalancerClass }: SecondControllerConfig,
  signal: AbortSignal,
): Promise<Installation | undefined> {
  try {
    const { items } = await client.list<unknown>(DEPLOYMENTS, { namespace, signal });
    const rivals = findInstallations(new GivenObjects(items)).filter(({ product }) => product === "metallb");
    return rivals.find((one) => one.loadBalancerClass === loadBalancerClass && isControllerOn(one.controller));
  } catch (error) {
    // Not allowed, not there, not now: who else is here is good to know, and no more than that.
    if (!(error instanceof CodedError) && !signal.aborted) throw error;
    if (error instanceof ApiError || error instanceof CodedError)
      log.debug("no look at deployments", errorFields(error));
    return undefined;
  }
}

function report({ log, found }: SecondControllerPorts, other: Installation): void {
  const { namespace, version, loadBalancerClass } = other;
  const name = other.controller?.object.name ?? "";
  const which = loadBalancerClass === "" ? "without a loadBalancerClass" : `of class ${loadBalancerClass}`;
  log.error("second controller", { reason: "second-controller", namespace, name, version, class: loadBalancerClass });
  found(
    other,
    `second-controller: MetalLB serves Services ${which} as Herald does; stop one of them (herald adopt), or give Herald a class of its own`,
  );
}
