import { addressFromBytes, type Family, type IpAddress } from "../../net/ip-address.ts";
import type { IpPrefix } from "../../net/ip-prefix.ts";
import type { Reader } from "../../wire/reader.ts";
import { MalformedAttributeError } from "../error.ts";
import { familyOf, formatAfiSafi, unicast } from "../family.ts";
import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import { decodeNlri, encodeNlri } from "../nlri.ts";
import type { AttributeSpec } from "./spec.ts";

/** A next hop of one address, or of a global and a link-local one (RFC 2545 section 3). */
export interface MpNextHop {
  readonly address: IpAddress;
  readonly linkLocal: IpAddress | undefined;
}

/** Routes of a family we know. */
interface UnicastReach {
  readonly family: Family;
  readonly nextHop: MpNextHop;
  readonly prefixes: readonly IpPrefix[];
}

/** A family we do not know: kept as it came, never interpreted. */
interface OpaqueReach {
  readonly family: undefined;
  readonly afi: number;
  readonly safi: number;
  readonly nextHop: Uint8Array;
  readonly nlri: Uint8Array;
}

export type MpReach = UnicastReach | OpaqueReach;

/*
 * RFC 4760 section 3:   AFI (2) | SAFI (1) | next hop's length (1) | next hop | reserved (1) | NLRI
 */
export const mpReach: AttributeSpec<MpReach> = {
  type: ATTRIBUTE_TYPE.mpReach,
  flags: ATTRIBUTE_FLAG.optional,
  onMalformed: "reset-session",
  decode(r) {
    const wire = { afi: r.u16(), safi: r.u8() };
    const nextHop = r.window(r.u8());
    r.u8();
    const family = familyOf(wire);
    if (family === undefined) return { family, ...wire, nextHop: nextHop.rest().slice(), nlri: r.rest().slice() };
    return { family, nextHop: readNextHop(nextHop, family), prefixes: decodeNlri(r, family) };
  },
  encode(w, value) {
    const { afi, safi } = value.family === undefined ? value : unicast(value.family);
    w.u16(afi).u8(safi);
    if (value.family === undefined) {
      w.lengthPrefixed8((body) => body.bytes(value.nextHop));
      w.u8(0).bytes(value.nlri);
      return;
    }
    const { address, linkLocal } = value.nextHop;
    w.lengthPrefixed8((body) => {
      body.bytes(address.toBytes());
      if (linkLocal !== undefined) body.bytes(linkLocal.toBytes());
    });
    encodeNlri(w.u8(0), value.prefixes);
  },
  format(value) {
    if (value.family === undefined) return `${formatAfiSafi(value)} (kept, not read)`;
    return `${formatAfiSafi(unicast(value.family))} next hop ${value.nextHop.address}`;
  },
};

/** IPv4 routes may come with an IPv6 next hop (RFC 8950); IPv6 routes never with an IPv4 one. */
function readNextHop(r: Reader, family: Family): MpNextHop {
  const length = r.remaining;
  const allowed = family === 4 ? [4, 16, 32] : [16, 32];
  if (!allowed.includes(length)) throw new MalformedAttributeError(`a next hop of ${length} octets`);
  const address = addressFromBytes(r.bytes(length === 4 ? 4 : 16));
  if (address === undefined) throw new MalformedAttributeError(`a next hop of ${length} octets`);
  return { address, linkLocal: length === 32 ? addressFromBytes(r.bytes(16)) : undefined };
}
