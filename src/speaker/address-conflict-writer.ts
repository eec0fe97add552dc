import { type AddressConflict, addressConflicts, conditionsWithConflicts } from "../api/address-conflict.ts";
import type { ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { isConflict, isNotFound } from "../kubernetes/errors.ts";
import { SERVICES } from "../kubernetes/resource.ts";
import { WorkQueue, type WorkQueuePorts, type WorkResult } from "../kubernetes/work-queue.ts";
import { millis, seconds } from "../net/micros.ts";
import type { WallClock } from "../system/clock.ts";
import { errorFields, type Log } from "../telemetry/log.ts";

export interface ConflictWriterPorts extends WorkQueuePorts {
  readonly client: Pick<KubernetesClient, "patch">;
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly service: (key: ServiceKey) => Service | undefined;
  /** What this node has met on addresses of the Service. */
  readonly found: (key: ServiceKey) => readonly AddressConflict[];
  /** The addresses of the Service that this node answers for: nobody else can be in conflict over them. */
  readonly answered: (key: ServiceKey) => readonly string[];
}

const RETRY = { baseDelay: millis(200), maxDelay: seconds(60) };

/** Keeps the Services' condition saying who else uses their addresses: this node's part of it. */
export class AddressConflictWriter {
  readonly #ports: ConflictWriterPorts;
  readonly #node: string;
  readonly #queue: WorkQueue<ServiceKey>;

  constructor(ports: ConflictWriterPorts, node: string) {
    this.#ports = ports;
    this.#node = node;
    const onError = (service: string, error: unknown): void =>
      ports.log.debug("condition of a service could not be written", { service, ...errorFields(error) });
    this.#queue = new WorkQueue(ports, { ...RETRY, onError });
  }

  /** Writes until the signal is aborted. */
  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run((key) => this.#write(key, signal), { concurrency: 2, signal });
  }

  /** The Service, what was found, or what this node answers for, has changed. */
  changed(key: ServiceKey): void {
    const service = this.#ports.service(key);
    if (service === undefined) return;
    const any = this.#ports.found(key).length > 0 || addressConflicts(service).length > 0;
    if (any) this.#queue.add(key);
  }

  async #write(key: ServiceKey, signal: AbortSignal): Promise<WorkResult> {
    const service = this.#ports.service(key);
    if (service === undefined) return "done";
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

  /** What other nodes said stays, while the address is the Service's and nobody of us answers for it. */
  #conflicts(key: ServiceKey, service: Service): readonly AddressConflict[] {
    const answered = new Set(this.#ports.answered(key));
    const addresses = (service.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
    const others = addressConflicts(service).filter(
      ({ node, address }) =>
        node !== this.#node && !answered.has(address) && (answered.size === 0 || addresses.includes(address)),
    );
    const own = this.#ports.found(key).filter(({ address }) => addresses.includes(address));
    return [...others, ...own].toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  }
}

function sortKey({ address, node, interface: name }: AddressConflict): string {
  return `${address} ${node} ${name}`;
}
