import { Allocator } from "../allocation/allocator.ts";
import type { InvalidObject, Pool, PoolName, ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { type ConfigMemory, NO_MEMORY, parseKeepingLastGood } from "../api/last-good.ts";
import { objectKey } from "../api/object.ts";
import { stripService } from "../api/strip.ts";
import { isConflict, isNotFound } from "../kubernetes/errors.ts";
import { EventRecorder } from "../kubernetes/event-recorder.ts";
import type { Change } from "../kubernetes/informer.ts";
import { IP_ADDRESS_POOLS, SERVICES } from "../kubernetes/resource.ts";
import { WorkQueue, type WorkResult } from "../kubernetes/work-queue.ts";
import { millis, seconds } from "../net/micros.ts";
import { errorFields } from "../telemetry/log.ts";
import { TransientError } from "../wire/errors.ts";
import type { ControllerCaches, ControllerOptions, ControllerPorts } from "./controller.ts";
import { type PoolStatus, poolStatus, samePoolStatus } from "./pool-status.ts";
import { ServiceCache } from "./service-cache.ts";
import { ServiceReconciler } from "./service-reconciler.ts";

/** Writes in flight: half of what an API server takes needs 16 to 64. */
const WRITES_IN_FLIGHT = 32;
/** A pool's counters change with every Service: its status follows at this pace. */
const POOL_STATUS_DELAY = millis(200);

export interface TermPorts extends ControllerPorts {
  /** Asked right before each write. */
  readonly mayWrite: () => boolean;
}

/** The Lease ran out between the decision and the write. */
class NoLongerLeader extends TransientError {
  readonly code = "ERR_CONTROLLER_NOT_LEADER";
}

/**
 * One term as the leader. It begins with nothing but what the cluster says, so that it cannot hold on to what an earlier
 * term believed.
 */
export class Term {
  readonly #ports: TermPorts;
  readonly #caches: ControllerCaches;
  readonly #namespace: string;
  readonly #allocator: Allocator;
  readonly #reconciler: ServiceReconciler;
  readonly #services: WorkQueue<ServiceKey>;
  readonly #pools: WorkQueue<PoolName>;
  readonly #cache: ServiceCache;
  readonly #events: EventRecorder;
  #memory: ConfigMemory = NO_MEMORY;
  #known: ReadonlyMap<PoolName, Pool> = new Map();
  #invalid: readonly InvalidObject[] = [];
  #over = false;

  constructor(ports: TermPorts, options: ControllerOptions, caches: ControllerCaches) {
    this.#ports = ports;
    this.#caches = caches;
    this.#namespace = options.namespace;
    this.#allocator = new Allocator(options.loadBalancerClass);
    this.#cache = new ServiceCache(caches.services);
    this.#events = new EventRecorder(ports, { component: "metallb-controller" });
    const queue = { baseDelay: millis(20), maxDelay: seconds(30), onError: this.#failed };
    this.#services = new WorkQueue(ports, queue);
    this.#pools = new WorkQueue(ports, queue);
    this.#reconciler = new ServiceReconciler(
      {
        log: ports.log,
        service: (key) => this.#cache.get(key),
        patchStatus: (service, patch) => this.#patchService(service, patch),
        publish: (service, event) => this.#events.record(referenceTo(service), event),
        isPoolInvalid: (name) => this.#invalid.some((object) => object.name === name) && !this.#isKnown(name),
        requeue: (keys) => this.#enqueue(keys),
        usageChanged: () => this.#usageChanged(),
      },
      this.#allocator,
    );
  }

  /** Works until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => {
      this.#over = true;
    });
    const { services, namespaces, config } = this.#caches;
    this.#reconfigure();
    this.#reconciler.reclaim(inReloadOrder(services.values()));
    this.#enqueue(inReloadOrder(services.values()).map(keyOf));
    const guarded = (act: () => void) => (): void => {
      if (!this.#over) act();
    };
    services.onChange((change) => guarded(() => this.#serviceChanged(change))());
    namespaces.onChange(guarded(() => this.#reconfigure()));
    config.onChange(guarded(() => this.#reconfigure()));
    // A status that somebody edited is put right.
    config.onPoolChange((pool) => guarded(() => this.#poolTouched(pool.metadata.name))());
    await Promise.all([
      this.#services.run((key) => this.#reconcile(key), { concurrency: WRITES_IN_FLIGHT, signal }),
      this.#pools.run((name) => this.#writePoolStatus(name), { concurrency: 4, signal }),
    ]);
    await this.#events.flush();
  }

  /** Services written to and not yet answered, or waiting for their turn: 0 means that everything is said. */
  get pending(): number {
    return this.#services.depth + this.#services.running;
  }

  #reconfigure(): void {
    const { config, memory, invalid } = parseKeepingLastGood(
      this.#caches.config.objects(),
      { nodes: [] },
      this.#memory,
    );
    this.#memory = memory;
    this.#reportInvalid(invalid);
    this.#known = config.pools;
    const namespaces = new Map(
      [...this.#caches.namespaces.values()].map((n) => [n.metadata.name, n.metadata.labels ?? {}]),
    );
    this.#enqueue(this.#allocator.setConfig(config.pools, namespaces));
    for (const name of config.pools.keys()) this.#pools.add(name);
  }

  #reportInvalid(invalid: readonly InvalidObject[]): void {
    const before = new Set(this.#invalid.map(({ kind, name, message }) => `${kind}/${name}: ${message}`));
    for (const { kind, name, message } of invalid) {
      if (before.has(`${kind}/${name}: ${message}`)) continue;
      this.#ports.log.error("object is invalid and left out", { kind, name, reason: message });
    }
    this.#invalid = invalid;
  }

  #isKnown(name: string): boolean {
    return [...this.#known.keys()].some((known) => known === name);
  }

  #serviceChanged(change: Change<Service>): void {
    this.#services.add(keyOf(change.object));
  }

  #enqueue(keys: readonly ServiceKey[]): void {
    for (const key of keys) this.#services.add(key);
  }

  #usageChanged(): void {
    for (const name of this.#known.keys()) this.#pools.addAfter(name, POOL_STATUS_DELAY);
  }

  #poolTouched(name: string): void {
    for (const known of this.#known.keys()) if (known === name) this.#pools.addAfter(known, POOL_STATUS_DELAY);
  }

  async #reconcile(key: ServiceKey): Promise<WorkResult> {
    try {
      return await this.#reconciler.reconcile(key);
    } catch (error) {
      // Somebody changed the Service first, or it is gone: the watch brings what there is now.
      if (isNotFound(error)) return "done";
      if (isConflict(error)) return "retry";
      throw error;
    }
  }

  async #patchService(service: Service, patch: object): Promise<void> {
    const { namespace, name } = service.metadata;
    this.#demandLead();
    const written = await this.#ports.client.patch<unknown>(SERVICES, name, patch, {
      namespace,
      type: "merge",
      subresource: "status",
    });
    const stripped = stripService(written);
    if (stripped !== undefined) this.#cache.wrote(stripped);
  }

  async #writePoolStatus(name: PoolName): Promise<WorkResult> {
    const counters = this.#allocator.counters().get(name);
    const object = this.#caches.config.objects().pools.find((pool) => pool.metadata.name === name);
    if (counters === undefined || object === undefined) return "done";
    const status: PoolStatus = poolStatus(counters);
    if (samePoolStatus(object.status, status)) return "done";
    this.#demandLead();
    const options = { namespace: this.#namespace, type: "merge", subresource: "status" } as const;
    await this.#ports.client.patch<unknown>(IP_ADDRESS_POOLS, name, { status }, options);
    return "done";
  }

  #demandLead(): void {
    if (!this.#ports.mayWrite()) throw new NoLongerLeader("the lease ended before the write");
  }

  readonly #failed = (key: string, error: unknown): void => {
    this.#ports.log.warn("reconcile failed, will be tried again", { key, ...errorFields(error) });
  };
}

/** Those with addresses first, so that they keep them; then by age and name: the same order at every start (reference 3.7). */
function inReloadOrder(services: Iterable<Service>): readonly Service[] {
  const rank = (service: Service): number => service.status?.loadBalancer?.ingress?.length ?? 0;
  const age = (service: Service): string => `${service.metadata.creationTimestamp ?? "~"} ${objectKey(service)}`;
  return [...services].sort((a, b) => rank(b) - rank(a) || (age(a) < age(b) ? -1 : 1));
}

function keyOf(service: Service): ServiceKey {
  // The key of a Service is what the type stands for.
  return objectKey(service) as ServiceKey;
}

function referenceTo(service: Service): { readonly apiVersion: string; readonly kind: string } & Service["metadata"] {
  return { apiVersion: "v1", kind: "Service", ...service.metadata };
}
