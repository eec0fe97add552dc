import type { PeerName, ServiceKey } from "../api/config.ts";
import type { Community, LargeCommunity } from "../net/community.ts";
import { comparePrefixes, type IpPrefix } from "../net/ip-prefix.ts";
import type { Decision } from "./decision.ts";
import {
  communitiesFit,
  linkBandwidthOf,
  mergeAttributes,
  type PrefixAnnouncement,
  type RouteAttributes,
} from "./route.ts";

/** One prefix that one peer is to have from this node, whoever wants it. */
export interface AnnouncedRoute {
  readonly peer: PeerName;
  readonly prefix: IpPrefix;
  readonly localPref: number | undefined;
  readonly med: number | undefined;
  readonly asPathPrepend: number | undefined;
  /** Bytes per second: only the proportion between nodes means something. */
  readonly linkBandwidth: number | undefined;
  readonly communities: readonly Community[];
  readonly largeCommunities: readonly LargeCommunity[];
  /** In name order. */
  readonly advertisements: readonly string[];
  /** The Services that keep it up, in name order. */
  readonly services: readonly ServiceKey[];
}

/** What a peer has to be told: the route as it is now, or undefined where it is withdrawn. */
export interface RouteChange {
  readonly peer: PeerName;
  readonly prefix: IpPrefix;
  readonly route: AnnouncedRoute | undefined;
}

/** A route that is held back: Services that are fine alone bring more communities together than it can carry. */
export interface RouteProblem {
  readonly reason: "too-many-communities";
  readonly peer: PeerName;
  readonly prefix: IpPrefix;
  readonly attributes: RouteAttributes;
  readonly announcements: readonly PrefixAnnouncement[];
}

/** What several Services put on one prefix towards one peer. */
class Entry {
  readonly peer: PeerName;
  readonly prefix: IpPrefix;
  readonly announcements = new Set<PrefixAnnouncement>();
  /** What the peer was told last. */
  #attributes: RouteAttributes | undefined;
  linkBandwidth: number | undefined;
  /** Made when it is asked for: the same object for all who want it, until something is another thing. */
  #route: AnnouncedRoute | undefined;
  /** The endpoints behind the route, by Service: one with two addresses on it counts once. */
  readonly #weights = new Map<ServiceKey, number>();
  #weight = 0;
  /** How many announcements bring these very attributes: an aggregate over 10,000 Services merges a handful. */
  readonly #uses = new Map<RouteAttributes, number>();

  constructor({ peer, prefix }: PrefixAnnouncement) {
    this.peer = peer;
    this.prefix = prefix;
  }

  get attributes(): RouteAttributes | undefined {
    return this.#attributes;
  }

  set attributes(attributes: RouteAttributes | undefined) {
    if (attributes !== this.#attributes) this.#route = undefined;
    this.#attributes = attributes;
  }

  /** Undefined while the peer has none. */
  get route(): AnnouncedRoute | undefined {
    if (this.#attributes === undefined) return undefined;
    this.#route ??= routeFor(this, this.#attributes, [...this.announcements]);
    return this.#route;
  }

  add(announcement: PrefixAnnouncement): void {
    this.#route = undefined;
    this.announcements.add(announcement);
    this.#count(announcement.attributes, 1);
    this.#weigh(announcement.service, announcement.weight);
  }

  remove(announcement: PrefixAnnouncement): void {
    this.#route = undefined;
    this.announcements.delete(announcement);
    this.#count(announcement.attributes, -1);
    this.#weigh(announcement.service, 0);
  }

  get weight(): number {
    return this.#weight;
  }

  #weigh(service: ServiceKey, weight: number): void {
    this.#weight += weight - (this.#weights.get(service) ?? 0);
    if (weight === 0) this.#weights.delete(service);
    else this.#weights.set(service, weight);
  }

  /** All together; undefined when there is nothing. */
  merged(): RouteAttributes | undefined {
    return this.#uses.size === 0 ? undefined : mergeAttributes([...this.#uses.keys()]);
  }

  #count(attributes: RouteAttributes, change: 1 | -1): void {
    const uses = (this.#uses.get(attributes) ?? 0) + change;
    if (uses > 0) this.#uses.set(attributes, uses);
    else this.#uses.delete(attributes);
  }
}

/**
 * The routes of one node, kept up as Services are decided again one by one (rules 4.3 and 4.4). The order of calls does
 * not matter: the same decisions give the same table.
 */
export class RouteTable {
  readonly #entries = new Map<string, Entry>();
  readonly #byService = new Map<ServiceKey, readonly PrefixAnnouncement[]>();
  #holding = false;
  /** Routes that peers are to be told of at `release`. */
  readonly #held = new Set<Entry>();

