import type { Brand } from "./brand.ts";

/** A hardware address of Ethernet: its 48 bits as one exact number, so that it compares with `===` and costs no object. */
export type MacAddress = Brand<number, "MacAddress">;

const OCTETS = 6;
const LOW = 2 ** 32;

/** To every station (IEEE 802). */
export const BROADCAST_MAC = 0xffff_ffff_ffff as MacAddress;
/** What a field holds that is not known yet. */
export const ZERO_MAC = 0 as MacAddress;

/** From its upper 16 and lower 32 bits, as they are read from a frame. */
export function macFromParts(high: number, low: number): MacAddress {
  return (high * LOW + low) as MacAddress;
}

/** The upper 16 and the lower 32 bits. */
export function macParts(mac: MacAddress): { readonly high: number; readonly low: number } {
  return { high: Math.floor(mac / LOW), low: mac % LOW };
}

/** Six octets; of any other length there is none. */
export function macFromBytes(bytes: Uint8Array): MacAddress | undefined {
  if (bytes.length !== OCTETS) return undefined;
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0) as MacAddress;
}

/** A group of stations, or all of them: never the address of one. */
export function isGroupMac(mac: MacAddress): boolean {
  return (Math.floor(mac / 2 ** 40) & 1) === 1;
}

/** `02:00:5e:10:00:01`. */
export function formatMac(mac: MacAddress): string {
  const digits = mac.toString(16).padStart(OCTETS * 2, "0");
  return digits.replace(/..(?=.)/g, "$&:");
}
