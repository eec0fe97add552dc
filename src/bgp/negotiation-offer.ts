import type { Asn } from "../net/asn.ts";
import type { Family } from "../net/ip-address.ts";
import type { Capabilities } from "./capability.ts";
import { unicast } from "./family.ts";
import { type RestartOffer, restartCapabilities } from "./graceful-restart.ts";
import { AFI, ROLE, SAFI } from "./iana.ts";

/** Which AS the peer may be in: one number, ours, or any but ours. */
export type PeerAs = Asn | "internal" | "external";

/** A capability by the name it has in `Capabilities`. */
export type CapabilityName = Exclude<keyof Capabilities, "unknown">;

/**
 * How much an OPEN says of what we can do: everything, what every router of the last fifteen years knows, or nothing, as before
 * there were capabilities. RFC 5492 section 3: less is tried when more was refused.
 */
export type Courtesy = "full" | "basic" | "bare";

/** What we are to the peer (RFC 9234 section 4.1). */
export interface RoleOffer {
  readonly role: keyof typeof ROLE;
  /** Refuses a peer that does not say its own. */
  readonly strict: boolean;
}

/** What we offer and want of a peer. Times are in seconds, as on the wire. */
export interface Offer {
  readonly localAsn: Asn;
  readonly peerAsn: PeerAs;
  readonly holdTime: number;
  readonly keepaliveTime: number | undefined;
  readonly families: readonly Family[];
  /** "full" when absent. */
  readonly courtesy?: Courtesy;
  /** Capabilities this peer is never sent, because its software cannot take them. */
  readonly denied?: readonly CapabilityName[];
  readonly gracefulRestart?: RestartOffer;
  /** We were away and have lost what the peer told us: the R bit. */
  readonly restarted?: boolean;
  /** The session was up before in this very process: what the node forwards with has outlived its loss, and the F bits say so. */
  readonly resumed?: boolean;
  readonly role?: RoleOffer;
  /** Takes and sends IPv4 routes with an IPv6 next hop: for sessions over IPv6. */
  readonly extendedNextHop?: boolean;
  /** Which way several paths of one prefix may go (RFC 7911); absent for neither. */
  readonly addPaths?: AddPathsOffer;
}

/** The same for all families of a session. */
export interface AddPathsOffer {
  readonly send: boolean;
  readonly receive: boolean;
}

/** What is tried next when the peer refused an OPEN of this courtesy; after the last it is the first again. */
export function lessThan(courtesy: Courtesy, { families }: Pick<Offer, "families">): Courtesy {
  if (courtesy === "full") return "basic";
  // Without capabilities a session carries IPv4 alone (RFC 4760 section 8).
  return courtesy === "basic" && families.includes(4) ? "bare" : "full";
}

/** The families an OPEN of this courtesy stands for. */
export function offeredFamilies({ families, courtesy }: Pick<Offer, "families" | "courtesy">): readonly Family[] {
  return courtesy === "bare" ? [4] : families;
}

const EXTENDED_NEXT_HOP = [{ afi: AFI.ipv4, safi: SAFI.unicast, nextHopAfi: AFI.ipv6 }];
const BASIC: readonly CapabilityName[] = ["families", "routeRefresh", "fourOctetAsn"];

/** Everything our OPEN carries, after what the peer has refused and what it must not be sent. */
export function ourCapabilities(offer: Offer): Capabilities {
  const { courtesy = "full", denied = [] } = offer;
  if (courtesy === "bare") return {};
  const all: Capabilities = {
    families: offer.families.map(unicast),
    routeRefresh: true,
    fourOctetAsn: offer.localAsn,
    extendedMessage: true,
    enhancedRouteRefresh: true,
    ...(offer.role === undefined ? {} : { role: ROLE[offer.role.role] }),
    ...(offer.extendedNextHop === true ? { extendedNextHop: EXTENDED_NEXT_HOP } : {}),
    ...(offer.addPaths === undefined ? {} : { addPath: addPathFamilies(offer.addPaths, offer.families) }),
    ...(offer.gracefulRestart === undefined
      ? {}
      : restartCapabilities(restartOffer(offer, offer.gracefulRestart), offer.families, offer.restarted === true)),
  };
  const says = (name: string): boolean =>
    !denied.some((one) => one === name) && (courtesy === "full" || BASIC.some((one) => one === name));
  return Object.fromEntries(Object.entries(all).filter(([name]) => says(name)));
}

/** RFC 4724 section 3: a speaker that has stood since the last session knows better than one that has just been started. */
function restartOffer({ resumed, families }: Offer, offer: RestartOffer): RestartOffer {
  return resumed === true ? { ...offer, preserved: families } : offer;
}

/** RFC 7911 section 4: all families in one capability. */
function addPathFamilies(offer: AddPathsOffer, families: readonly Family[]): Capabilities["addPath"] & object {
  return families.map((family) => ({ ...unicast(family), ...offer }));
}
