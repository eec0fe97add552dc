import { AS_TRANS, type Asn } from "../net/asn.ts";
import { FAMILIES, type Family } from "../net/ip-address.ts";
import { type Capabilities, capabilityBytes } from "./capability.ts";
import type { CodecContext } from "./codec-context.ts";
import {
  BadBgpIdentifierError,
  BadPeerAsError,
  type NotificationError,
  UnacceptableHoldTimeError,
  UnsupportedCapabilityError,
} from "./error.ts";
import { familyOf, unicast } from "./family.ts";
import type { Open } from "./message/open.ts";
import type { RouterId } from "./router-id.ts";

/** Which AS the peer may be in: one number, ours, or any but ours. */
export type PeerAs = Asn | "internal" | "external";

/** What we offer and want of a peer. Times are in seconds, as on the wire. */
export interface Offer {
  readonly localAsn: Asn;
  readonly peerAsn: PeerAs;
  readonly holdTime: number;
  readonly keepaliveTime: number | undefined;
  readonly families: readonly Family[];
}

/** What both sides agreed on. */
export interface Negotiated extends CodecContext {
  readonly peerAsn: number;
  readonly peerIdentifier: number;
  readonly holdTime: number;
  readonly keepaliveTime: number;
  readonly families: readonly Family[];
  readonly routeRefresh: boolean;
  readonly peerCapabilities: Capabilities;
}

/** Our OPEN: multiprotocol, route refresh and four-octet AS, which every router of the last fifteen years knows. */
export function ourOpen(offer: Offer, identifier: RouterId): Open {
  return {
    myAs: offer.localAsn > 0xffff ? AS_TRANS : offer.localAsn,
    holdTime: offer.holdTime,
    identifier,
    capabilities: { families: offer.families.map(unicast), routeRefresh: true, fourOctetAsn: offer.localAsn },
  };
}

/** RFC 4271 section 6.2 in its order, RFC 6793 section 4.1, RFC 6286 section 2.2, RFC 5492 section 5. */
export function negotiate(offer: Offer, ourIdentifier: RouterId, open: Open): Negotiated | NotificationError {
  const peerAsn = open.capabilities.fourOctetAsn ?? open.myAs;
  const internal = peerAsn === offer.localAsn;
  const problem =
    checkAs(offer, open, peerAsn) ?? checkIdentifier(open.identifier, internal ? ourIdentifier : undefined);
  if (problem !== undefined) return problem;
  if (open.holdTime === 1 || open.holdTime === 2) return new UnacceptableHoldTimeError(open.holdTime);
  const families = commonFamilies(offer.families, open.capabilities);
  if (families.length === 0) {
    const missing = capabilityBytes({ families: offer.families.map(unicast) });
    return new UnsupportedCapabilityError("no address family in common", missing);
  }
  const holdTime = Math.min(offer.holdTime, open.holdTime);
  return {
    peerAsn,
    peerIdentifier: open.identifier,
    internal,
    holdTime,
    keepaliveTime: keepaliveFor(holdTime, offer.keepaliveTime),
    families,
    fourOctetAsn: open.capabilities.fourOctetAsn !== undefined,
    routeRefresh: open.capabilities.routeRefresh === true,
    peerCapabilities: open.capabilities,
  };
}

function checkAs(offer: Offer, open: Open, peerAsn: number): NotificationError | undefined {
  const { localAsn, peerAsn: wanted } = offer;
  const agree = open.myAs === peerAsn || open.myAs === AS_TRANS;
  if (!agree) return new BadPeerAsError(open.myAs, `${peerAsn}, as its capability says`);
  if (wanted === "internal") return peerAsn === localAsn ? undefined : new BadPeerAsError(peerAsn, `${localAsn}`);
  if (wanted === "external") {
    const fine = peerAsn !== localAsn && peerAsn > 0;
    return fine ? undefined : new BadPeerAsError(peerAsn, `any but ${localAsn}`);
  }
  return peerAsn === wanted ? undefined : new BadPeerAsError(peerAsn, `${wanted}`);
}

function checkIdentifier(identifier: number, ours: RouterId | undefined): NotificationError | undefined {
  if (identifier === 0) return new BadBgpIdentifierError("identifier 0.0.0.0");
  return identifier === ours ? new BadBgpIdentifierError("the peer has our own identifier") : undefined;
}

/** RFC 4760 section 8: a peer that offers no family at all means IPv4 unicast. */
function commonFamilies(ours: readonly Family[], { families }: Capabilities): readonly Family[] {
  const theirs = families === undefined ? [4] : families.map(familyOf);
  return FAMILIES.filter((family) => ours.includes(family) && theirs.includes(family));
}

/** RFC 4271 section 4.4: a third of the hold time at most, and not more than one a second; hold time 0 means none. */
function keepaliveFor(holdTime: number, configured: number | undefined): number {
  return holdTime === 0 ? 0 : Math.max(1, Math.min(configured ?? holdTime, Math.floor(holdTime / 3)));
}
