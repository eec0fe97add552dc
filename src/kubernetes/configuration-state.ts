import type { InvalidObject } from "../api/config.ts";
import {
  type ConfigurationCondition,
  type ConfigurationStatus,
  configurationStatus,
  sameVerdict,
} from "../api/configuration-state.ts";
import { seconds } from "../net/micros.ts";
import type { Clock, WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import type { KubernetesClient } from "./client.ts";
import { isConflict, isNotFound } from "./errors.ts";
import { apiVersionOf, CONFIGURATION_STATES } from "./resource.ts";
import { WorkQueue, type WorkResult } from "./work-queue.ts";

export interface ConfigurationStatePorts {
  readonly client: Pick<KubernetesClient, "create" | "patch">;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Random;
  readonly log: Log;
}

/** Which object is written, and by whom. */
export interface ConfigurationStateConfig {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly condition: ConfigurationCondition;
}

/** Keeps one ConfigurationState saying what its reader last found; a failure is retried and bothers nobody. */
export class ConfigurationStateWriter {
  readonly #ports: ConfigurationStatePorts;
  readonly #config: ConfigurationStateConfig;
  readonly #queue: WorkQueue<"state">;
  #wanted: ConfigurationStatus | undefined;
  #written: ConfigurationStatus | undefined;

  constructor(ports: ConfigurationStatePorts, config: ConfigurationStateConfig) {
    this.#ports = ports;
    this.#config = config;
    const onError = (_key: string, error: unknown): void =>
      ports.log.debug("configuration state could not be written", errorFields(error));
    this.#queue = new WorkQueue(ports, { baseDelay: seconds(1), maxDelay: seconds(60), onError });
  }

  /** Writes whatever is reported, until the signal is aborted. */
  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(() => this.#write(), { concurrency: 1, signal });
  }

  /** Says what is invalid now; nothing means that all is well. */
  report(invalid: readonly InvalidObject[]): void {
    this.#wanted = configurationStatus(this.#config.condition, invalid, this.#ports.wallClock().toISOString());
    this.#queue.add("state");
  }

  async #write(): Promise<WorkResult> {
    const wanted = this.#wanted;
    if (wanted === undefined || (this.#written !== undefined && sameVerdict(this.#written, wanted))) return "done";
    const { namespace, name } = this.#config;
    const options = { namespace, type: "merge", subresource: "status" } as const;
    try {
      await this.#ports.client.patch<unknown>(CONFIGURATION_STATES, name, { status: wanted }, options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await this.#create();
      return "retry";
    }
    this.#written = wanted;
    return "done";
  }

  async #create(): Promise<void> {
    const { namespace, name, labels } = this.#config;
    const kind = { apiVersion: apiVersionOf(CONFIGURATION_STATES), kind: CONFIGURATION_STATES.kind };
    try {
      await this.#ports.client.create<unknown>(
        CONFIGURATION_STATES,
        { ...kind, metadata: { name, namespace, labels } },
        { namespace },
      );
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}
