import { Reader } from "../../wire/reader.ts";
import { type AfiSafi, formatAfiSafi } from "../family.ts";
import { MESSAGE_TYPE } from "../iana.ts";
import { encodeMessage } from "./header.ts";

/*
 * RFC 2918 section 3:   AFI (2) | subtype (1), zero and ignored until RFC 7313 is negotiated | SAFI (1)
 */

/** The peer asks for our routes of one family again. */
export interface RouteRefresh extends AfiSafi {
  readonly subtype: number;
}

export function encodeRouteRefresh(refresh: RouteRefresh): Uint8Array {
  return encodeMessage(MESSAGE_TYPE.routeRefresh, (w) => w.u16(refresh.afi).u8(refresh.subtype).u8(refresh.safi));
}

/** Octets behind the first four (an ORF, RFC 5291) are ignored. @throws ShortReadError */
export function decodeRouteRefresh(body: Uint8Array): RouteRefresh {
  const r = new Reader(body);
  const afi = r.u16();
  const subtype = r.u8();
  return { afi, subtype, safi: r.u8() };
}

export function formatRouteRefresh(refresh: RouteRefresh): string {
  return `ROUTE-REFRESH ${formatAfiSafi(refresh)}`;
}
