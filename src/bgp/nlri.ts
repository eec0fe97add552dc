import { addressBits, addressFromBytes, type Family, IpAddress } from "../net/ip-address.ts";
import { IpPrefix } from "../net/ip-prefix.ts";
import type { Reader } from "../wire/reader.ts";
import type { Writer } from "../wire/writer.ts";
import { InvalidNetworkFieldError } from "./error.ts";

/** Octets one prefix takes on the wire. */
function nlriLength(prefix: IpPrefix): number {
  return 1 + Math.ceil(prefix.length / 8);
}

/** A list of prefixes: a length in bits, then as many octets as those bits need (RFC 4271 section 4.3). */
export function encodeNlri(w: Writer, prefixes: Iterable<IpPrefix>): void {
  for (const prefix of prefixes) {
    w.u8(prefix.length);
    if (prefix.family === 4 && prefix.length > 24) w.u32(Number(prefix.address.value));
    else w.bytes(prefix.address.toBytes().subarray(0, Math.ceil(prefix.length / 8)));
  }
}

/**
 * Reads prefixes to the end of the window. Bits behind the length are masked off, not refused.
 * @throws InvalidNetworkFieldError ShortReadError
 */
export function decodeNlri(r: Reader, family: Family): readonly IpPrefix[] {
  const prefixes: IpPrefix[] = [];
  const bits = addressBits(family);
  while (r.remaining > 0) {
    const length = r.u8();
    if (length > bits) throw new InvalidNetworkFieldError(`an IPv${family} prefix of ${length} bits`);
    if (length === 32 && family === 4) prefixes.push(IpPrefix.ofHost(new IpAddress(4, BigInt(r.u32()))));
    else prefixes.push(IpPrefix.containing(padded(r.bytes(Math.ceil(length / 8)), family), length));
  }
  return prefixes;
}

function padded(bytes: Uint8Array, family: Family): IpAddress {
  const whole = new Uint8Array(addressBits(family) / 8);
  whole.set(bytes);
  return addressFromBytes(whole) ?? new IpAddress(family, 0n);
}

/** A compact map key: a number for IPv4, which is what the big tables are made of. */
export type PrefixKey = number | string;

export function prefixKey(prefix: IpPrefix): PrefixKey {
  const { value } = prefix.address;
  return prefix.family === 4 ? Number(value) * 64 + prefix.length : `${value.toString(32)}/${prefix.length}`;
}

/** Cuts a list into runs whose NLRI fits into `room` octets. */
export function* nlriBatches(prefixes: Iterable<IpPrefix>, room: number): Generator<readonly IpPrefix[]> {
  let batch: IpPrefix[] = [];
  let used = 0;
  for (const prefix of prefixes) {
    const length = nlriLength(prefix);
    if (used + length > room && batch.length > 0) {
      yield batch;
      batch = [];
      used = 0;
    }
    batch.push(prefix);
    used += length;
  }
  if (batch.length > 0) yield batch;
}
