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
}

/** What an advertisement asks for. */
export function attributesOfAdvertisement(ad: BgpAdvertisement): RouteAttributes {
  const { localPref, communities, largeCommunities } = ad;
  return { localPref, communities, largeCommunities, advertisements: [ad.name] };
}

/**
 * Rule 4.4: communities unite. Contradicting localPrefs of one Service are refused before this; where Services of
 * different pools meet on one aggregate the highest wins, so that the order they come in does not matter.
 */
export function mergeAttributes(all: readonly RouteAttributes[]): RouteAttributes {
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  const prefs = all.flatMap(({ localPref }) => (localPref === undefined ? [] : [localPref]));
  const large = new Map(all.flatMap((one) => one.largeCommunities).map((c) => [formatLargeCommunity(c), c]));
  return {
    localPref: prefs.length === 0 ? undefined : Math.max(...prefs),
    communities: [...new Set(all.flatMap((one) => one.communities))].sort(compareCommunities),
    largeCommunities: [...large.values()].sort(compareLargeCommunities),
    advertisements: [...new Set(all.flatMap((one) => one.advertisements))].sort(),
  };
}

/** How many communities of both kinds a route would carry. */
export function communityCount(attributes: RouteAttributes): number {
  return attributes.communities.length + attributes.largeCommunities.length;
}

/** Whether a route may carry them all (rule 4.4). */
export function communitiesFit(attributes: RouteAttributes): boolean {
  return communityCount(attributes) <= MOST_COMMUNITIES;
}
