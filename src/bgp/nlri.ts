import { addressBits, addressFromBytes, type Family, IpAddress } from "../net/ip-address.ts";
import { IpPrefix } from "../net/ip-prefix.ts";
import type { Reader } from "../wire/reader.ts";
import type { Writer } from "../wire/writer.ts";
import { InvalidNetworkFieldError } from "./error.ts";

/** The identifier of a prefix that has only one path: its sender may choose any. */
const ONLY_PATH = 1;

/** Prefixes as one field carries them, and the identifier of each where the session has them. */
export interface Nlri {
  readonly prefixes: readonly IpPrefix[];
  readonly pathIds?: readonly number[];
}

/**
 * A list of prefixes: a length in bits, then as many octets as those bits need (RFC 4271 section 4.3). With `pathIds`, each has
 * its identifier before it (RFC 7911 section 3), those the list is too short for the same one.
 */
export function encodeNlri(w: Writer, prefixes: Iterable<IpPrefix>, pathIds?: readonly number[]): void {
  let i = 0;
  for (const prefix of prefixes) {
    if (pathIds !== undefined) w.u32(pathIds[i++] ?? ONLY_PATH);
    w.u8(prefix.length);
    if (prefix.family === 4 && prefix.length > 24) w.u32(Number(prefix.address.value));
    else w.bytes(prefix.address.toBytes().subarray(0, Math.ceil(prefix.length / 8)));
  }
}

/**
 * Reads prefixes to the end of the window. Bits behind the length are masked off, not refused.
 * @throws InvalidNetworkFieldError ShortReadError
 */
function decodeNlri(r: Reader, family: Family): readonly IpPrefix[] {
  const prefixes: IpPrefix[] = [];
  while (r.remaining > 0) prefixes.push(readPrefix(r, family));
  return prefixes;
}

/** The same, with identifiers where the session has them. @throws InvalidNetworkFieldError ShortReadError */
export function decodePaths(r: Reader, family: Family, withIds: boolean): Nlri {
  if (!withIds) return { prefixes: decodeNlri(r, family) };
  const prefixes: IpPrefix[] = [];
  const pathIds: number[] = [];
  while (r.remaining > 0) {
    pathIds.push(r.u32());
    prefixes.push(readPrefix(r, family));
  }
  return { prefixes, pathIds };
}

function readPrefix(r: Reader, family: Family): IpPrefix {
  const length = r.u8();
  if (length === 32 && family === 4) return IpPrefix.ofHost(new IpAddress(4, BigInt(r.u32())));
  if (length > addressBits(family)) throw new InvalidNetworkFieldError(`an IPv${family} prefix of ${length} bits`);
  return IpPrefix.containing(padded(r.bytes(Math.ceil(length / 8)), family), length);
}

function padded(bytes: Uint8Array, family: Family): IpAddress {
  const whole = new Uint8Array(addressBits(family) / 8);
  whole.set(bytes);
  return addressFromBytes(whole) ?? new IpAddress(family, 0n);
}
