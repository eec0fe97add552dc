import { Reader } from "../../wire/reader.ts";
import type { CodecContext } from "../codec-context.ts";
import { BadRouteRefreshLengthError } from "../error.ts";
import { type AfiSafi, formatAfiSafi } from "../family.ts";
import { MESSAGE_TYPE, REFRESH_SUBTYPE } from "../iana.ts";
import { encodeMessage, MAX_MESSAGE_LENGTH } from "./header.ts";

/*
 * RFC 2918 section 3:   AFI (2) | subtype (1), zero and ignored until RFC 7313 is negotiated | SAFI (1)
 */

/** The peer asks for our routes of one family again, or says that its own begin or have ended. */
export interface RouteRefresh extends AfiSafi {
  readonly subtype: number;
}

const BODY_LENGTH = 4;

export function encodeRouteRefresh(refresh: RouteRefresh): Uint8Array {
  return encodeMessage(MESSAGE_TYPE.routeRefresh, (w) => w.u16(refresh.afi).u8(refresh.subtype).u8(refresh.safi));
}

/**
 * Octets behind the first four (an ORF, RFC 5291) are ignored, but not where RFC 7313 forbids them.
 * @throws BadRouteRefreshLengthError ShortReadError
 */
export function decodeRouteRefresh(
  body: Uint8Array,
  cx: Pick<CodecContext, "enhancedRouteRefresh"> = {},
): RouteRefresh {
  const r = new Reader(body);
  const afi = r.u16();
  const subtype = r.u8();
  const refresh = { afi, subtype, safi: r.u8() };
  const marks = subtype === REFRESH_SUBTYPE.begin || subtype === REFRESH_SUBTYPE.end;
  if (cx.enhancedRouteRefresh === true && marks && body.length !== BODY_LENGTH) {
    // RFC 7313 section 5: the data is the complete message.
    const whole = encodeMessage(MESSAGE_TYPE.routeRefresh, (w) => w.bytes(body));
    throw new BadRouteRefreshLengthError([...whole.subarray(0, MAX_MESSAGE_LENGTH - NOTIFICATION_HEAD)]);
  }
  return refresh;
}

/** Header, code and subcode of a NOTIFICATION. */
const NOTIFICATION_HEAD = 21;

/** What a ROUTE-REFRESH means. Without RFC 7313 the octet of the subtype is reserved, and every one is a request. */
export type RefreshMeaning = keyof typeof REFRESH_SUBTYPE | "ignored";

const MEANINGS = new Map<number, RefreshMeaning>([
  [REFRESH_SUBTYPE.request, "request"],
  [REFRESH_SUBTYPE.begin, "begin"],
  [REFRESH_SUBTYPE.end, "end"],
]);

/** RFC 7313 section 5: a subtype that is not assigned is ignored. */
export function refreshMeaning(
  { subtype }: RouteRefresh,
  { enhancedRouteRefresh }: Pick<CodecContext, "enhancedRouteRefresh">,
): RefreshMeaning {
  return enhancedRouteRefresh === true ? (MEANINGS.get(subtype) ?? "ignored") : "request";
}

const WORDS: Record<number, string> = { [REFRESH_SUBTYPE.begin]: "begin of ", [REFRESH_SUBTYPE.end]: "end of " };

export function formatRouteRefresh(refresh: RouteRefresh): string {
  return `ROUTE-REFRESH ${WORDS[refresh.subtype] ?? ""}${formatAfiSafi(refresh)}`;
}
