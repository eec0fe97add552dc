import type { Family } from "../../net/ip-address.ts";
import { carriedFamily, pathIdsToSend } from "../codec-context.ts";
import { formatAfiSafi, unicast } from "../family.ts";
import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import { decodePaths, encodeNlri, type Nlri } from "../nlri.ts";
import { hexDigits } from "../octets.ts";
import type { AttributeSpec } from "./spec.ts";

/** Withdrawn routes of a family we know; none at all is its End-of-RIB (RFC 4724 section 2). */
interface UnicastUnreach extends Nlri {
  readonly family: Family;
}

/** A family we do not know, or the session does not carry: kept as it came. */
interface OpaqueUnreach {
  readonly family: undefined;
  readonly afi: number;
  readonly safi: number;
  readonly nlri: Uint8Array;
}

export type MpUnreach = UnicastUnreach | OpaqueUnreach;

/*
 * RFC 4760 section 4:   AFI (2) | SAFI (1) | withdrawn routes
 */
export const mpUnreach: AttributeSpec<MpUnreach> = {
  type: ATTRIBUTE_TYPE.mpUnreach,
  flags: ATTRIBUTE_FLAG.optional,
  onMalformed: "reset-session",
  decode(r, cx) {
    const wire = { afi: r.u16(), safi: r.u8() };
    const family = carriedFamily(wire, cx);
    if (family === undefined) return { family, ...wire, nlri: r.rest().slice() };
    return { family, ...decodePaths(r, family, cx.addPathReceive?.includes(family) === true) };
  },
  encode(w, value, cx) {
    const { afi, safi } = value.family === undefined ? value : unicast(value.family);
    w.u16(afi).u8(safi);
    if (value.family === undefined) w.bytes(value.nlri);
    else encodeNlri(w, value.prefixes, pathIdsToSend(value.pathIds, value.family, cx));
  },
  format(value) {
    if (value.family === undefined) return `${formatAfiSafi(value)} ${hexDigits(value.nlri)} (kept, not read)`;
    return `${formatAfiSafi(unicast(value.family))}, ${value.prefixes.length} withdrawn`;
  },
};
