import { addressFromBytes } from "../net/ip-address.ts";
import type { Reader } from "../wire/reader.ts";
import type { Writer } from "../wire/writer.ts";
import { GossipRefused } from "./error.ts";
import { MAX_INCARNATION, MAX_NAME, STATES } from "./iana.ts";
import type { Place } from "./place.ts";

export type MemberState = (typeof STATES)[number];

/** What one member says of another. */
export interface Update {
  readonly name: string;
  readonly state: MemberState;
  readonly incarnation: number;
  readonly place: Place;
  /** CRC-32 of the names of those who found it silent, each by itself; empty unless it is suspect. */
  readonly accusers: readonly number[];
}

/** Accusers told on the wire: more do not shorten the suspicion any further. */
export const MOST_ACCUSERS = 4;

const STATE_BITS = 0x03;
const IPV6 = 0x04;
const ACCUSERS_SHIFT = 3;

const ADDRESS_OCTETS = { 4: 4, 6: 16 } as const;

/** Octets of an update on the wire. */
export function updateSize({ name, place, accusers }: Update): number {
  return 8 + name.length + ADDRESS_OCTETS[place.address.family] + 4 * accusers.length;
}

/**
 * ```text
 * octets 1      1       n      4             4 or 16   2      4 each
 *        kind | length, name | incarnation | address | port | accusers
 * kind: bits 0-1 state, bit 2 IPv6, bits 3-5 number of accusers
 * ```
 */
export function encodeUpdate(w: Writer, update: Update): void {
  const { place, accusers } = update;
  const family = place.address.family === 6 ? IPV6 : 0;
  w.u8(STATES.indexOf(update.state) | family | (accusers.length << ACCUSERS_SHIFT));
  encodeName(w, update.name);
  w.u32(update.incarnation).bytes(place.address.toBytes()).u16(place.port);
  for (const accuser of accusers) w.u32(accuser);
}

/** @throws GossipRefused, ShortReadError */
export function decodeUpdate(r: Reader): Update {
  const kind = r.u8();
  const state = STATES[kind & STATE_BITS];
  const count = kind >> ACCUSERS_SHIFT;
  if (state === undefined || count > MOST_ACCUSERS || (count > 0 && state !== "suspect"))
    throw new GossipRefused("malformed");
  const name = decodeName(r);
  const incarnation = decodeIncarnation(r);
  const place = decodePlace(r, (kind & IPV6) === 0 ? 4 : 6);
  return { name, state, incarnation, place, accusers: Array.from({ length: count }, () => r.u32()) };
}

export function encodePlace(w: Writer, { address, port }: Place): void {
  w.u8(address.family).bytes(address.toBytes()).u16(port);
}

/** @throws GossipRefused, ShortReadError */
export function decodePlace(r: Reader, family: number = r.u8()): Place {
  if (family !== 4 && family !== 6) throw new GossipRefused("malformed");
  const address = addressFromBytes(r.bytes(ADDRESS_OCTETS[family]));
  const port = r.u16();
  // Nobody listens there: a packet to port 0 would be an error at each send.
  if (address === undefined || port === 0) throw new GossipRefused("malformed");
  return { address, port };
}

/** @throws GossipRefused, ShortReadError */
export function decodeIncarnation(r: Reader): number {
  const incarnation = r.u32();
  if (incarnation > MAX_INCARNATION) throw new GossipRefused("malformed");
  return incarnation;
}

export function encodeName(w: Writer, name: string): void {
  w.u8(name.length);
  for (let i = 0; i < name.length; i++) w.u8(name.charCodeAt(i));
}

/** @throws GossipRefused, ShortReadError */
export function decodeName(r: Reader): string {
  const name = String.fromCharCode(...r.bytes(r.u8()));
  if (!isMemberName(name)) throw new GossipRefused("malformed");
  return name;
}

/** Printable ASCII, without spaces: one octet a character, and nothing that hurts a log. */
export function isMemberName(name: string): boolean {
  return name.length <= MAX_NAME && /^[\x21-\x7e]+$/.test(name);
}
