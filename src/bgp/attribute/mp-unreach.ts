import type { Family } from "../../net/ip-address.ts";
import type { IpPrefix } from "../../net/ip-prefix.ts";
import { familyOf, formatAfiSafi, unicast } from "../family.ts";
import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import { decodeNlri, encodeNlri } from "../nlri.ts";
import type { AttributeSpec } from "./spec.ts";

/** Withdrawn routes of a family we know; none at all is its End-of-RIB (RFC 4724 section 2). */
interface UnicastUnreach {
  readonly family: Family;
  readonly prefixes: readonly IpPrefix[];
}

/** A family we do not know: kept as it came. */
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
  decode(r) {
    const wire = { afi: r.u16(), safi: r.u8() };
    const family = familyOf(wire);
    if (family === undefined) return { family, ...wire, nlri: r.rest().slice() };
    return { family, prefixes: decodeNlri(r, family) };
  },
  encode(w, value) {
    const { afi, safi } = value.family === undefined ? value : unicast(value.family);
    w.u16(afi).u8(safi);
    if (value.family === undefined) w.bytes(value.nlri);
    else encodeNlri(w, value.prefixes);
  },
  format: (value) => formatAfiSafi(value.family === undefined ? value : unicast(value.family)),
};
