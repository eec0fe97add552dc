import { type Decision, decideService, type NodeContext } from "../announcement/decision.ts";
import { formatRefusal } from "../announcement/refusal.ts";
import { type AnnouncedRoute, type RouteChange, RouteTable } from "../announcement/route-table.ts";
import type { PeerName, ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import type { EndpointSummary } from "../api/endpoints.ts";
import type { Log } from "../telemetry/log.ts";

/** What the announcer decides on. */
export interface AnnouncerPorts {
  readonly log: Log;
  readonly service: (key: ServiceKey) => Service | undefined;
  readonly services: () => Iterable<Service>;
  readonly endpoints: (key: ServiceKey) => EndpointSummary;
  readonly keyOf: (service: Service) => ServiceKey;
  /** Routes that peers have to be told of, at once. */
  readonly tell: (changes: readonly RouteChange[]) => void;
  /** A Service that is announced by BGP now and was not before, or not with these addresses. */
  readonly announced: (service: Service) => void;
}

/** Keeps the decisions and the routes of this node current, one Service at a time or all at once. */
export class Announcer {
  readonly #ports: AnnouncerPorts;
  readonly #table = new RouteTable();
  readonly #decisions = new Map<ServiceKey, Decision>();
  #context: NodeContext | undefined;

  constructor(ports: AnnouncerPorts) {
    this.#ports = ports;
  }

  /** Decides everything again: nodes, members or configuration changed. */
  reconfigure(context: NodeContext): void {
    this.#context = context;
    const seen = new Set<ServiceKey>();
    const changes: RouteChange[] = [];
    for (const service of this.#ports.services()) {
      const key = this.#ports.keyOf(service);
      seen.add(key);
      changes.push(...this.#decide(key, service, context));
    }
    for (const key of [...this.#decisions.keys()]) if (!seen.has(key)) changes.push(...this.#forget(key));
    this.#ports.tell(changes);
  }

  /** Decides one Service again: it or its endpoints changed. */
  serviceChanged(key: ServiceKey): void {
    if (this.#context === undefined) return;
    const service = this.#ports.service(key);
    this.#ports.tell(service === undefined ? this.#forget(key) : this.#decide(key, service, this.#context));
  }

  /** All routes a peer is to have: what a session that was just made starts with. */
  routesOf(peer: PeerName): readonly AnnouncedRoute[] {
    return this.#table.routesOf(peer);
  }

  /** The decisions as they stand, for status objects and inspection. */
  decisions(): Iterable<Decision> {
    return this.#decisions.values();
  }

  #decide(key: ServiceKey, service: Service, context: NodeContext): readonly RouteChange[] {
    const before = this.#decisions.get(key);
    const decided = decideService(context, service, this.#ports.endpoints(key));
    if (before !== undefined && mustWait(before, decided) && this.#isServed(service, context)) return [];
    this.#decisions.set(key, decided);
    this.#report(service, before, decided);
    return this.#table.put(decided);
  }

  /** Waiting for the controller is for addresses that still lead somewhere from this node. */
  #isServed(service: Service, { cluster, name }: NodeContext): boolean {
    const { any, nodes } = this.#ports.endpoints(this.#ports.keyOf(service));
    const node = cluster.nodes.get(name);
    const here = service.spec.externalTrafficPolicy === "Local" ? nodes.has(name) : any;
    return here && node !== undefined && node.ineligible === undefined;
  }

  #forget(key: ServiceKey): readonly RouteChange[] {
    this.#decisions.delete(key);
    return this.#table.remove(key);
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
