import type { Brand } from "../net/brand.ts";
import { IpAddress } from "../net/ip-address.ts";
import { crc32 } from "../wire/crc32.ts";

/** A BGP identifier: any 32-bit number but zero (RFC 6286). */
export type RouterId = Brand<number, "RouterId">;

export function routerIdFromNumber(n: number): RouterId | undefined {
  return Number.isInteger(n) && n > 0 && n < 2 ** 32 ? (n as RouterId) : undefined;
}

/** Dotted quad, as every router prints it. */
export function formatRouterId(id: number): string {
  return new IpAddress(4, BigInt(id)).toString();
}

export interface RouterIdFacts {
  /** What the user configured. */
  readonly configured: IpAddress | undefined;
  /** The socket's local address. */
  readonly localAddress: IpAddress;
  /** An IPv4 address on the interface of an IPv6 socket. */
  readonly beside?: IpAddress | undefined;
  readonly nodeName: string;
}

/**
 * The configured IPv4 address, else the local address when it is IPv4 or one beside it, else the CRC-32 of the node's name read in little-endian
 * order, which is what MetalLB's speaker on the same node would have used.
 */
export function chooseRouterId(facts: RouterIdFacts): RouterId {
  const { configured, localAddress, beside, nodeName } = facts;
  return (
    fromAddress(configured) ??
    fromAddress(localAddress) ??
    fromAddress(beside) ??
    routerIdFromNumber(nameHash(nodeName)) ??
    (1 as RouterId)
  );
}

function fromAddress(address: IpAddress | undefined): RouterId | undefined {
  return address?.family === 4 ? routerIdFromNumber(Number(address.value)) : undefined;
}

/** The checksum's octets in little-endian order, as MetalLB writes them. */
function nameHash(name: string): number {
  const n = crc32(new TextEncoder().encode(name));
  return (((n & 0xff) << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24)) >>> 0;
}
