import { AS_TRANS } from "../net/asn.ts";
import { FAMILIES, type Family } from "../net/ip-address.ts";
import { formatRole } from "./capability/role.ts";
import { type Capabilities, capabilityBytes } from "./capability.ts";
import type { CodecContext } from "./codec-context.ts";
import {
  BadBgpIdentifierError,
  BadPeerAsError,
  type NotificationError,
  RoleMismatchError,
  UnacceptableHoldTimeError,
  UnsupportedCapabilityError,
} from "./error.ts";
import { familyOf, unicast } from "./family.ts";
import { type RestartTerms, restartTerms } from "./graceful-restart.ts";
import { AFI, ROLE, SAFI } from "./iana.ts";
import type { Open } from "./message/open.ts";
import { type Offer, offeredFamilies, ourCapabilities, type RoleOffer } from "./negotiation-offer.ts";
import type { RouterId } from "./router-id.ts";

/** What both sides agreed on. */
export interface Negotiated extends CodecContext, RestartTerms {
  readonly peerAsn: number;
  readonly peerIdentifier: number;
  readonly holdTime: number;
  readonly keepaliveTime: number;
  readonly families: readonly Family[];
  readonly routeRefresh: boolean;
  readonly peerCapabilities: Capabilities;
}

/** Our OPEN: what it may carry depends on what the peer refused before. */
export function ourOpen(offer: Offer, identifier: RouterId): Open {
  return {
    myAs: offer.localAsn > 0xffff ? AS_TRANS : offer.localAsn,
    holdTime: offer.holdTime,
    identifier,
    capabilities: ourCapabilities(offer),
  };
}

/** RFC 4271 section 6.2 in its order, RFC 6793 section 4.1, RFC 6286 section 2.2, RFC 5492 section 5. */
export function negotiate(offer: Offer, ourIdentifier: RouterId, open: Open): Negotiated | NotificationError {
  const peerAsn = open.capabilities.fourOctetAsn ?? open.myAs;
  const internal = peerAsn === offer.localAsn;
  const problem =
    checkAs(offer, open, peerAsn) ??
    checkIdentifier(open.identifier, internal ? ourIdentifier : undefined) ??
    checkHoldTime(open.holdTime);
  if (problem !== undefined) return problem;
  const families = commonFamilies(offeredFamilies(offer), open.capabilities);
  if (families.length === 0) {
    const missing = capabilityBytes({ families: offer.families.map(unicast) });
    return new UnsupportedCapabilityError("no address family in common", missing);
  }
  const ours = ourCapabilities(offer);
  const theirs = open.capabilities;
  // Who insists on a role does so too when the OPEN that the peer accepted did not say ours.
  const mismatch = checkRole(
    ours.role === undefined && offer.role?.strict !== true ? undefined : offer.role,
    theirs.role,
  );
  if (mismatch !== undefined) return mismatch;
  const holdTime = Math.min(offer.holdTime, open.holdTime);
  return {
    peerAsn,
    peerIdentifier: open.identifier,
    internal,
    holdTime,
    keepaliveTime: keepaliveFor(holdTime, offer.keepaliveTime),
    families,
    fourOctetAsn: ours.fourOctetAsn !== undefined && theirs.fourOctetAsn !== undefined,
    routeRefresh: ours.routeRefresh === true && theirs.routeRefresh === true,
    // RFC 8654 section 4 asks for the peer's word alone, but FRR and BIRD take long messages only when they have ours as well.
    extendedMessages: ours.extendedMessage === true && theirs.extendedMessage === true,
    enhancedRouteRefresh: ours.enhancedRouteRefresh === true && theirs.enhancedRouteRefresh === true,
    extendedNextHop: ours.extendedNextHop !== undefined && takesIpv6NextHop(theirs),
    ...addPathTerms(families, ours, theirs),
    ...restartTerms(ours, theirs),
    peerCapabilities: theirs,
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

function checkHoldTime(holdTime: number): NotificationError | undefined {
  return holdTime === 1 || holdTime === 2 ? new UnacceptableHoldTimeError(holdTime) : undefined;
}

/** RFC 9234 section 4.2: the pairs that fit; who says nothing is only refused where we insist. */
function checkRole(ours: RoleOffer | undefined, theirs: number | undefined): NotificationError | undefined {
  if (ours === undefined) return undefined;
  if (theirs === undefined) {
    return ours.strict ? new RoleMismatchError(`the peer says no role, want ${COUNTERPART[ours.role]}`) : undefined;
  }
  const wanted = COUNTERPART[ours.role];
  return theirs === ROLE[wanted]
    ? undefined
    : new RoleMismatchError(`the peer says role ${formatRole(theirs)}, want ${wanted}`);
}

const COUNTERPART: Record<keyof typeof ROLE, keyof typeof ROLE> = {
  provider: "customer",
  customer: "provider",
  routeServer: "routeServerClient",
  routeServerClient: "routeServer",
  peer: "peer",
};

/** RFC 8950 section 4. */
function takesIpv6NextHop({ extendedNextHop }: Capabilities): boolean {
  return (extendedNextHop ?? []).some(
    ({ afi, safi, nextHopAfi }) => afi === AFI.ipv4 && safi === SAFI.unicast && nextHopAfi === AFI.ipv6,
  );
}

/** RFC 7911 section 4: identifiers go one way in a family where the sender offered to send them and the receiver to take them. */
function addPathTerms(
  families: readonly Family[],
  ours: Capabilities,
  theirs: Capabilities,
): Pick<Negotiated, "addPathReceive" | "addPathSend"> {
  const offers = ({ addPath = [] }: Capabilities, way: "send" | "receive", family: Family): boolean =>
    addPath.some((one) => familyOf(one) === family && one[way]);
  return {
    addPathReceive: families.filter((one) => offers(ours, "receive", one) && offers(theirs, "send", one)),
    addPathSend: families.filter((one) => offers(ours, "send", one) && offers(theirs, "receive", one)),
  };
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
