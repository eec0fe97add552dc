import type { Reader } from "../../wire/reader.ts";
import type { Writer } from "../../wire/writer.ts";
import { MalformedCapabilityError } from "../error.ts";
import { type AfiSafi, formatAfiSafi, formatNextHopAfi } from "../family.ts";
import { CAPABILITY } from "../iana.ts";
import { type CapabilitySpec, inChunks, readAll } from "./spec.ts";

/** RFC 4760 section 8: one capability per family. */
export const families: CapabilitySpec<readonly AfiSafi[]> = {
  code: CAPABILITY.multiprotocol,
  onMalformed: "refuse",
  decode(r, before = []) {
    const afi = r.u16();
    r.u8();
    return withFamily(before, { afi, safi: r.u8() });
  },
  encode: (values) =>
    values.map(
      ({ afi, safi }) =>
        (w: Writer) =>
          void w.u16(afi).u8(0).u8(safi),
    ),
  format: (values) => values.map(formatAfiSafi).join(" "),
};

/** Which way path identifiers may go in one family, as the sender of the capability sees it (RFC 7911 section 4). */
export interface AddPathFamily extends AfiSafi {
  readonly receive: boolean;
  readonly send: boolean;
}

const RECEIVE = 1;
const SEND = 2;

export const addPath: CapabilitySpec<readonly AddPathFamily[]> = {
  code: CAPABILITY.addPath,
  onMalformed: "keep",
  decode: (r, before = []) => readAll(r, readAddPath).reduce(withFamily<AddPathFamily>, before),
  encode: (values) =>
    inChunks(values, 63, (w, { afi, safi, receive, send }) => {
      const ways = (receive ? RECEIVE : 0) | (send ? SEND : 0);
      w.u16(afi).u8(safi).u8(ways);
    }),
  format: (values) => `add-path ${values.map(formatAddPath).join(" ")}`,
};

function readAddPath(r: Reader): AddPathFamily {
  const wire = { afi: r.u16(), safi: r.u8() };
  const ways = r.u8();
  // RFC 7911 section 4: any other value makes the capability one that is not understood.
  if (ways < RECEIVE || ways > (RECEIVE | SEND)) throw new MalformedCapabilityError(`send/receive ${ways}`);
  return { ...wire, receive: (ways & RECEIVE) !== 0, send: (ways & SEND) !== 0 };
}

function formatAddPath({ receive, send, ...wire }: AddPathFamily): string {
  const ways = [receive ? "receive" : [], send ? "send" : []].flat();
  return `${formatAfiSafi(wire)}:${ways.join("+")}`;
}

/** Routes of a family that may have next hops of another (RFC 8950 section 4). */
export interface ExtendedNextHopFamily extends AfiSafi {
  readonly nextHopAfi: number;
}

export const extendedNextHop: CapabilitySpec<readonly ExtendedNextHopFamily[]> = {
  code: CAPABILITY.extendedNextHop,
  onMalformed: "keep",
  decode: (r, before = []) => [
    ...before,
    ...readAll(r, (one) => ({ afi: one.u16(), safi: one.u16(), nextHopAfi: one.u16() })),
  ],
  encode: (values) => inChunks(values, 42, (w, { afi, safi, nextHopAfi }) => void w.u16(afi).u16(safi).u16(nextHopAfi)),
  format(values) {
    const words = values.map(({ nextHopAfi, ...wire }) => `${formatAfiSafi(wire)}:${formatNextHopAfi(nextHopAfi)}`);
    return `extended-next-hop ${words.join(" ")}`;
  },
};

/** The filters a peer would take or send in one family (RFC 5291 section 4): shown, never used. */
export interface RouteFilterFamily extends AfiSafi {
  readonly filters: readonly { readonly type: number; readonly ways: number }[];
}

export const outboundRouteFilter: CapabilitySpec<readonly RouteFilterFamily[]> = {
  code: CAPABILITY.outboundRouteFilter,
  onMalformed: "keep",
  decode: (r, before = []) => [...before, ...readAll(r, readFilters)],
  encode: (values) =>
    inChunks(values, 1, (w, { afi, safi, filters }) => {
      w.u16(afi).u8(0).u8(safi).u8(filters.length);
      for (const { type, ways } of filters) w.u8(type).u8(ways);
    }),
  format: (values) => `outbound-route-filter ${values.map(formatAfiSafi).join(" ")}`,
};

function readFilters(r: Reader): RouteFilterFamily {
  const afi = r.u16();
  r.u8();
  const safi = r.u8();
  const count = r.u8();
  return { afi, safi, filters: Array.from({ length: count }, () => ({ type: r.u8(), ways: r.u8() })) };
}

/** The list with this family in it once: what is said last of a family counts. */
function withFamily<T extends AfiSafi>(values: readonly T[], value: T): readonly T[] {
  const at = values.findIndex(({ afi, safi }) => afi === value.afi && safi === value.safi);
  return at < 0 ? [...values, value] : values.with(at, value);
}
