import type { Installation } from "../adoption/installation.ts";
import { Allocator } from "../allocation/allocator.ts";
import type { ServiceEvent } from "../allocation/convergence.ts";
import type { PoolCounters } from "../allocation/counters.ts";
import { nodeName } from "../api/brands.ts";
import type { PoolName, ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { stripService } from "../api/strip.ts";
import type { ConfigReading } from "../kubernetes/config-source.ts";
import { ConfigurationStateWriter } from "../kubernetes/configuration-state.ts";
import { isConflict, isNotFound } from "../kubernetes/errors.ts";
import { EventRecorder, type EventReference } from "../kubernetes/event-recorder.ts";
import type { Change } from "../kubernetes/informer.ts";
import { IP_ADDRESS_POOLS, SERVICES } from "../kubernetes/resource.ts";
import { WorkQueue, type WorkResult } from "../kubernetes/work-queue.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Timer } from "../system/clock.ts";
import { TurnGuard } from "../system/turn-guard.ts";
import { errorFields } from "../telemetry/log.ts";
import type { QueueNumbers } from "../telemetry/shared-metrics.ts";
import { LateEvents } from "./late-events.ts";
import { fenceOffLateWrites } from "./late-writes.ts";
import { poolStatus, samePoolStatus } from "./pool-status.ts";
import type { ControllerCaches, ControllerOptions, ControllerPorts } from "./ports.ts";
import { exposedServices, inReloadOrder, inTurns } from "./reload.ts";
import { watchForSecondController } from "./second-controller.ts";
import { ServiceCache } from "./service-cache.ts";
import { ServiceReconciler } from "./service-reconciler.ts";
import type { SpeakerWord } from "./speaker-words.ts";
import { GONE_NODE_GRACE, WordCollector } from "./word-collector.ts";
import { WriteGate, type WriteGatePorts } from "./write-gate.ts";

/** Writes in flight: half of what an API server takes needs 16 to 64. */
const WRITES_IN_FLIGHT = 32;
/** A pool's counters change with every Service: its status follows at this pace. */
const POOL_STATUS_DELAY = millis(200);

export interface TermPorts extends ControllerPorts, WriteGatePorts {
  /** Whether an earlier leader, who did not say goodbye, may have sent writes that still arrive. */
  readonly lateWrites: boolean;
}

/**
 * One term as the leader. It begins with nothing but what the cluster says, so that it cannot hold on to what an earlier
 * term believed.
 */
export class Term {
  readonly #ports: TermPorts;
  readonly #caches: ControllerCaches;
  readonly #namespace: string;
  readonly #loadBalancerClass: string;
  readonly #allocator: Allocator;
  readonly #reconciler: ServiceReconciler;
  readonly #services: WorkQueue<ServiceKey>;
  readonly #pools: WorkQueue<PoolName>;
  readonly #cache: ServiceCache;
  readonly #events: EventRecorder;
  readonly #lateEvents: LateEvents;
  readonly #state: ConfigurationStateWriter;
  readonly #gate: WriteGate;
  readonly #collector: WordCollector;
  /** Services that changed and were not decided since: what to call when their new addresses are written. */
  readonly #changed = new Map<ServiceKey, () => void>();
  readonly #turn: TurnGuard;
  /** While the addresses that are in use are claimed: what changes meanwhile. */
  #meanwhile: { readonly services: Set<ServiceKey>; config: boolean } | undefined;
  #reading: ConfigReading;
  #poolsDue: Timer | undefined;
  #conflictsDue: Timer | undefined;

  constructor(ports: TermPorts, options: ControllerOptions, caches: ControllerCaches) {
    this.#ports = ports;
    this.#caches = caches;
    this.#namespace = options.namespace;
    this.#loadBalancerClass = options.loadBalancerClass;
    this.#allocator = new Allocator(options.loadBalancerClass);
    this.#cache = new ServiceCache(caches.services);
    this.#turn = new TurnGuard(ports.clock);
    const labels = { "metallb.io/component-type": "controller" };
    const state = {
      namespace: options.namespace,
      name: "controller",
      labels,
      condition: "poolReconcilerValid",
      podName: options.podName,
    } as const;
    this.#gate = new WriteGate(ports);
    const client = this.#gate.client(ports.client);
    this.#events = new EventRecorder({ ...ports, client }, { component: "metallb-controller" });
    this.#state = new ConfigurationStateWriter({ ...ports, client }, state);
    this.#collector = this.#makeCollector(options);
    this.#lateEvents = new LateEvents({
      clock: ports.clock,
      busy: () => this.#services.depth > 0,
      room: () => this.#events.room,
      record: (service, event) => this.#events.record(referenceTo("v1", "Service", service.metadata), event),
    });
    const queue = { baseDelay: millis(20), maxDelay: seconds(30), onError: this.#failed };
    this.#services = new WorkQueue(ports, queue);
    this.#pools = new WorkQueue(ports, queue);
    this.#reconciler = this.#makeReconciler();
    this.#reading = caches.config.read();
  }

  /** Works until the signal is aborted, and resolves when the last write is answered. */
  async run(signal: AbortSignal): Promise<void> {
    this.#gate.open(signal);
    this.#use(this.#reading);
    await this.#fenceOffLateWrites(signal);
    await this.#reclaim(signal);
    await Promise.all([
      this.#services.run((key) => this.#reconcile(key, signal), { concurrency: WRITES_IN_FLIGHT, signal }),
      this.#pools.run((name) => this.#writePoolStatus(name), { concurrency: 4, signal }),
      this.#state.run(signal),
      this.#watchForSecondController(signal),
      this.#collector.run(signal),
    ]);
    this.#poolsDue?.cancel();
    this.#conflictsDue?.cancel();
    await this.#sayTheRest();
  }

  /** Nothing is decided before it is through: an address that a Service has, and has not claimed yet, looks like a free one. */
  async #reclaim(signal: AbortSignal): Promise<void> {
    const services = inReloadOrder(this.#caches.services.values());
    this.#enqueue(services.map(keyOfService));
    const meanwhile = { services: new Set<ServiceKey>(), config: false };
    this.#meanwhile = meanwhile;
    const pace = { guard: this.#turn, signal };
    await inTurns(services, (service) => this.#reconciler.reclaim([service]), pace);
    const changed = (key: ServiceKey): void => {
      // Forgotten first, so that it comes again when it changes once more.
      meanwhile.services.delete(key);
      const service = this.#cache.get(key);
      if (service !== undefined) this.#reconciler.reclaim([service]);
    };
    await inTurns(meanwhile.services, changed, pace);
    this.#meanwhile = undefined;
    if (meanwhile.config && !signal.aborted) this.configChanged();
  }

  async #watchForSecondController(signal: AbortSignal): Promise<void> {
    const { client, clock, log } = this.#ports;
    const found = ({ controller }: Installation, message: string): void => {
      if (controller === undefined) return;
      const { name, namespace, fields } = controller.object;
      const uid = fields.object("metadata")?.string("uid") ?? "";
      const event = { type: "Warning", reason: "SecondController", message } as const;
      this.#events.record(referenceTo("apps/v1", "Deployment", { name, namespace, uid }), event);
    };
    const config = { namespace: this.#namespace, loadBalancerClass: this.#loadBalancerClass };
    await watchForSecondController({ client, clock, log, found }, config, signal);
  }

  /** Without the Lease there is nobody left who may: the next term must not wait for it. */
  async #sayTheRest(): Promise<void> {
    if (!this.#ports.mayWrite()) return this.#events.stop();
    this.#lateEvents.flush();
    await this.#events[Symbol.asyncDispose]();
  }

  async #fenceOffLateWrites(signal: AbortSignal): Promise<void> {
    const { clock, random, log, lateWrites } = this.#ports;
    if (!lateWrites) return;
    const pace = { guard: this.#turn, signal };
    const rules = () => ({
      pools: this.#reading.config.pools,
      namespaces: this.#namespaceLabels(),
      loadBalancerClass: this.#loadBalancerClass,
    });
    const ports = {
      ...{ clock, random, log },
      exposed: () => exposedServices(this.#caches.services.values(), rules(), { ...pace, at: clock.now() }),
      patchStatus: (service: Service, patch: object) => this.#patchService(service, patch),
      refresh: () => this.#caches.services.refresh(),
    };
    await fenceOffLateWrites(ports, signal);
  }

  #namespaceLabels(): ReadonlyMap<string, Readonly<Record<string, string>>> {
    const namespaces = [...this.#caches.namespaces.values()];
    return new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
  }

  serviceChanged({ type, object }: Change<Service>): void {
    if (type === "modified" && this.#cache.isEcho(object)) return;
    const key = keyOfService(object);
    if (this.#ports.stopwatch !== undefined && !this.#changed.has(key)) this.#changed.set(key, this.#ports.stopwatch());
    this.#services.add(key);
    this.#meanwhile?.services.add(key);
  }

  /** What each pool has and how much of it is in use. */
  counters(): ReadonlyMap<PoolName, PoolCounters> {
    return this.#allocator.counters();
  }

  /** How many Services have addresses of each pool. */
  servicesByPool(): ReadonlyMap<PoolName, number> {
    return this.#allocator.servicesByPool();
  }

  /** How many Services have not what they ask for, by reason. */
  refused(): ReadonlyMap<string, number> {
    return this.#reconciler.refused();
  }

  /** The work that waits. */
  queues(): readonly QueueNumbers[] {
    return [this.#services.reading("services"), this.#pools.reading("ipaddresspools")];
  }

  /** How many objects are left out or go on as they last worked. */
  get invalid(): number {
    return this.#reading.invalid.length;
  }

  /** How many Services wait for their turn. */
  get backlog(): number {
    return this.#services.depth;
  }

  /** Pools or namespaces changed. */
  configChanged(): void {
    if (this.#meanwhile === undefined) this.#use(this.#caches.config.read());
    else this.#meanwhile.config = true;
  }

  /** The cache was read anew as a whole, perhaps from a cluster that lost what was written last. */
  relisted(): void {
    this.#enqueue(this.#cache.relisted().map(keyOfService));
  }

  /** A pool's status that somebody edited is put right. */
  poolTouched(): void {
    this.#poolsDue ??= this.#ports.clock.after(POOL_STATUS_DELAY, () => {
      this.#poolsDue = undefined;
      for (const name of this.#reading.config.pools.keys()) this.#pools.add(name);
    });
  }

  #makeCollector({ namespace, goneNodeGrace: grace = GONE_NODE_GRACE }: ControllerOptions): WordCollector {
    const ports = {
      ...this.#ports,
      nodes: () => new Set(this.#reading.nodes.map(({ metadata }) => nodeName(metadata.name))),
      remove: ({ resource, name, uid, resourceVersion }: SpeakerWord) =>
        this.#gate.write((guard) =>
          this.#ports.client.delete(resource, name, { namespace, uid, resourceVersion, ...guard }),
        ),
    };
    return new WordCollector(ports, { namespace, grace });
  }

  #makeReconciler(): ServiceReconciler {
    const ports = {
      log: this.#ports.log,
      service: (key: ServiceKey) => this.#cache.get(key),
      patchStatus: (service: Service, patch: object) => this.#patchService(service, patch),
      publish: (service: Service, event: ServiceEvent) => this.#lateEvents.publish(service, event),
      isPoolInvalid: (name: string) => this.#isPoolInvalid(name),
      requeue: (keys: readonly ServiceKey[]) => this.#enqueue(keys),
      lookAgain: (key: ServiceKey, delay: Micros) => this.#services.addAfter(key, delay),
      usageChanged: () => this.poolTouched(),
      now: () => this.#ports.clock.now(),
      conflictsChanged: () => this.#lookAgainAfterConflict(),
    };
    return new ServiceReconciler(ports, this.#allocator);
  }

  #use(reading: ConfigReading): void {
    this.#reading = reading;
    // Every reader sees the same objects: the controller, of which there is one, says on each what is wrong with it.
    for (const { kind, name, message } of reading.news) {
      const object = this.#caches.config.find(kind, name);
      if (object === undefined) continue;
      const about = referenceTo(object.apiVersion ?? "", kind, object.metadata);
      this.#events.record(about, { type: "Warning", reason: "ConfigurationError", message });
    }
    this.#state.report(reading.invalid);
    const affected = this.#allocator.setConfig(reading.config.pools, this.#namespaceLabels());
    this.#enqueue([...this.#reconciler.poolsChanged(), ...affected]);
    this.poolTouched();
  }

  /** An address that strangers were found on is worth another try one day, and so are those who got no other. */
  #lookAgainAfterConflict(): void {
    const now = this.#ports.clock.now();
    const end = this.#allocator.nextEndOfConflict(now);
    this.#conflictsDue?.cancel();
    this.#conflictsDue = undefined;
    if (end === undefined) return;
    this.#conflictsDue = this.#ports.clock.after(micros(end - now), () => {
      this.#enqueue(this.#allocator.waiting());
      this.#lookAgainAfterConflict();
    });
  }

  #isPoolInvalid(name: string): boolean {
    const { invalid, config } = this.#reading;
    const broken = invalid.some((object) => object.kind === "IPAddressPool" && object.name === name);
    return broken && ![...config.pools.keys()].some((known) => known === name);
  }

  #enqueue(keys: readonly ServiceKey[]): void {
    for (const key of keys) this.#services.add(key);
  }

  async #reconcile(key: ServiceKey, signal: AbortSignal): Promise<WorkResult> {
    // Those that wait for the same turn go on in their order, and before any other begins.
    if (this.#turn.over !== undefined) await this.#turn.over;
    if (signal.aborted) return "retry";
    try {
      const result = await this.#reconciler.reconcile(key);
      // Nothing had to be written, or it was.
      this.#changed.delete(key);
      return result;
    } catch (error) {
      // Somebody changed the Service first, or it is gone: the watch brings what there is now.
      if (isConflict(error)) return "retry";
      if (!isNotFound(error)) throw error;
      this.#changed.delete(key);
      return "done";
    }
  }

  async #patchService(service: Service, patch: object): Promise<void> {
    const { namespace, name } = service.metadata;
    const options = { namespace, type: "merge", subresource: "status" } as const;
    const written = stripService(
      await this.#gate.write((guard) =>
        this.#ports.client.patch<unknown>(SERVICES, name, patch, { ...options, ...guard }),
      ),
    );
    this.#changed.get(keyOfService(service))?.();
    if (written !== undefined) this.#cache.wrote(written);
  }

  async #writePoolStatus(name: PoolName): Promise<WorkResult> {
    const counters = this.#allocator.countersOf(name);
    const object = this.#caches.config.pools.find((pool) => pool.metadata.name === name);
    if (counters === undefined || object === undefined) return "done";
    const status = poolStatus(counters);
    if (samePoolStatus(object.status, status)) return "done";
    const options = { namespace: this.#namespace, type: "merge", subresource: "status" } as const;
    // A write that comes late, from a leader that was suspended, must not undo what the next one says.
    const patch = { metadata: { resourceVersion: object.metadata.resourceVersion }, status };
    try {
      await this.#gate.write((guard) =>
        this.#ports.client.patch<unknown>(IP_ADDRESS_POOLS, name, patch, { ...options, ...guard }),
      );
    } catch (error) {
      if (isNotFound(error)) return "done";
      if (isConflict(error)) return "retry";
      throw error;
    }
    return "done";
  }

  readonly #failed = (key: string, error: unknown): void => {
    this.#ports.log.warn("reconcile failed, will be tried again", { key, ...errorFields(error) });
  };
}

function referenceTo(
  apiVersion: string,
  kind: string,
  object: Omit<EventReference, "apiVersion" | "kind">,
): EventReference {
  return { apiVersion, kind, ...object };
}
