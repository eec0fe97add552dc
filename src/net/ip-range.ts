import { addressBits, type Family, IpAddress, parseIpAddress } from "./ip-address.ts";
import { IpPrefix, parsePrefix } from "./ip-prefix.ts";

/** A closed interval of addresses of one family: `first <= last`. */
export interface IpRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/** A parsed value, or the reason there is none, in words for the user. */
export type Parsed<T> =
  | { readonly value: T; readonly problem?: never }
  | { readonly problem: string; readonly value?: never };

export function rangeOfPrefix(prefix: IpPrefix): IpRange {
  return { family: prefix.family, first: prefix.first.value, last: prefix.last.value };
}

export function rangeContains(range: IpRange, address: IpAddress): boolean {
  return address.family === range.family && address.value >= range.first && address.value <= range.last;
}

export function rangesOverlap(a: IpRange, b: IpRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** How many addresses a range holds: exact for a /64 and wider, hence a bigint. */
export function rangeSize(range: IpRange): bigint {
  return range.last - range.first + 1n;
}

/** The shortest ascending list of prefixes that covers exactly this range. */
export function prefixesOfRange(range: IpRange): readonly IpPrefix[] {
  const bits = addressBits(range.family);
  const prefixes: IpPrefix[] = [];
  let at = range.first;
  while (at <= range.last) {
    let host = 0n;
    const fits = (n: bigint): boolean =>
      n <= BigInt(bits) && at % (1n << n) === 0n && at + (1n << n) - 1n <= range.last;
    while (fits(host + 1n)) host++;
    prefixes.push(IpPrefix.containing(new IpAddress(range.family, at), bits - Number(host)));
    at += 1n << host;
  }
  return prefixes;
}

/**
 * Parses one entry of a pool: a CIDR (host bits masked off), or `first-last` with blanks allowed around the dash.
 * A bare address, a reversed range and a range of two families are refused: MetalLB took the last for an empty pool.
 */
export function parseAddressBlock(text: string): Parsed<readonly IpPrefix[]> {
  const dash = text.indexOf("-");
  if (dash < 0) {
    const prefix = parsePrefix(text);
    return prefix === undefined ? { problem: `invalid CIDR "${text}"` } : { value: [prefix] };
  }
  const first = parseIpAddress(text.slice(0, dash).trim());
  const last = parseIpAddress(text.slice(dash + 1).trim());
  if (first === undefined)
    return { problem: `invalid IP range "${text}": invalid start IP "${text.slice(0, dash).trim()}"` };
  if (last === undefined)
    return { problem: `invalid IP range "${text}": invalid end IP "${text.slice(dash + 1).trim()}"` };
  if (first.family !== last.family)
    return { problem: `invalid IP range "${text}": start is IPv${first.family}, end is IPv${last.family}` };
  if (first.value > last.value) return { problem: `invalid IP range "${text}": start is after end` };
  return { value: prefixesOfRange({ family: first.family, first: first.value, last: last.value }) };
}
