import ipaddr from "ipaddr.js";

/** The address families a Service can have. */
export type Family = 4 | 6;

export const FAMILIES: readonly Family[] = [4, 6];

const BITS: Record<Family, number> = { 4: 32, 6: 128 };
const MAX: Record<Family, bigint> = { 4: (1n << 32n) - 1n, 6: (1n << 128n) - 1n };

const LOW_HALF = (1n << 64n) - 1n;

/** Bits in an address of this family. */
export function addressBits(family: Family): number {
  return BITS[family];
}

/** The highest address value of this family. */
export function maxAddressValue(family: Family): bigint {
  return MAX[family];
}

/** An IPv4 or IPv6 address without a zone: immutable, comparable by `value`, printed canonically (RFC 5952). */
export class IpAddress {
  readonly family: Family;
  readonly value: bigint;
  #text: string | undefined;

  /** @throws RangeError when `value` is outside the family: a caller's bug, never a user's input. */
  constructor(family: Family, value: bigint) {
    if (value < 0n || value > MAX[family]) throw new RangeError(`no IPv${family} address has the value ${value}`);
    this.family = family;
    this.value = value;
  }

  /** The canonical text, usable as a map key. */
  toString(): string {
    this.#text ??= this.family === 4 ? formatV4(this.value) : formatV6(this.value);
    return this.#text;
  }

  toJSON(): string {
    return this.toString();
  }

  equals(other: IpAddress): boolean {
    return this.family === other.family && this.value === other.value;
  }

  /** Network byte order, 4 or 16 octets. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(BITS[this.family] / 8);
    const view = new DataView(bytes.buffer);
    if (this.family === 4) view.setUint32(0, Number(this.value));
    else {
      view.setBigUint64(0, this.value >> 64n);
      view.setBigUint64(8, this.value & LOW_HALF);
    }
    return bytes;
  }

  /** fe80::/10 (RFC 4291 section 2.5.6) or 169.254.0.0/16 (RFC 3927). */
  get isLinkLocal(): boolean {
    return this.family === 6 ? this.value >> 118n === 0x3fan : this.value >> 16n === 0xa9fen;
  }
}

/** IPv4 before IPv6, then by value: the one order addresses are sorted in. */
export function compareAddresses(a: IpAddress, b: IpAddress): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

/** Reads 4 or 16 octets in network byte order; any other length is undefined. */
export function addressFromBytes(bytes: Uint8Array): IpAddress | undefined {
  if (bytes.length !== 4 && bytes.length !== 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (bytes.length === 4) return new IpAddress(4, BigInt(view.getUint32(0)));
  return new IpAddress(6, (view.getBigUint64(0) << 64n) | view.getBigUint64(8));
}

/**
 * Parses one address, as strictly as Go's net.ParseIP: no octal, no shortened IPv4, no zone, no white space.
 * An IPv4-mapped IPv6 address is the IPv4 address it carries (RFC 4291 section 2.5.5.2), as it is for MetalLB.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

const V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

function parseV4(text: string): IpAddress | undefined {
  const parts = V4.exec(text)?.slice(1);
  if (parts === undefined) return undefined;
  let value = 0;
  for (const part of parts) {
    const octet = Number(part);
    if (octet > 255 || (part.length > 1 && part.startsWith("0"))) return undefined;
    value = value * 256 + octet;
  }
  return new IpAddress(4, BigInt(value));
}

const V4_TAIL = /^(.*:)([\d.]*\.[\d.]*)$/;

function parseV6(text: string): IpAddress | undefined {
  if (!/^[0-9a-fA-F:.]+$/.test(text)) return undefined;
  const groups = groupsForTail(text);
  if (groups === undefined || !ipaddr.IPv6.isValid(groups)) return undefined;
  const address = addressFromBytes(Uint8Array.from(ipaddr.IPv6.parse(groups).toByteArray()));
  if (address === undefined || address.value >> 32n !== 0xffffn) return address;
  return new IpAddress(4, address.value & 0xffffffffn);
}

/** Writes a dotted tail as two groups: ipaddr.js takes ::1.2.3.4 for ::ffff:1.2.3.4, which is another address. */
function groupsForTail(text: string): string | undefined {
  const [, head, tail] = V4_TAIL.exec(text) ?? [];
  if (head === undefined || tail === undefined) return text.includes(".") ? undefined : text;
  const value = parseV4(tail)?.value;
  return value === undefined ? undefined : `${head}${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
}

function formatV4(value: bigint): string {
  const n = Number(value);
  return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
}

/** RFC 5952 section 4: lower case, no leading zeros, the longest run of two or more zero groups shortened, leftmost first. */
function formatV6(value: bigint): string {
  // Section 5: an embedded IPv4 address is shown as one.
  if (value >> 32n === 0xffffn) return `::ffff:${formatV4(value & 0xffffffffn)}`;
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((value >> shift) & 0xffffn));
  const run = longestZeroRun(groups);
  const hex = (part: readonly number[]): string => part.map((g) => g.toString(16)).join(":");
  if (run === undefined) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } | undefined {
  let best: { start: number; length: number } | undefined;
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length >= 2 && length > (best?.length ?? 0)) best = { start, length };
    start += length;
  }
  return best;
}