  /** Takes a Service's newest decision in place of its last. Returns what peers have to be told: nothing, mostly. */
  put(decision: Decision): readonly RouteChange[] {
    const touched = this.#clear(decision.key);
    for (const announcement of decision.bgp) {
      const entry = this.#entryOf(announcement);
      entry.add(announcement);
      touched.add(entry);
    }
    if (decision.bgp.length > 0) this.#byService.set(decision.key, decision.bgp);
    return this.#settle(touched);
  }

  /** Forgets a Service. An aggregate stays while any other Service is on it. */
  remove(service: ServiceKey): readonly RouteChange[] {
    return this.#settle(this.#clear(service));
  }

  /** Every route, by peer and then by prefix. */
  routes(): readonly AnnouncedRoute[] {
    return [...this.each()].sort(compareRoutes);
  }

  /** Every route, in no order, one at a time: for those who look while others go on changing it. */
  *each(): Generator<AnnouncedRoute, void> {
    for (const { route } of this.#entries.values()) if (route !== undefined) yield route;
  }

  /** The routes one peer is to have, in no order: what a session sends when it comes up. */
  routesOf(peer: PeerName): readonly AnnouncedRoute[] {
    const routes: AnnouncedRoute[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.peer === peer && entry.route !== undefined) routes.push(entry.route);
    }
    return routes;
  }

  /**
   * Until `release` all Services are decided again, one after the other: a route of several goes on as peers have it, because half of
   * the new together with half of the old is what nobody asked for. One that nothing is left of goes at once, and a new one comes at once.
   */
  hold(): void {
    this.#holding = true;
  }

  /** All Services were decided: what became of the routes of several, one at each step. */
  *release(): Generator<readonly RouteChange[], void> {
    this.#holding = false;
    for (const entry of this.#held) yield this.#settle([entry]);
  }

  /** The routes that are held back, by peer and then by prefix. */
  problems(): readonly RouteProblem[] {
    return [...this.#entries.values()].flatMap((entry) => problemOf(entry) ?? []).sort(compareRoutes);
  }

  #clear(service: ServiceKey): Set<Entry> {
    const touched = new Set<Entry>();
    for (const announcement of this.#byService.get(service) ?? []) {
      const entry = this.#entryOf(announcement);
      entry.remove(announcement);
      touched.add(entry);
    }
    this.#byService.delete(service);
    return touched;
  }

  #entryOf(announcement: PrefixAnnouncement): Entry {
    const key = `${announcement.peer} ${announcement.prefix}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = new Entry(announcement);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #settle(touched: Iterable<Entry>): readonly RouteChange[] {
    const changes: RouteChange[] = [];
    for (const entry of touched) {
      if (this.#holding && entry.attributes !== undefined && entry.announcements.size > 1) {
        this.#held.add(entry);
        continue;
      }
      this.#held.delete(entry);
      const merged = entry.merged();
      const { attributes, linkBandwidth } = entry;
      entry.attributes = merged !== undefined && communitiesFit(merged) ? merged : undefined;
      entry.linkBandwidth = entry.attributes && bandwidthFor(entry.attributes, entry.weight);
      if (entry.announcements.size === 0) this.#entries.delete(`${entry.peer} ${entry.prefix}`);
      if (linkBandwidth === entry.linkBandwidth && sameOnTheWire(attributes, entry.attributes)) continue;
      changes.push({ peer: entry.peer, prefix: entry.prefix, route: entry.route });
    }
    return changes.sort(compareRoutes);
  }
}

export interface CombinedRoutes {
  /** By peer, then by prefix. */
  readonly routes: readonly AnnouncedRoute[];
  readonly problems: readonly RouteProblem[];
}

/** All decisions of a node at once: what putting them into an empty table gives, without the table's book-keeping. */
export function combineRoutes(decisions: Iterable<Decision>): CombinedRoutes {
  const groups = new Map<string, Place & { readonly announcements: PrefixAnnouncement[] }>();
  for (const { bgp } of decisions) {
    for (const announcement of bgp) {
      const { peer, prefix } = announcement;
      const key = `${peer} ${prefix}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { peer, prefix, announcements: [announcement] });
      else group.announcements.push(announcement);
    }
  }
  const routes: AnnouncedRoute[] = [];
  const problems: RouteProblem[] = [];
  for (const group of groups.values()) {
    const attributes = mergeAttributes(distinctAttributes(group.announcements));
    if (communitiesFit(attributes)) {
      const place = { ...group, weight: weightOf(group.announcements) };
      routes.push(routeFor(place, attributes, group.announcements));
    } else problems.push({ reason: "too-many-communities", ...group, attributes });
  }
  return { routes: routes.sort(compareRoutes), problems: problems.sort(compareRoutes) };
}

