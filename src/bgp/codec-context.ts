import type { Family } from "../net/ip-address.ts";
import { type AfiSafi, familyOf } from "./family.ts";

/** What a session has negotiated: codecs take it as a value and never reach for a session. */
export interface CodecContext {
  /** Both sides sent the four-octet AS capability (RFC 6793). */
  readonly fourOctetAsn: boolean;
  /** The peer is in our own AS. */
  readonly internal: boolean;
  /** The families both sides offered; routes of others are kept unread. Absent: IPv4 and IPv6. */
  readonly families?: readonly Family[];
  /** Families in which the peer puts a path identifier before each prefix, because we asked for it (RFC 7911). */
  readonly addPathReceive?: readonly Family[];
  /** Families in which the peer wants a path identifier before each prefix. */
  readonly addPathSend?: readonly Family[];
  /** The peer takes messages of up to 65,535 octets: its side of RFC 8654 alone decides what we may send. */
  readonly extendedMessages?: boolean;
  /** Both sides offered IPv4 routes with an IPv6 next hop (RFC 8950). */
  readonly extendedNextHop?: boolean;
  /** Both sides offered RFC 7313: the subtype of a ROUTE-REFRESH means something. */
  readonly enhancedRouteRefresh?: boolean;
}

/** Our own name of a wire family whose routes this session carries; undefined for those that are kept unread. */
export function carriedFamily(wire: AfiSafi, { families }: Pick<CodecContext, "families">): Family | undefined {
  const family = familyOf(wire);
  return family !== undefined && (families === undefined || families.includes(family)) ? family : undefined;
}

/** The identifiers that go before the prefixes of a field, undefined where the peer wants none. */
export function pathIdsToSend(
  pathIds: readonly number[] | undefined,
  family: Family,
  { addPathSend }: Pick<CodecContext, "addPathSend">,
): readonly number[] | undefined {
  return addPathSend?.includes(family) === true ? (pathIds ?? []) : undefined;
}
