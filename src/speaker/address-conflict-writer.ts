import type { Decision } from "../announcement/decision.ts";
import { type AddressConflict, addressConflicts, conditionsWithConflicts } from "../api/address-conflict.ts";
import type { ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { isConflict, isNotFound } from "../kubernetes/errors.ts";
import { SERVICES } from "../kubernetes/resource.ts";
import { WorkQueue, type WorkQueuePorts, type WorkResult } from "../kubernetes/work-queue.ts";
import { WritePacer } from "../kubernetes/write-pacer.ts";
import { millis, seconds } from "../net/micros.ts";
import type { WallClock } from "../system/clock.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { conflictsToSay, type Refused, refusedAtLayer2, type Standing, standingOfRefusal } from "./conflict-words.ts";

export interface ConflictWriterPorts extends WorkQueuePorts {
  readonly client: Pick<KubernetesClient, "patch">;
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly service: (key: ServiceKey) => Service | undefined;
  /** What this node has met on addresses of the Service. */
  readonly found: (key: ServiceKey) => readonly AddressConflict[];
  /** The addresses of the Service that this node is to answer for. */
  readonly held: (key: ServiceKey) => readonly string[];
  /** Of these, those that it answers for: nobody else can be in conflict over them. */
  readonly answered: (key: ServiceKey) => readonly string[];
  /** The nodes whose speakers are there, as far as that is known yet. */
  readonly alive: () => ReadonlySet<string>;
}

const RETRY = { baseDelay: millis(200), maxDelay: seconds(60) };
/** Two nodes that take each other for gone, and find another thing each, take back what the other says again and again. */
const PACE = { burst: 20, interval: millis(200) };

/** Keeps the Services' condition saying who else uses their addresses: this node's part of it. */
export class AddressConflictWriter {
  readonly #ports: ConflictWriterPorts;
  readonly #node: string;
  readonly #queue: WorkQueue<ServiceKey>;
  readonly #pacer: WritePacer;
  /** Of the Services with a conflict: why this node does not answer for their addresses. */
  readonly #refused = new Map<ServiceKey, Refused>();

  constructor(ports: ConflictWriterPorts, node: string) {
    this.#ports = ports;
    this.#node = node;
    const onError = (service: string, error: unknown): void =>
      ports.log.debug("condition of a service could not be written", { service, ...errorFields(error) });
    this.#queue = new WorkQueue(ports, { ...RETRY, onError });
    this.#pacer = new WritePacer(ports.clock, PACE);
  }

  /** Writes until the signal is aborted. */
  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run((key) => this.#write(key, signal), { concurrency: 2, signal });
  }

  /** It was decided anew what this node does for the Service. */
  decided(key: ServiceKey, decision: Decision | undefined): void {
    if (!this.#isConcerned(key)) {
      this.#refused.delete(key);
      return;
    }
    this.#refused.set(key, refusedAtLayer2(decision));
    this.#queue.add(key);
  }

  /** What was found, or what this node answers for, has changed. */
  changed(key: ServiceKey): void {
    if (this.#isConcerned(key)) this.#queue.add(key);
  }

  /** Somebody came or went: what the dead have said is for others to take back. */
  membersChanged(): void {
    for (const key of this.#refused.keys()) this.#queue.add(key);
  }

  #isConcerned(key: ServiceKey): boolean {
    const service = this.#ports.service(key);
    if (service === undefined) return false;
    return this.#ports.found(key).length > 0 || addressConflicts(service).length > 0;
  }

  async #write(key: ServiceKey, signal: AbortSignal): Promise<WorkResult> {
    const service = this.#ports.service(key);
    // Before this node stands for anything it knows of nobody who does.
    if (service === undefined || !this.#ports.alive().has(this.#node)) return "done";
    const { name, namespace, resourceVersion } = service.metadata;
    const at = this.#ports
      .wallClock()
      .toISOString()
      .replace(/\.\d+Z$/, "Z");
    const conditions = conditionsWithConflicts(service, this.#conflicts(key, service), at);
    if (
      conditions === service.status?.conditions ||
      (conditions.length === 0 && service.status?.conditions === undefined)
    )
      return "done";
    // A merge patch takes the place of the whole list: only of the one that was looked at.
    const patch = { metadata: { resourceVersion }, status: { conditions } };
    await this.#pacer.take(signal);
    if (signal.aborted) return "done";
    try {
      await this.#ports.client.patch<unknown>(SERVICES, name, patch, {
        namespace,
        type: "merge",
        subresource: "status",
        signal,
      });
    } catch (error) {
      if (isNotFound(error)) return "done";
      if (!isConflict(error)) throw error;
      return "retry";
    }
    return "done";
  }

  #conflicts(key: ServiceKey, service: Service): readonly AddressConflict[] {
    const { found, held, answered, alive } = this.#ports;
    const [holds, answers, refused] = [held(key), answered(key), this.#refused.get(key)];
    const standing = (address: string): Standing => {
      if (answers.includes(address)) return "answers";
      return holds.includes(address) ? "looks" : standingOfRefusal(refused?.get(address));
    };
    return conflictsToSay({
      node: this.#node,
      said: addressConflicts(service),
      found: found(key),
      addresses: (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []),
      standing,
      alive: alive(),
    });
  }
}
