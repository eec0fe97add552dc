import type { InvalidObject } from "../api/config.ts";
import {
  type ConfigurationCondition,
  type ConfigurationStatus,
  configurationStatus,
  saysVerdict,
  transitionTime,
} from "../api/configuration-state.ts";
import type { KubernetesObject } from "../api/object.ts";
import { FieldReader, Problems } from "../api/read-object.ts";
import { stripRawObject } from "../api/strip.ts";
import { millis, seconds } from "../net/micros.ts";
import { aborted } from "../system/aborted.ts";
import type { WallClock } from "../system/clock.ts";
import { errorFields } from "../telemetry/log.ts";
import type { KubernetesClient } from "./client.ts";
import { isConflict } from "./errors.ts";
import { Informer, type InformerPorts } from "./informer.ts";
import { findOwnPod, type OwnPod } from "./own-pod.ts";
import { apiVersionOf, CONFIGURATION_STATES } from "./resource.ts";
import { WorkQueue, type WorkResult } from "./work-queue.ts";
import { WritePacer } from "./write-pacer.ts";

export interface ConfigurationStatePorts extends InformerPorts {
  readonly client: Pick<KubernetesClient, "get" | "pages" | "watch" | "create" | "patch">;
  readonly wallClock: WallClock;
}

/** Which object is written, and by whom. */
export interface ConfigurationStateConfig {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly condition: ConfigurationCondition;
  /** The pod that the object goes with. */
  readonly podName?: string | undefined;
}

interface StateRecord extends KubernetesObject {
  readonly status: unknown;
  readonly owners: readonly string[];
}

/** However often somebody writes another word over it. */
const PACE = { burst: 5, interval: seconds(1) };
const RETRY = { baseDelay: millis(500), maxDelay: seconds(60) };

/** Keeps one ConfigurationState saying what its reader last found, whatever others do to it; a failure is retried and bothers nobody. */
export class ConfigurationStateWriter {
  readonly #ports: ConfigurationStatePorts;
  readonly #config: ConfigurationStateConfig;
  readonly #queue: WorkQueue<"state">;
  readonly #pacer: WritePacer;
  readonly #records: Informer<StateRecord>;
  #pod: OwnPod | undefined;
  #wanted: ConfigurationStatus | undefined;

  constructor(ports: ConfigurationStatePorts, config: ConfigurationStateConfig) {
    this.#ports = ports;
    this.#config = config;
    const onError = (_key: string, error: unknown): void =>
      ports.log.debug("configuration state could not be written", errorFields(error));
    this.#queue = new WorkQueue(ports, { ...RETRY, onError });
    this.#pacer = new WritePacer(ports.clock, PACE);
    this.#records = new Informer<StateRecord>(ports, {
      resource: CONFIGURATION_STATES,
      namespace: config.namespace,
      fieldSelector: `metadata.name=${config.name}`,
      strip: stripState,
    });
    this.#records.onChange(() => this.#queue.add("state"));
  }

  /** Writes whatever is reported, until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.#records.start(signal);
    const ready = Promise.all([findOwnPod(this.#ports, this.#config, signal), this.#records.synced]);
    const [pod] = (await Promise.race([ready, aborted(signal)])) ?? [];
    this.#pod = pod;
    await this.#queue.run(() => this.#write(signal), { concurrency: 1, signal });
  }

  /** Says what is invalid now; nothing means that all is well. */
  report(invalid: readonly InvalidObject[]): void {
    const verdict = configurationStatus(this.#config.condition, invalid, this.#ports.wallClock().toISOString());
    this.#wanted = transitionTime(verdict, this.#wanted);
    this.#queue.add("state");
  }

  async #write(signal: AbortSignal): Promise<WorkResult> {
    const wanted = this.#wanted;
    if (wanted === undefined) return "done";
    const record = [...this.#records.values()].find(({ metadata }) => metadata.name === this.#config.name);
    if (record !== undefined && this.#hasRightMetadata(record) && saysVerdict(record.status, wanted)) return "done";
    await this.#pacer.take(signal);
    if (record === undefined) await this.#create();
    else if (!this.#hasRightMetadata(record)) await this.#patchMetadata();
    if (record !== undefined && saysVerdict(record.status, wanted)) return "done";
    const { namespace, name } = this.#config;
    const options = { namespace, type: "merge", subresource: "status" } as const;
    const status = transitionTime(wanted, record?.status);
    await this.#ports.client.patch<unknown>(CONFIGURATION_STATES, name, { status }, options);
    return "done";
  }

  #hasRightMetadata({ metadata, owners }: StateRecord): boolean {
    const labels = Object.entries(this.#config.labels);
    return (
      labels.every(([key, value]) => metadata.labels?.[key] === value) &&
      (this.#pod === undefined || owners.includes(this.#pod.uid))
    );
  }

  get #metadata(): object {
    const { labels } = this.#config;
    const pod = this.#pod;
    // An owner that is no more takes the object with it: whoever writes takes it over.
    return pod === undefined ? { labels } : { labels, ownerReferences: [{ apiVersion: "v1", kind: "Pod", ...pod }] };
  }

  async #create(): Promise<void> {
    const { namespace, name } = this.#config;
    const kind = { apiVersion: apiVersionOf(CONFIGURATION_STATES), kind: CONFIGURATION_STATES.kind };
    const body = { ...kind, metadata: { name, namespace, ...this.#metadata } };
    try {
      await this.#ports.client.create<unknown>(CONFIGURATION_STATES, body, { namespace });
    } catch (error) {
      // Our own of a moment ago, which the watch has not brought yet.
      if (!isConflict(error)) throw error;
    }
  }

  async #patchMetadata(): Promise<void> {
    const { namespace, name } = this.#config;
    const patch = { metadata: this.#metadata };
    await this.#ports.client.patch<unknown>(CONFIGURATION_STATES, name, patch, { namespace, type: "merge" });
  }
}

function stripState(raw: unknown): StateRecord | undefined {
  const object = stripRawObject(raw);
  if (object === undefined) return undefined;
  const owners = FieldReader.of(raw, "", new Problems()).object("metadata")?.objects("ownerReferences") ?? [];
  return {
    metadata: object.metadata,
    status: object.status,
    owners: owners.flatMap((owner) => owner.string("uid") ?? []),
  };
}
