import type { AnnouncedRoute } from "../announcement/route-table.ts";
import { type Attributes, formatAttributes } from "../bgp/attribute/registry.ts";
import type { LearnedRoute } from "../bgp/rib.ts";
import type { RouteOutState } from "../bgp/rib-out.ts";
import { formatCommunity, formatLargeCommunity } from "../net/community.ts";
import type { IpAddress } from "../net/ip-address.ts";

/** A route that a peer has from this node, or should have. */
export interface RouteOutItem {
  readonly node: string;
  readonly peer: string;
  readonly prefix: string;
  /** `sent`, or why the peer does not have it as it is here. */
  readonly state: RouteOutState;
  readonly nextHop?: string | undefined;
  readonly localPref?: number | undefined;
  readonly med?: number | undefined;
  readonly asPathPrepend?: number | undefined;
  /** Octets per second. */
  readonly linkBandwidth?: number | undefined;
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  /** All that the session says of it, in words; left out while there is no session. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** The Services that keep it up. */
  readonly services: readonly string[];
  /** The BGPAdvertisements that made it. */
  readonly advertisements: readonly string[];
}

/** A route that a peer told this node; it is only kept to be looked at. */
export interface RouteInItem {
  readonly node: string;
  readonly peer: string;
  readonly prefix: string;
  readonly pathId?: number | undefined;
  readonly nextHop: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** What of a route depends on the session. */
export interface SessionRoute {
  readonly state: RouteOutState;
  readonly attributes: Attributes | undefined;
  readonly nextHop: { readonly address: IpAddress; readonly linkLocal: IpAddress | undefined } | undefined;
}

export function routeOutItem(node: string, route: AnnouncedRoute, session: SessionRoute): RouteOutItem {
  const { nextHop, attributes } = session;
  return {
    node,
    peer: route.peer,
    prefix: `${route.prefix}`,
    state: session.state,
    nextHop: nextHop && (nextHop.linkLocal ? `${nextHop.address} ${nextHop.linkLocal}` : `${nextHop.address}`),
    localPref: route.localPref,
    med: route.med,
    asPathPrepend: route.asPathPrepend,
    linkBandwidth: route.linkBandwidth,
    communities: route.communities.map(formatCommunity),
    largeCommunities: route.largeCommunities.map(formatLargeCommunity),
    attributes: attributes && formatAttributes(attributes),
    services: route.services,
    advertisements: route.advertisements,
  };
}

export function routeInItem(
  { node, peer }: { readonly node: string; readonly peer: string },
  { prefix, pathId, nextHop, attributes }: LearnedRoute,
): RouteInItem {
  return {
    node,
    peer,
    prefix: `${prefix}`,
    pathId: pathId === 0 ? undefined : pathId,
    nextHop: `${nextHop}`,
    attributes: formatAttributes(attributes),
  };
}
