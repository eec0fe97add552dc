import type { BgpAdvertisement, PeerName, ServiceKey } from "../api/config.ts";
import {
  type Community,
  compareCommunities,
  compareLargeCommunities,
  formatLargeCommunity,
  type LargeCommunity,
} from "../net/community.ts";
import type { IpAddress } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import { MOST_COMMUNITIES } from "./refusal.ts";

/** What a route says beside its prefix. Shared by all Services whose advertisements are the same. */
export interface RouteAttributes {
  /** Undefined leaves it to the session. */
  readonly localPref: number | undefined;
  /** Undefined says nothing of it: other advertisements may. */
  readonly med: number | undefined;
  readonly asPathPrepend: number | undefined;
  /** Whether the route says how many endpoints are behind it. */
  readonly linkBandwidth: "endpoints" | undefined;
  /** Ascending, each once. */
  readonly communities: readonly Community[];
  readonly largeCommunities: readonly LargeCommunity[];
  /** The BGPAdvertisements this comes from, in name order. */
  readonly advertisements: readonly string[];
}

/** One Service's wish that one peer hears one prefix from this node. */
export interface PrefixAnnouncement {
  readonly service: ServiceKey;
  readonly ip: IpAddress;
  readonly peer: PeerName;
  readonly prefix: IpPrefix;
  readonly attributes: RouteAttributes;
  /** What this node can take of the Service's traffic, in endpoints. */
  readonly weight: number;
}

/** What an advertisement asks for. */
export function attributesOfAdvertisement(ad: BgpAdvertisement): RouteAttributes {
  const { localPref, med, asPathPrepend, linkBandwidth, communities, largeCommunities } = ad;
  return { localPref, med, asPathPrepend, linkBandwidth, communities, largeCommunities, advertisements: [ad.name] };
}

/**
 * Rule 4.4: communities unite. Contradicting localPrefs of one Service are refused before this; where Services of
 * different pools meet on one aggregate the highest wins, so that the order they come in does not matter. Of several
 * MEDs and prepends the one counts that a router would prefer if it heard them all; an advertisement that says nothing
 * has no say.
 */
export function mergeAttributes(all: readonly RouteAttributes[]): RouteAttributes {
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  const large = new Map(all.flatMap((one) => one.largeCommunities).map((c) => [formatLargeCommunity(c), c]));
  return {
    localPref: best(Math.max, all, (one) => one.localPref),
    med: best(Math.min, all, (one) => one.med),
    asPathPrepend: best(Math.min, all, (one) => one.asPathPrepend),
    linkBandwidth: all.find((one) => one.linkBandwidth !== undefined)?.linkBandwidth,
    communities: [...new Set(all.flatMap((one) => one.communities))].sort(compareCommunities),
    largeCommunities: [...large.values()].sort(compareLargeCommunities),
    advertisements: [...new Set(all.flatMap((one) => one.advertisements))].sort(),
  };
}

function best(
  choose: (...values: number[]) => number,
  all: readonly RouteAttributes[],
  read: (one: RouteAttributes) => number | undefined,
): number | undefined {
  const said = all.map(read).filter((value) => value !== undefined);
  return said.length === 0 ? undefined : choose(...said);
}

/**
 * The same route as the last choice of every router that hears it (RFC 8326): the community says so to other ASes, the
 * localPref to our own.
 */
export function asLastResort(attributes: RouteAttributes): RouteAttributes {
  const communities = new Set([...attributes.communities, GRACEFUL_SHUTDOWN]);
  return { ...attributes, localPref: 0, communities: [...communities].sort(compareCommunities) };
}

/** RFC 8326 section 5. */
const GRACEFUL_SHUTDOWN = 0xffff0000 as Community;

/** What one endpoint stands for, in bytes per second: only the proportion matters to routers. */
const BYTES_PER_ENDPOINT = 1_000_000;
/** FRR 8 keeps the number in 32 bits, so that more than this would come out as less. */
const MOST_ENDPOINTS = 3_999;

/** The link bandwidth of a route with this many endpoints behind it. */
export function linkBandwidthOf(weight: number): number {
  return Math.min(weight, MOST_ENDPOINTS) * BYTES_PER_ENDPOINT;
}

/** How many communities of both kinds a route would carry, without the one that a drain adds. */
export function communityCount({ communities, largeCommunities }: RouteAttributes): number {
  return communities.filter((one) => one !== GRACEFUL_SHUTDOWN).length + largeCommunities.length;
}

/** Whether a route may carry them all (rule 4.4). */
export function communitiesFit(attributes: RouteAttributes): boolean {
  return communityCount(attributes) <= MOST_COMMUNITIES;
}
