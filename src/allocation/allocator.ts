import { type AddressConflict, addressConflicts } from "../api/address-conflict.ts";
import { ALLOCATED_FROM_POOL } from "../api/annotations.ts";
import type { Pool, PoolName, ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import type { IpAddress } from "../net/ip-address.ts";
import { type Micros, micros } from "../net/micros.ts";
import { AddressBook, type Allocation } from "./address-book.ts";
import { allocate, claim, type Desk, noneInPool } from "./choice.ts";
import { ConflictLedger } from "./conflict-ledger.ts";
import { type Convergence, type ServiceEvent, stateFor, stateOf, stateText, stateWithout } from "./convergence.ts";
import type { PoolCounters } from "./counters.ts";
import {
  addressConflict,
  allocated,
  allocationFailed,
  clearAssignment,
  deprecations,
  eventText,
  isNews,
  normal,
  warning,
} from "./events.ts";
import {
  type Current,
  type Finding,
  failed,
  familiesFit,
  lacksFamily,
  letGo,
  sameAddresses,
  untouched,
} from "./finding.ts";
import { type Labels, PoolDirectory } from "./pool-directory.ts";
import { type AllocationReason, quoted, quotedList, type Refusal } from "./reason.ts";
import { readSubject, type Subject } from "./subject.ts";

/** What was last said about a Service. */
interface Said {
  readonly events: ReadonlySet<string>;
  readonly state: string;
}

/** Nothing about these is worth remembering: most Services of a cluster are like that. */
const NOT_OURS: ReadonlySet<AllocationReason> = new Set(["not-load-balancer", "foreign-class"]);

/**
 * Hands out addresses. Level-based: `converge` looks at all a Service says and all the allocator knows, whichever event
 * came before, and looking twice changes nothing. It has no effects: the caller writes `desired` and publishes `events`.
 */
export class Allocator {
  readonly #loadBalancerClass: string;
  readonly #conflicts = new ConflictLedger();
  /** When the look that is under way takes place. */
  #at = micros(0);
  readonly #book = new AddressBook((ip) => this.#conflicts.isShunned(ip.toString(), this.#at));
  #directory = new PoolDirectory([], new Map());
  /** Undefined until pools have been read, which is not the same as there being none. */
  #fingerprint: string | undefined;
  readonly #said = new Map<ServiceKey, Said>();
  /** In the order they began to wait: who came first is served first. */
  readonly #waiting = new Set<ServiceKey>();

  /** Without a class, Services without one are looked after; with a class, those that name it (3.8). */
  constructor(loadBalancerClass = "") {
    this.#loadBalancerClass = loadBalancerClass;
  }

  /** Takes new pools and namespaces (3.7), and returns the Services to look at again: those that lost their addresses first. */
  setConfig(pools: ReadonlyMap<PoolName, Pool>, namespaces: ReadonlyMap<string, Labels>): readonly ServiceKey[] {
    const directory = new PoolDirectory(pools.values(), namespaces);
    const fingerprint = directory.fingerprint();
    if (fingerprint === this.#fingerprint) return [];
    this.#fingerprint = fingerprint;
    this.#directory = directory;
    const lost = this.#book.setPools(directory.pools());
    const held = [...this.#book.allocations()].map(({ key }) => key);
    return [...new Set([...lost, ...held, ...this.#waiting, ...this.#said.keys()])];
  }

  /**
   * Puts the Service on the addresses its status names, if it may have them, and says nothing. Done for every Service
   * before the first is given a new address, so that a restart moves nobody (3.7).
   */
  reclaim(service: Service): void {
    const subject = readSubject(service);
    if (service.spec.type !== "LoadBalancer" || !this.#isOurClass(service)) return;
    if (subject.statusFamilies !== undefined) claim(this.#desk, subject, subject.status);
  }

  /** Looks at one Service: the newest there is of it, the answer to the last write included. Only back-offs ask for the time. */
  converge(service: Service, at: Micros = micros(0)): Convergence {
    this.#at = at;
    const subject = readSubject(service);
    const before = this.#book.allocation(subject.key);
    const finding = this.#look(subject);
    if (finding.waits === true) this.#waiting.add(subject.key);
    else this.#waiting.delete(subject.key);
    const after = this.#book.allocation(subject.key);
    const { outcome, message = "", desired } = finding;
    const ips = after?.ips ?? [];
    const conflicts = conflictsOn(ips, service);
    const conflictOver = conflicts.length < addressConflicts(service).length;
    return {
      key: subject.key,
      outcome,
      message,
      ips,
      pool: after?.pool,
      desired,
      conflicts,
      changed: conflictOver || stateText(desired) !== stateText(stateOf(service)),
      events: this.#unsaid(subject, finding),
      reprocess: letGo(before, after) ? this.#waitingBut(subject.key) : [],
    };
  }

  /** Forgets a deleted Service, and returns the Services to look at again. */
  remove(key: ServiceKey): readonly ServiceKey[] {
    this.#said.delete(key);
    this.#waiting.delete(key);
    this.#conflicts.forget(key);
    return this.#book.release(key) === undefined ? [] : this.#waitingBut(key);
  }

  /** The Services that would like an address, first come first. */
  waiting(): readonly ServiceKey[] {
    return [...this.#waiting];
  }

  /** When the Services that wait are worth another look, because an address is no longer shunned; undefined for never. */
  nextEndOfConflict(at: Micros): Micros | undefined {
    return this.#conflicts.nextEnd(at);
  }

  allocation(key: ServiceKey): Allocation | undefined {
    return this.#book.allocation(key);
  }

  /** The Services on an address, in name order. */
  holders(ip: IpAddress): readonly ServiceKey[] {
    return this.#book.holders(ip);
  }

  /** How many Services have addresses of each pool. */
  servicesByPool(): ReadonlyMap<PoolName, number> {
    const counts = new Map<PoolName, number>([...this.#directory.pools()].map(({ name }) => [name, 0]));
    for (const { pool } of this.#book.allocations()) counts.set(pool, (counts.get(pool) ?? 0) + 1);
    return counts;
  }

  /** For the status of every pool and for the gauges (3.9), in name order. */
  counters(): ReadonlyMap<PoolName, PoolCounters> {
    return this.#book.counters();
  }

  /** Of one pool; undefined when there is none of that name. */
  countersOf(pool: PoolName): PoolCounters | undefined {
    return this.#book.countersOf(pool);
  }

  /** Reference 3.3, in its order. */
  #look(subject: Subject): Finding {
    const { service, clusterIps, policy } = subject;
    if (service.spec.type === "LoadBalancer" && !this.#isOurClass(service)) return this.#leaveToOthers(subject);
    if (this.#fingerprint === undefined) return untouched(subject, "no-configuration");
    if (service.spec.type !== "LoadBalancer") return this.#notLoadBalancer(subject);
    if (this.#directory.size === 0) return this.#fail(subject, noPools);
    if (clusterIps.length === 0) return this.#fail(subject, noClusterIps);
    if (policy === "RequireDualStack" && clusterIps.length < 2) return this.#notEnoughClusterIps(subject);
    const current = this.#current(subject);
    if (current.stop !== undefined) return current.stop;
    if (current.ips !== undefined) return this.#keep(subject, current.ips, current.events);
    return this.#assignNew(subject, current.events);
  }

  get #desk(): Desk {
    return { book: this.#book, directory: this.#directory };
  }

  #isOurClass(service: Service): boolean {
    return (service.spec.loadBalancerClass ?? "") === this.#loadBalancerClass;
  }

  /** Another class took over while this Service held addresses: they are freed and taken out of the status. */
  #leaveToOthers(subject: Subject): Finding {
    const held = this.#book.release(subject.key);
    if (held === undefined) return untouched(subject, "foreign-class");
    const desired = stateWithout(subject.service, held.ips, held.pool);
    return { outcome: "cleared-foreign-class", desired, events: [] };
  }

  /**
   * A Service that stops being a load balancer drops its class with the type, so with a class configured it is known by
   * what it holds, or by the annotation (3.8).
   */
  #notLoadBalancer(subject: Subject): Finding {
    const marked = subject.service.metadata.annotations?.[ALLOCATED_FROM_POOL] !== undefined;
    const ours = this.#isOurClass(subject.service) || marked || this.#book.allocation(subject.key) !== undefined;
    if (!ours) return untouched(subject, "not-load-balancer");
    const held = this.#book.release(subject.key) !== undefined;
    const desired = stateFor(subject.service, [], undefined);
    const clears = held || stateText(desired) !== stateText(stateOf(subject.service));
    return { outcome: clears ? "cleared-not-load-balancer" : "not-load-balancer", desired, events: [] };
  }

  #notEnoughClusterIps(subject: Subject): Finding {
    const message = `RequireDualStack needs two cluster IPs, the service has ${quotedList(subject.clusterIps)}`;
    this.#book.release(subject.key);
    const complaint = warning("not enough clusterips", message);
    return failed(subject, { reason: "not-enough-cluster-ips", message }, [complaint]);
  }

  /** Steps 8 and 9: the status is the truth; where it says nothing yet, what was handed out and is being written. */
  #current(subject: Subject): Current {
    const held = this.#book.allocation(subject.key)?.ips ?? [];
    const status = subject.statusTexts.length > 0 ? this.#fromStatus(subject) : { events: [] };
    if (status.ips !== undefined || status.stop !== undefined || held.length === 0) return status;
    const kept = this.#examine(subject, held);
    return { ...kept, events: status.events };
  }

  #fromStatus(subject: Subject): Current {
    const { statusFamilies, clusterFamilies, status } = subject;
    const events: ServiceEvent[] = [];
    if (statusFamilies === undefined) {
      const message = `cannot tell the IP family of the status IPs ${quotedList(subject.statusTexts)}`;
      events.push(warning("nolbIPsIPFamily", message));
    }
    if (clusterFamilies === undefined) return this.#keepBlindly(subject, events);
    if (statusFamilies === undefined) return { events };
    return this.#examine(subject, status);
  }

  /** Nobody can tell what the Service wants: it keeps what it has, unless another Service has it or could be given it. */
  #keepBlindly(subject: Subject, before: readonly ServiceEvent[]): Current {
    const message = `cannot tell the IP family of the cluster IPs ${quotedList(subject.clusterIps)}`;
    const events = [...before, warning("noclusterIPsIPFamily", message)];
    const claimable = subject.statusFamilies !== undefined;
    const refused = claimable ? claim(this.#desk, subject, subject.status) : undefined;
    const unguarded = !claimable || refused !== undefined;
    if (unguarded && subject.status.some((ip) => this.#book.poolOf([ip]) !== undefined)) {
      return { events: refused === undefined ? events : [...events, clearAssignment(subject.key, refused)] };
    }
    return { stop: { ...untouched(subject, "kept-family-unknown"), message, events }, events };
  }

  #examine(subject: Subject, ips: readonly IpAddress[]): Current {
    const { requests } = subject;
    if (!familiesFit(subject, ips)) return { events: [] };
    const refused = claim(this.#desk, subject, ips);
    if (refused !== undefined) return { events: [clearAssignment(subject.key, refused)] };
    if (requests.pool !== undefined && this.#book.poolOf(ips) !== requests.pool) return { events: [] };
    if (requests.problems.length > 0) return { stop: this.#keepDespiteRequest(subject, ips), events: [] };
    if (!sameAddresses(requests.ips, ips)) return { events: [] };
    const conflicts = conflictsOn(ips, subject.service);
    return conflicts.length === 0 ? { ips, events: [] } : this.#besideStrangers(subject, ips, conflicts);
  }

  /** Strangers use these addresses: another one is better, unless the Service asked for this one. */
  #besideStrangers(subject: Subject, ips: readonly IpAddress[], conflicts: readonly AddressConflict[]): Current {
    for (const { address } of conflicts) this.#conflicts.shun(address, this.#at);
    if (subject.requests.ips.length > 0)
      return { ips, events: [addressConflict(conflicts, "it was asked for, and stays")] };
    if (!this.#conflicts.mayMove(subject.key, this.#at)) {
      const why = "it was not the first one, so it stays for now; is there a router that answers for everything?";
      return { stop: this.#keepInConflict(subject, ips, addressConflict(conflicts, why)), events: [] };
    }
    this.#book.release(subject.key);
    const chosen = allocate(this.#desk, subject);
    if ("refused" in chosen) {
      claim(this.#desk, subject, ips);
      const complaint = addressConflict(conflicts, `it stays, because there is no other: ${chosen.refused.message}`);
      return { stop: this.#keepInConflict(subject, ips, complaint), events: [] };
    }
    this.#conflicts.moved(subject.key, quotedList(chosen.ips), this.#at);
    const left = addressConflict(conflicts, "another one is given");
    const news = allocated(`Assigned IP ${quotedList(chosen.ips)}`);
    return { stop: { ...this.#keep(subject, chosen.ips, [left, news]), outcome: "assigned" }, events: [] };
  }

  #keepInConflict(subject: Subject, ips: readonly IpAddress[], complaint: ServiceEvent): Finding {
    const desired = stateFor(subject.service, ips, this.#book.poolOf(ips));
    return { outcome: "kept-in-conflict", message: complaint.message, desired, events: [complaint], waits: true };
  }

  #keepDespiteRequest(subject: Subject, ips: readonly IpAddress[]): Finding {
    const message = `invalid requested loadbalancer IPs: ${subject.requests.problems.join("; ")}`;
    const desired = stateFor(subject.service, ips, this.#book.poolOf(ips));
    return { outcome: "kept-invalid-request", message, desired, events: [warning("LoadBalancerFailed", message)] };
  }

  /**
   * Step 10: a Service that prefers both families and has one gets the other from the same pool, when there is one. Not a
   * Service that has exactly what it asks for: the next look would find more than that, and take all of it away.
   */
  #keep(subject: Subject, ips: readonly IpAddress[], events: readonly ServiceEvent[]): Finding {
    const pool = this.#book.poolOf(ips);
    const [ip] = ips;
    if (!lacksFamily(subject, ips) || pool === undefined || ip === undefined) {
      return { outcome: "kept", desired: stateFor(subject.service, ips, pool), events };
    }
    const family = ip.family === 4 ? 6 : 4;
    const additional = this.#book.firstAcceptable(pool, family, subject.tenant);
    if (additional === undefined || this.#book.assign(subject.tenant, [ip, additional]) !== undefined) {
      const without = this.#noAdditional(subject, ip, pool);
      return { ...without, events: [...events, ...without.events] };
    }
    const additionally = [...events, allocated(`Assigned additional IP ${quoted(additional)}`)];
    return {
      outcome: "additional-assigned",
      desired: stateFor(subject.service, [ip, additional], pool),
      events: additionally,
    };
  }

  #noAdditional(subject: Subject, ip: IpAddress, pool: PoolName): Finding {
    const family = ip.family === 4 ? 6 : 4;
    const message = `cannot assign additional IP in PreferDualStack: ${noneInPool(pool, family === 4 ? "ipv4" : "ipv6")}`;
    return {
      outcome: "additional-unavailable",
      message,
      desired: stateFor(subject.service, [ip], pool),
      events: [normal("AdditionalAssignFailed", message)],
      // A pool without that family will not have one when somebody lets go.
      waits: this.#book.capacity(pool, family) > 0n,
    };
  }

  /** Step 11. What it had is freed first: it may be among what it gets. */
  #assignNew(subject: Subject, events: readonly ServiceEvent[]): Finding {
    const held = this.#book.release(subject.key);
    const chosen = allocate(this.#desk, subject);
    if ("refused" in chosen) return this.#fail(subject, chosen.refused, events);
    if (held !== undefined && sameAddresses(held.ips, chosen.ips)) return this.#keep(subject, chosen.ips, events);
    const news = allocated(`Assigned IP ${quotedList(chosen.ips)}`);
    return { ...this.#keep(subject, chosen.ips, [...events, news]), outcome: "assigned" };
  }

  /** The Service has nothing, and the status says so. */
  #fail(subject: Subject, refused: Refusal, events: readonly ServiceEvent[] = []): Finding {
    this.#book.release(subject.key);
    return failed(subject, refused, [...events, allocationFailed(subject.key, refused)]);
  }

  #waitingBut(key: ServiceKey): readonly ServiceKey[] {
    return [...this.#waiting].filter((waiting) => waiting !== key);
  }

  /** Complaints that were not already made, and what is new. */
  #unsaid(subject: Subject, finding: Finding): readonly ServiceEvent[] {
    const before = this.#said.get(subject.key);
    const state = stateText(finding.desired);
    const events = finding.events.filter((event) => isNews(event) || before?.events.has(eventText(event)) !== true);
    const changes = state !== stateText(stateOf(subject.service)) && state !== before?.state;
    if (NOT_OURS.has(finding.outcome)) this.#said.delete(subject.key);
    else this.#said.set(subject.key, { events: textsOf(finding.events), state });
    return changes ? [...events, ...deprecations(subject.service)] : events;
  }
}

/** Most Services have nothing to be told: they share one empty set. */
function textsOf(events: readonly ServiceEvent[]): ReadonlySet<string> {
  const complaints = events.filter((event) => !isNews(event));
  return complaints.length === 0 ? NOTHING : new Set(complaints.map(eventText));
}

/** What the Service's condition says about these addresses. */
function conflictsOn(ips: readonly IpAddress[], service: Service): readonly AddressConflict[] {
  return addressConflicts(service).filter(({ address }) => ips.some((ip) => ip.toString() === address));
}

const NOTHING: ReadonlySet<string> = new Set();
const noPools: Refusal = { reason: "no-pools", message: "there is no address pool" };
const noClusterIps: Refusal = { reason: "no-cluster-ips", message: "the service has no cluster IPs" };