function routeFor(
  { peer, prefix, weight }: Place & { readonly weight: number },
  attributes: RouteAttributes,
  announcements: readonly PrefixAnnouncement[],
): AnnouncedRoute {
  const linkBandwidth = bandwidthFor(attributes, weight);
  return { ...attributes, peer, prefix, linkBandwidth, services: servicesOf(announcements) };
}

/** Where one Service asks for it, the route says what it carries for all of them. */
function bandwidthFor({ linkBandwidth }: RouteAttributes, weight: number): number | undefined {
  return linkBandwidth === undefined ? undefined : linkBandwidthOf(weight);
}

function weightOf(announcements: readonly PrefixAnnouncement[]): number {
  let sum = 0;
  for (const weight of new Map(announcements.map((one) => [one.service, one.weight])).values()) sum += weight;
  return sum;
}

/** Mostly a prefix is one Service's, which is worth no set and no sorting. */
function servicesOf(announcements: readonly PrefixAnnouncement[]): readonly ServiceKey[] {
  const services = announcements.map((announcement) => announcement.service);
  return services.length === 1 ? services : [...new Set(services)].sort();
}

function distinctAttributes(announcements: readonly PrefixAnnouncement[]): readonly RouteAttributes[] {
  const all = announcements.map((announcement) => announcement.attributes);
  return all.length === 1 ? all : [...new Set(all)];
}

function problemOf(entry: Entry): RouteProblem | undefined {
  const attributes = entry.attributes === undefined ? entry.merged() : undefined;
  if (attributes === undefined) return undefined;
  const { peer, prefix, announcements } = entry;
  return { reason: "too-many-communities", peer, prefix, attributes, announcements: [...announcements] };
}

/** Which advertisement a value comes from is nothing a peer is told. */
function sameOnTheWire(a: RouteAttributes | undefined, b: RouteAttributes | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return a === b;
  return wireText(a) === wireText(b);
}

/** Whether a peer that has one would be told the other. */
export function sameRouteOnTheWire(a: AnnouncedRoute, b: AnnouncedRoute): boolean {
  return a.linkBandwidth === b.linkBandwidth && wireText(a) === wireText(b);
}

type OnTheWire = Omit<RouteAttributes, "linkBandwidth" | "advertisements">;

function wireText({ localPref, med, asPathPrepend, communities, largeCommunities }: OnTheWire): string {
  return JSON.stringify([localPref, med ?? null, asPathPrepend ?? null, communities, largeCommunities]);
}

type Place = { readonly peer: PeerName; readonly prefix: IpPrefix };

function compareRoutes(a: Place, b: Place): number {
  if (a.peer !== b.peer) return a.peer < b.peer ? -1 : 1;
  return comparePrefixes(a.prefix, b.prefix);
}
