import { type Decision, decideSurvey, type NodeContext } from "../announcement/decision.ts";
import { settleDuel } from "../announcement/duel.ts";
import { Elections } from "../announcement/elections.ts";
import { formatRefusal } from "../announcement/refusal.ts";
import { type AnnouncedRoute, type RouteChange, RouteTable } from "../announcement/route-table.ts";
import type { ServiceState } from "../announcement/service-survey.ts";
import type { NodeName, PeerName, ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import type { EndpointSummary } from "../api/endpoints.ts";
import type { Clock } from "../system/clock.ts";
import type { Log } from "../telemetry/log.ts";
import { Turns, type Work } from "./turns.ts";

/** About twenty milliseconds of hashing, before routers and the LAN are told. */
const HASHES_AT_ONCE = 40_000;

/** What the announcer decides on. */
export interface AnnouncerPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly service: (key: ServiceKey) => Service | undefined;
  readonly services: () => Iterable<Service>;
  readonly endpoints: (key: ServiceKey) => EndpointSummary;
  readonly keyOf: (service: Service) => ServiceKey;
  /** Routes that peers have to be told of, at once. */
  readonly tell: (changes: readonly RouteChange[]) => void;
  /** A Service that is announced by BGP now and was not before, or not with these addresses. */
  readonly announced: (service: Service) => void;
  /** What was decided on a Service; nothing when it is gone. */
  readonly decided: (key: ServiceKey, decision: Decision | undefined) => void;
  /** What was decided until now is to take effect. */
  readonly flush: () => void;
  /** Everything was decided again, and has taken effect. */
  readonly passed: () => void;
}

/**
 * Keeps the decisions and the routes of this node current: one Service at once, all of them bit by bit. A change that comes while all are
 * decided again waits for nothing, and in the end everything is as if it had been decided in one go.
 */
export class Announcer {
  readonly #ports: AnnouncerPorts;
  readonly #table = new RouteTable();
  readonly #decisions = new Map<ServiceKey, Decision>();
  readonly #turns: Turns;
  #changes: RouteChange[] = [];
  /** What decisions are made by. */
  #elections: Elections | undefined;
  #context: NodeContext | undefined;
  /** What decisions will be made by when it knows all Services. */
  #next: Elections | undefined;

  constructor(ports: AnnouncerPorts) {
    this.#ports = ports;
    this.#turns = new Turns(ports.clock, () => this.#flush());
  }

