import type { Allocator } from "../allocation/allocator.ts";
import { type Convergence, type ServiceEvent, withState } from "../allocation/convergence.ts";
import { isUnmet } from "../allocation/reason.ts";
import { ALLOCATED_FROM_POOL } from "../api/annotations.ts";
import type { ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import type { WorkResult } from "../kubernetes/work-queue.ts";
import type { Micros } from "../net/micros.ts";
import type { Log } from "../telemetry/log.ts";
import { ContestLedger } from "./contest-ledger.ts";
import { servicePatch } from "./service-patch.ts";

/** How the reconciler reaches the cluster. */
export interface ServiceReconcilerPorts {
  readonly log: Log;
  /** The Service as it stands, our own last write included. */
  readonly service: (key: ServiceKey) => Service | undefined;
  /** Patches `services/status`; rejects with what the API said. */
  readonly patchStatus: (service: Service, patch: object) => Promise<void>;
  /** For back-offs. */
  readonly now: () => Micros;
  readonly publish: (service: Service, event: ServiceEvent) => void;
  /** Whether a pool of this name exists that cannot be read now: its Services keep what they have. */
  readonly isPoolInvalid: (name: string) => boolean;
  readonly requeue: (keys: readonly ServiceKey[]) => void;
  readonly lookAgain: (key: ServiceKey, delay: Micros) => void;
  /** There may be another time to look at the Services that wait. */
  readonly conflictsChanged: () => void;
  /** The use of pools may have changed: their status wants a look. */
  readonly usageChanged: () => void;
}

/** Brings one Service at a time to what the allocator decides. */
export class ServiceReconciler {
  readonly #ports: ServiceReconcilerPorts;
  readonly #allocator: Allocator;
  /** Events of decisions that could not be written yet: said once the write is through. */
  readonly #unsaid = new Map<ServiceKey, readonly ServiceEvent[]>();
  /** Services that have not what they ask for, and why. */
  readonly #unmet = new Map<ServiceKey, string>();
  /** Services that keep addresses the allocator knows nothing of, because their pool is invalid. */
  readonly #held = new Set<ServiceKey>();
  readonly #contests = new ContestLedger();

  constructor(ports: ServiceReconcilerPorts, allocator: Allocator) {
    this.#ports = ports;
    this.#allocator = allocator;
  }

  /** Puts Services on the addresses they have before anything new is handed out, so that a restart moves nobody. */
  reclaim(services: Iterable<Service>): void {
    for (const service of services) this.#allocator.reclaim(service);
  }

  /**
   * The pools are others now. Services whose addresses were nobody's until now claim them before anybody else can be given
   * them, and are returned to be looked at again.
   */
  poolsChanged(): readonly ServiceKey[] {
    const held = [...this.#held];
    this.reclaim(held.flatMap((key) => this.#ports.service(key) ?? []));
    return held;
  }

  /** How many Services have not what they ask for, by reason. */
  refused(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const reason of this.#unmet.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    return counts;
  }

  /** Decides without waiting, so that the order of calls is the order of decisions; then writes. */
  async reconcile(key: ServiceKey): Promise<WorkResult> {
    const service = this.#ports.service(key);
    if (service === undefined) {
      this.#unsaid.delete(key);
      this.#held.delete(key);
      this.#unmet.delete(key);
      this.#contests.forget(key);
      this.#ports.requeue(this.#allocator.remove(key));
      this.#ports.usageChanged();
      return "done";
    }
    if (this.#holdsAddressOfInvalidPool(key, service)) return this.#hold(key, service);
    this.#held.delete(key);
    const decided = this.#allocator.converge(service, this.#ports.now());
    if (isUnmet(decided.outcome)) this.#unmet.set(key, decided.outcome);
    else this.#unmet.delete(key);
    this.#ports.requeue(decided.reprocess);
    if (decided.changed && this.#leavesToAnother(key, service)) return "done";
    this.#unsaid.set(key, [...(this.#unsaid.get(key) ?? []), ...decided.events]);
    if (decided.changed) await this.#write(service, decided);
    if (decided.conflicts.length > 0 || decided.outcome === "assigned") this.#ports.conflictsChanged();
    for (const event of this.#unsaid.get(key) ?? []) this.#ports.publish(service, event);
    this.#unsaid.delete(key);
    return "done";
  }

  async #write(service: Service, decided: Convergence): Promise<void> {
    this.#ports.usageChanged();
    await this.#ports.patchStatus(service, servicePatch(service, decided));
    const { key, outcome, pool } = decided;
    this.#contests.wrote(key, withState(service, decided.desired));
    const to = decided.ips.map(String);
    this.#ports.log.info("service addresses changed", { service: key, to, pool, reason: outcome });
  }

  /** Somebody writes over what we write: putting it right again and again is a storm that nobody wins. */
  #leavesToAnother(key: ServiceKey, service: Service): boolean {
    // Whoever is no load balancer any more has nothing to fight for.
    if (service.spec.type !== "LoadBalancer") return false;
    const { wait, begins } = this.#contests.judge(key, service, this.#ports.now());
    if (wait === 0) return false;
    this.#ports.lookAgain(key, wait);
    if (begins === "no") return true;
    const found = (service.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
    this.#ports.log.warn("service status contested", { service: key, to: found, reason: "second-controller", wait });
    if (begins === "first") this.#ports.publish(service, secondController(found));
    return true;
  }

  /** A pool with a typo must not cost the addresses that were handed out from it. */
  #holdsAddressOfInvalidPool(key: ServiceKey, { metadata, spec, status }: Service): boolean {
    const pool = metadata.annotations?.[ALLOCATED_FROM_POOL];
    if (pool === undefined || !this.#ports.isPoolInvalid(pool)) return false;
    // A Service that gives its addresses up, or whose addresses another pool has by now, is decided like any other.
    const holds = spec.type === "LoadBalancer" && (status?.loadBalancer?.ingress ?? []).length > 0;
    return holds && this.#allocator.allocation(key) === undefined;
  }

  #hold(key: ServiceKey, service: Service): WorkResult {
    if (this.#held.has(key)) return "done";
    this.#held.add(key);
    this.#unmet.set(key, "pool-invalid");
    const pool = service.metadata.annotations?.[ALLOCATED_FROM_POOL];
    this.#ports.log.warn("service keeps its addresses", { service: key, pool, reason: "pool-invalid" });
    return "done";
  }
}

function secondController(found: readonly string[]): ServiceEvent {
  const says = found.length === 0 ? "no address" : found.join(", ");
  const message = `second-controller: another controller writes ${says} over what Herald wrote; Herald puts it right less and less often until one of them lets go`;
  return { type: "Warning", reason: "SecondController", message };
}
