import { Netmask } from "netmask";
import { addressBits, compareAddresses, type Family, IpAddress, parseIpAddress } from "./ip-address.ts";

/** An address block with no host bits set: what BGP carries and what a pool entry is made of. */
export class IpPrefix {
  readonly address: IpAddress;
  readonly length: number;

  private constructor(address: IpAddress, length: number) {
    this.address = address;
    this.length = length;
  }

  /** The block of `length` bits that holds `address`: host bits are masked off. @throws RangeError on a length outside the family. */
  static containing(address: IpAddress, length: number): IpPrefix {
    const bits = addressBits(address.family);
    if (!Number.isInteger(length) || length < 0 || length > bits) throw new RangeError(`no prefix has ${length} bits`);
    const host = BigInt(bits - length);
    return new IpPrefix(new IpAddress(address.family, (address.value >> host) << host), length);
  }

  /** The /32 or /128 of one address. */
  static ofHost(address: IpAddress): IpPrefix {
    return new IpPrefix(address, addressBits(address.family));
  }

  get family(): Family {
    return this.address.family;
  }

  get first(): IpAddress {
    return this.address;
  }

  get last(): IpAddress {
    const { family, value } = this.address;
    if (family === 4 && this.length < 31) return lastOfV4Block(this);
    return new IpAddress(family, value + (1n << BigInt(addressBits(family) - this.length)) - 1n);
  }

  contains(address: IpAddress): boolean {
    if (address.family !== this.family) return false;
    const host = BigInt(addressBits(this.family) - this.length);
    return address.value >> host === this.address.value >> host;
  }

  equals(other: IpPrefix): boolean {
    return this.length === other.length && this.address.equals(other.address);
  }

  /** `address/length`, usable as a map key. */
  toString(): string {
    return `${this.address}/${this.length}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** netmask does the IPv4 block arithmetic; it is only ever given text that our own strict printer made. */
function lastOfV4Block(prefix: IpPrefix): IpAddress {
  const broadcast = new Netmask(prefix.toString()).broadcast;
  const last = broadcast === undefined ? undefined : parseIpAddress(broadcast);
  if (last === undefined) throw new RangeError(`netmask has no broadcast address for ${prefix}`);
  return last;
}

/** By address, then the shorter (wider) prefix first. */
export function comparePrefixes(a: IpPrefix, b: IpPrefix): number {
  return compareAddresses(a.address, b.address) || a.length - b.length;
}

/**
 * Parses `address/length`. Host bits are allowed and masked off (10.0.0.5/24 is 10.0.0.0/24), a missing length, a sign,
 * a leading zero, white space and an IPv4-mapped address are not.
 */
export function parsePrefix(text: string): IpPrefix | undefined {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const address = parseIpAddress(match[1]);
  if (address === undefined || (address.family === 4 && match[1].includes(":"))) return undefined;
  const length = Number(match[2]);
  return length <= addressBits(address.family) ? IpPrefix.containing(address, length) : undefined;
}
