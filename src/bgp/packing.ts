import { AS_TRANS, type Asn } from "../net/asn.ts";
import { type Community, compareCommunities, compareLargeCommunities, type LargeCommunity } from "../net/community.ts";
import { linkBandwidth } from "../net/extended-community.ts";
import type { Family } from "../net/ip-address.ts";
import { Writer } from "../wire/writer.ts";
import { type MpNextHop, mpReach } from "./attribute/mp-reach.ts";
import { mpUnreach } from "./attribute/mp-unreach.ts";
import { type Attributes, encodeAttributes } from "./attribute/registry.ts";
import type { CodecContext } from "./codec-context.ts";
import { ATTRIBUTE_FLAG, MESSAGE_TYPE } from "./iana.ts";
import { encodeMessage, HEADER_LENGTH, MARKER_LENGTH } from "./message/header.ts";
import { encodeUpdate } from "./message/update.ts";
import type { RoleOffer } from "./negotiation-offer.ts";
import type { Route } from "./route.ts";

/** What this end puts into every route it sends over one session. Sessions with equal values send equal octets. */
export interface Origination extends CodecContext {
  readonly localAsn: Asn;
  readonly nextHops: Readonly<Record<Family, MpNextHop | undefined>>;
  /** Which link bandwidth communities the peer gets; undefined is transitive to other ASes, non-transitive within ours. */
  readonly linkBandwidth?: "transitive" | "non-transitive" | "both" | undefined;
  /** Every route says that it may go down from here and no more up (RFC 9234): see `marksOnlyToCustomer`. */
  readonly onlyToCustomer?: true;
}

/** RFC 9234 section 5, egress 1: to a customer, a peer and the client of a route server goes nothing without OTC. */
const MARKS_ONLY_TO_CUSTOMER: Record<RoleOffer["role"], boolean> = {
  provider: true,
  peer: true,
  routeServer: true,
  customer: false,
  routeServerClient: false,
};

/** Whether who is this to a peer adds OTC to what it originates; the peer's own word is not needed (RFC 9234 section 4.2). */
export function marksOnlyToCustomer(role: RoleOffer["role"]): boolean {
  return MARKS_ONLY_TO_CUSTOMER[role];
}

/** Why a route cannot be sent over a session. */
export type NotSent = "no-next-hop" | "attributes-too-large";

const DEFAULT_LOCAL_PREF = 100;
/** RFC 4271 section 4.3: a segment's length is one octet. */
const MAX_SEGMENT = 255;

/** The attributes of a route without its next hop: all that routes of one UPDATE share. */
export function originate(route: Route, origination: Origination): Attributes {
  const { communities, largeCommunities, med } = route;
  const { internal, localAsn, onlyToCustomer } = origination;
  return {
    origin: "igp",
    ...ourPath(origination, route.asPathPrepend ?? 0),
    ...(med === undefined ? {} : { med }),
    ...(internal ? { localPref: route.localPref ?? DEFAULT_LOCAL_PREF } : {}),
    ...(communities.length > 0 ? { communities: sortedCommunities(communities) } : {}),
    ...bandwidthOf(route, origination),
    ...(largeCommunities.length > 0 ? { largeCommunities: sortedLargeCommunities(largeCommunities) } : {}),
    ...(onlyToCustomer === true ? { onlyToCustomer: localAsn } : {}),
  };
}

/** RFC 4271 section 5.1.2; RFC 6793 section 4.2.2 for a peer that cannot read four octets. */
function ourPath(
  { internal, localAsn, fourOctetAsn }: Origination,
  prepended: number,
): Pick<Attributes, "asPath" | "as4Path"> {
  if (internal) return { asPath: [] };
  const path = (asn: number) =>
    [{ type: "sequence", asns: Array.from({ length: Math.min(prepended + 1, MAX_SEGMENT) }, () => asn) }] as const;
  if (fourOctetAsn || localAsn <= 0xffff) return { asPath: path(localAsn) };
  return { asPath: path(AS_TRANS), as4Path: path(localAsn) };
}

/** RFC 10005: the transitive form, the non-transitive one, or both, of one and the same value. */
function bandwidthOf(route: Route, origination: Origination): Pick<Attributes, "extendedCommunities"> {
  const { linkBandwidth: bytesPerSecond } = route;
  if (bytesPerSecond === undefined) return {};
  const form = origination.linkBandwidth ?? (origination.internal ? "non-transitive" : "transitive");
  const forms = form === "both" ? [true, false] : [form === "transitive"];
  const extendedCommunities = forms.flatMap(
    (transitive) => linkBandwidth({ asn: origination.localAsn, bytesPerSecond, transitive }) ?? [],
  );
  return extendedCommunities.length > 0 ? { extendedCommunities } : {};
}

