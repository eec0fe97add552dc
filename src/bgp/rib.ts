import type { Family, IpAddress } from "../net/ip-address.ts";
import { IpPrefix } from "../net/ip-prefix.ts";
import type { Attributes } from "./attribute/registry.ts";
import type { RouteChange } from "./message/update.ts";
import { type PrefixKey, prefixKey } from "./nlri.ts";
import type { Route } from "./route.ts";

/** Routes by prefix: the last of two for one prefix counts. */
export type RouteTable = Map<PrefixKey, Route>;

export function routeTable(routes: Iterable<Route>): RouteTable {
  const table: RouteTable = new Map();
  for (const route of routes) table.set(prefixKey(route.prefix), route);
  return table;
}

/** What one prefix needs: its new route, or the prefix alone to withdraw it. No wrapper: tables have many of them. */
export type PendingChange = Route | IpPrefix;

export function isWithdrawal(change: PendingChange): change is IpPrefix {
  return change instanceof IpPrefix;
}

/** The fewest changes that turn what the peer has into what it should have of these families. */
export function diff(
  desired: ReadonlyMap<PrefixKey, Route>,
  sent: ReadonlyMap<PrefixKey, Route>,
  families: readonly Family[],
): Map<PrefixKey, PendingChange> {
  const pending = new Map<PrefixKey, PendingChange>();
  for (const [key, route] of sent) if (!desired.has(key)) pending.set(key, route.prefix);
  for (const [key, route] of desired) {
    const change = families.includes(route.prefix.family) ? diffOne(route, sent.get(key)) : undefined;
    if (change !== undefined) pending.set(key, change);
  }
  return pending;
}

/** What one prefix needs, or undefined when the peer has just that. */
export function diffOne(desired: Route | undefined, sent: Route | undefined): PendingChange | undefined {
  if (desired === undefined) return sent?.prefix;
  return sent !== undefined && sameRoute(sent, desired) ? undefined : desired;
}

function sameRoute(a: Route, b: Route): boolean {
  return a === b || attributeKey(a, true) === attributeKey(b, true);
}

/** Equal for routes that may share an UPDATE. The order in which communities are given does not matter. */
export function attributeKey({ localPref, communities, largeCommunities }: Route, withLocalPref: boolean): string {
  const preference = withLocalPref && localPref !== undefined ? String(localPref) : "";
  if (communities.length === 0 && largeCommunities.length === 0) return preference;
  const large = largeCommunities.map((c) => `${c.global}:${c.local1}:${c.local2}`);
  return `${preference}|${[...new Set(communities)].sort().join()}|${[...new Set(large)].sort().join()}`;
}

/** One route a peer told us of. */
export interface LearnedRoute {
  readonly prefix: IpPrefix;
  readonly nextHop: IpAddress;
  readonly attributes: Attributes;
}

/** What one peer announced, for people to look at: never installed, never passed on, and never more than `limit`. */
export class AdjRibIn {
  readonly #routes = new Map<PrefixKey, LearnedRoute>();
  readonly #limit: number;
  #ignored = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A prefix that is both withdrawn and announced by one UPDATE counts as announced (RFC 4271 section 4.3). */
  apply(change: RouteChange): void {
    for (const prefix of change.withdrawn) this.#routes.delete(prefixKey(prefix));
    for (const { prefixes, nextHop } of change.announced) {
      for (const prefix of prefixes) this.#put({ prefix, nextHop, attributes: change.attributes });
    }
  }

  clear(): void {
    this.#routes.clear();
    this.#ignored = 0;
  }

  get size(): number {
    return this.#routes.size;
  }

  /** Announcements that found the table full. */
  get ignored(): number {
    return this.#ignored;
  }

  get routes(): Iterable<LearnedRoute> {
    return this.#routes.values();
  }

  #put(route: LearnedRoute): void {
    const key = prefixKey(route.prefix);
    if (this.#routes.size >= this.#limit && !this.#routes.has(key)) this.#ignored++;
    else this.#routes.set(key, route);
  }
}
