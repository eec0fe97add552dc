import { addressFromBytes, type Family, type IpAddress } from "../../net/ip-address.ts";
import type { Reader } from "../../wire/reader.ts";
import { carriedFamily, pathIdsToSend } from "../codec-context.ts";
import { MalformedAttributeError } from "../error.ts";
import { formatAfiSafi, unicast } from "../family.ts";
import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import { decodePaths, encodeNlri, type Nlri } from "../nlri.ts";
import { hexDigits } from "../octets.ts";
import type { AttributeSpec } from "./spec.ts";

/** A next hop of one address, or of a global and a link-local one (RFC 2545 section 3). */
export interface MpNextHop {
  readonly address: IpAddress;
  readonly linkLocal: IpAddress | undefined;
}

/** Routes of a family we know. */
interface UnicastReach extends Nlri {
  readonly family: Family;
  readonly nextHop: MpNextHop;
}

/** A family we do not know, or the session does not carry: kept as it came, never interpreted. */
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
  decode(r, cx) {
    const wire = { afi: r.u16(), safi: r.u8() };
    const nextHop = r.window(r.u8());
    r.u8();
    const family = carriedFamily(wire, cx);
    if (family === undefined) return { family, ...wire, nextHop: nextHop.rest().slice(), nlri: r.rest().slice() };
    const paths = decodePaths(r, family, cx.addPathReceive?.includes(family) === true);
    return { family, nextHop: readNextHop(nextHop, family), ...paths };
  },
  encode(w, value, cx) {
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
    encodeNlri(w.u8(0), value.prefixes, pathIdsToSend(value.pathIds, value.family, cx));
  },
  format(value) {
    if (value.family === undefined) {
      return `${formatAfiSafi(value)} next hop ${hexDigits(value.nextHop)} ${hexDigits(value.nlri)} (kept, not read)`;
    }
    const { address, linkLocal } = value.nextHop;
    const hop = linkLocal === undefined ? String(address) : `${address} ${linkLocal}`;
    return `${formatAfiSafi(unicast(value.family))} next hop ${hop}, ${value.prefixes.length} announced`;
  },
};

/**
 * IPv4 routes may come with an IPv6 next hop (RFC 8950); IPv6 routes never with an IPv4 one. Of 32 octets either half may be
 * the link-local address, or both: routers of unnumbered links differ in that.
 */
function readNextHop(r: Reader, family: Family): MpNextHop {
  const length = r.remaining;
  const allowed = family === 4 ? [4, 16, 32] : [16, 32];
  if (!allowed.includes(length)) throw new MalformedAttributeError(`a next hop of ${length} octets`);
  const address = addressFromBytes(r.bytes(length === 4 ? 4 : 16));
  if (address === undefined) throw new MalformedAttributeError(`a next hop of ${length} octets`);
  return { address, linkLocal: length === 32 ? addressFromBytes(r.bytes(16)) : undefined };
}