function sortedCommunities(values: readonly Community[]): readonly Community[] {
  return [...new Set(values)].sort(compareCommunities);
}

/** RFC 8092 section 5: no value twice. */
function sortedLargeCommunities(values: readonly LargeCommunity[]): readonly LargeCommunity[] {
  return values.toSorted(compareLargeCommunities).filter((value, i, all) => {
    const before = all[i - 1];
    return before === undefined || compareLargeCommunities(before, value) !== 0;
  });
}

/** A length that counts the prefixes, and what it is without any. */
interface LengthField {
  readonly at: number;
  readonly octets: 1 | 2;
  readonly base: number;
}

/** An UPDATE around a gap where the prefixes go: encoded once, filled many times. */
export interface Mould {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly lengths: readonly LengthField[];
}

/** A whole message with room for `length` octets of prefixes behind `mould.before`. */
export function pour({ before, after, lengths }: Mould, length: number): Uint8Array {
  const bytes = new Uint8Array(before.length + length + after.length);
  bytes.set(before);
  bytes.set(after, before.length + length);
  for (const { at, octets, base } of lengths) {
    const value = base + length;
    if (octets === 2) bytes[at] = value >>> 8;
    bytes[at + octets - 1] = value;
  }
  return bytes;
}

/** The longest value of an attribute whose length is one octet. */
const SHORT_VALUE = 255;

/** The moulds for few and for many prefixes: a multiprotocol attribute's length takes one octet or two. */
export interface MouldPair {
  readonly short: Mould;
  readonly long: Mould;
  /** Octets of prefixes that the short one takes. */
  readonly shortLimit: number;
}

function onlyOne(mould: Mould): MouldPair {
  return { short: mould, long: mould, shortLimit: 0 };
}

/** Announcements of one family with these attributes. */
export function announcing(
  attributes: Attributes,
  { family, nextHop }: { readonly family: Family; readonly nextHop: MpNextHop },
  cx: CodecContext,
): MouldPair {
  if (family === 4 && nextHop.address.family === 4) {
    const before = encodeUpdate(
      { withdrawn: [], attributes: { ...attributes, nextHop: nextHop.address }, nlri: [] },
      cx,
    );
    return onlyOne({ before, after: new Uint8Array(), lengths: [messageLength(before.length)] });
  }
  const value = new Writer();
  mpReach.encode(value, { family, nextHop, prefixes: [] }, cx);
  const rest = new Writer();
  encodeAttributes(rest, attributes, cx);
  return multiprotocol(mpReach.type, value.finish(), rest.finish());
}

/** Withdrawals of one family. */
export function withdrawing(family: Family, cx: CodecContext): MouldPair {
  if (family === 4) {
    const whole = encodeUpdate({ withdrawn: [], attributes: {}, nlri: [] }, cx);
    const gap = HEADER_LENGTH + 2;
    const lengths = [messageLength(whole.length), { at: HEADER_LENGTH, octets: 2, base: 0 } as const];
    return onlyOne({ before: whole.subarray(0, gap), after: whole.subarray(gap), lengths });
  }
  const value = new Writer();
  mpUnreach.encode(value, { family, prefixes: [] }, cx);
  return multiprotocol(mpUnreach.type, value.finish(), new Uint8Array());
}

/** RFC 7606 section 5.1: the multiprotocol attribute first, the others behind it. */
function multiprotocol(type: number, value: Uint8Array, rest: Uint8Array): MouldPair {
  const mould = (octets: 1 | 2): Mould => {
    const flags = ATTRIBUTE_FLAG.optional | (octets === 2 ? ATTRIBUTE_FLAG.extendedLength : 0);
    const before = encodeMessage(MESSAGE_TYPE.update, (w) => {
      w.u16(0).u16(0).u8(flags).u8(type);
      if (octets === 2) w.u16(0);
      else w.u8(0);
      w.bytes(value);
    });
    const attributes = HEADER_LENGTH + 2;
    const lengths: readonly LengthField[] = [
      messageLength(before.length + rest.length),
      { at: attributes, octets: 2, base: before.length + rest.length - attributes - 2 },
      { at: attributes + 4, octets, base: value.length },
    ];
    return { before, after: rest, lengths };
  };
  return { short: mould(1), long: mould(2), shortLimit: SHORT_VALUE - value.length };
}

function messageLength(base: number): LengthField {
  return { at: MARKER_LENGTH, octets: 2, base };
}

/** RFC 4724 section 2: "you have everything of this family now". */
export function endOfRib(family: Family, cx: CodecContext): Uint8Array {
  const attributes: Attributes = family === 4 ? {} : { mpUnreach: { family, prefixes: [] } };
  return encodeUpdate({ withdrawn: [], attributes, nlri: [] }, cx);
}