  /** Decides everything again, because nodes, members or configuration changed; `done` is called when that has taken effect. */
  reconfigure(context: NodeContext, done: () => void = () => {}): void {
    this.#turns.begin(this.#pass(context), () => {
      this.#ports.passed();
      done();
      this.#nameSoon();
    });
  }

  /** Does nothing by itself any more. */
  stop(): void {
    this.#turns.stop();
  }

  /** Decides one Service again, and those that depend on it: it or its endpoints changed. */
  serviceChanged(key: ServiceKey): void {
    const state = this.#stateOf(key);
    tell(this.#next, key, state);
    if (this.#elections === undefined) return;
    if (state === undefined) this.#forget(key);
    for (const one of tell(this.#elections, key, state)) this.#decide(one);
    this.#flush();
    this.#nameSoon();
  }

  /** All routes a peer is to have: what a session that was just made starts with. */
  routesOf(peer: PeerName): readonly AnnouncedRoute[] {
    return this.#table.routesOf(peer);
  }

  /** Every route, in no order, one at a time. */
  routes(): Iterable<AnnouncedRoute> {
    return this.#table.each();
  }

  /** The decisions as they stand, for status objects and inspection. */
  decisions(): Iterable<Decision> {
    return this.#decisions.values();
  }

  /** Whether this node keeps a Service that another speaker announces at layer 2 as well. */
  duel(key: ServiceKey, rival: NodeName): "keep" | "yield" {
    if (this.#context === undefined) return "yield";
    return settleDuel(this.#context, this.#elections?.survey(key), rival);
  }

  /** All Services by a new context. Until that has seen them all, what changes is decided by the one before. */
  *#pass(context: NodeContext): Work {
    const { cluster, name: home } = context;
    const next = this.#elections?.successor(cluster) ?? new Elections(cluster, { home, hashes: HASHES_AT_ONCE });
    this.#next = next;
    const keys = [...this.#ports.services()].map((service) => this.#ports.keyOf(service));
    yield* next.enter(keys, (key) => this.#stateOf(key));
    this.#table.hold();
    [this.#elections, this.#context, this.#next] = [next, context, undefined];
    yield* next.spread();
    for (const key of [...this.#decisions.keys()]) {
      if (this.#ports.service(key) !== undefined) continue;
      this.#forget(key);
      yield;
    }
    for (const key of [...next.keys()]) {
      this.#decide(key);
      yield;
    }
    for (const changes of this.#table.release()) {
      this.#changes.push(...changes);
      yield;
    }
  }

  /** Which other node answers, of a thousand, takes long to find out for 10,000 addresses: routers and the LAN do not wait for that. */
  #nameSoon(): void {
    const elections = this.#elections;
    if (elections !== undefined && elections.unnamed > 0 && !this.#turns.busy)
      this.#turns.beginSoon(this.#name(elections));
  }

  *#name(elections: Elections): Work {
    for (const keys of elections.nameWinners()) {
      for (const key of keys) this.#decide(key);
      yield;
    }
  }

  #stateOf(key: ServiceKey): ServiceState | undefined {
    const service = this.#ports.service(key);
    return service && { service, endpoints: this.#ports.endpoints(key) };
  }

  #flush(): void {
    const changes = this.#changes;
    this.#changes = [];
    this.#ports.tell(changes);
    this.#ports.flush();
  }

  #decide(key: ServiceKey): void {
    const [context, survey, service] = [this.#context, this.#elections?.survey(key), this.#ports.service(key)];
    if (context === undefined || survey === undefined || service === undefined) return;
    const before = this.#decisions.get(key);
    const decided = decideSurvey(context, survey);
    if (before !== undefined && mustWait(before, decided) && this.#isServed(service, context)) return;
    this.#decisions.set(key, decided);
    this.#report(service, before, decided);
    this.#ports.decided(key, decided);
    this.#changes.push(...this.#table.put(decided));
  }

  /** Waiting for the controller is for addresses that still lead somewhere from this node. */
  #isServed(service: Service, { cluster, name }: NodeContext): boolean {
    const { any, nodes } = this.#ports.endpoints(this.#ports.keyOf(service));
    const node = cluster.nodes.get(name);
    const here = service.spec.externalTrafficPolicy === "Local" ? nodes.has(name) : any;
    return here && node !== undefined && node.ineligible === undefined;
  }

  #forget(key: ServiceKey): void {
    this.#decisions.delete(key);
    this.#ports.decided(key, undefined);
    this.#changes.push(...this.#table.remove(key));
  }

  /** One line and one event per change of mind, not per pass. */
  #report(service: Service, before: Decision | undefined, now: Decision): void {
    const was = before !== undefined && before.bgp.length > 0;
    const is = now.bgp.length > 0;
    const reasons = now.refusals.filter(({ protocol }) => protocol === "bgp");
    const moved = before !== undefined && was && is && addressesOf(before) !== addressesOf(now);
    if (was === is && !moved && (is || reasonText(before) === reasonText(now))) return;
    const fields = { service: now.key, ip: [...new Set(now.bgp.map(({ ip }) => ip.toString()))] };
    if (is) this.#ports.log.info("service announced", { ...fields, protocol: "bgp" });
    else if (was)
      this.#ports.log.info("service withdrawn", {
        service: now.key,
        protocol: "bgp",
        reason: reasons[0]?.cause.reason,
      });
    const [first] = reasons;
    if (!is && first !== undefined) {
      this.#ports.log.debug("service not announced", {
        service: now.key,
        reason: first.cause.reason,
        message: formatRefusal(first),
      });
    }
    if (is && (!was || moved)) this.#ports.announced(service);
  }
}

/** Tells elections of a Service as it is now, and returns those to decide again. */
function tell(
  elections: Elections | undefined,
  key: ServiceKey,
  state: ServiceState | undefined,
): readonly ServiceKey[] {
  return (state === undefined ? elections?.remove(key) : elections?.put(state)) ?? [];
}

/**
 * Reference 4.8: addresses that no pool has any more stay announced until the controller has moved the Service. Otherwise an
 * edit of a pool would cut off its clients before they could have a new address.
 */
function mustWait(before: Decision, now: Decision): boolean {
  const orphaned = now.refusals.some(({ cause }) => cause.reason === "address-not-in-pool");
  if (!orphaned || before.bgp.length + before.layer2.length === 0) return false;
  const left = orphanedAddresses(now);
  // Of two addresses one may have been announced: both are without a pool now. One that the Service has no more must go.
  return [...before.bgp, ...before.layer2].every(({ ip }) => left.has(ip.toString()));
}

function addressesOf({ bgp }: Decision): string {
  return [...new Set(bgp.map(({ ip }) => ip.toString()))].sort().join(",");
}

function orphanedAddresses({ refusals }: Decision): ReadonlySet<string> {
  return new Set(refusals.flatMap(({ cause }) => (cause.reason === "address-not-in-pool" ? cause.addresses : [])));
}

function reasonText(decision: Decision | undefined): string {
  return (decision?.refusals ?? []).map(({ protocol, ip, cause }) => `${protocol} ${ip} ${cause.reason}`).join(";");
}
