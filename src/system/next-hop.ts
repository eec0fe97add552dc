import { networkInterfaces } from "node:os";
import { type Family, type IpAddress, parseIpAddress } from "../net/ip-address.ts";

/**
 * An address of the other family on the interface that carries `local`: what a router on that link can reach us by.
 * Undefined when the interface has none but link-local ones.
 */
export function addressBeside(local: IpAddress, family: Family): IpAddress | undefined {
  for (const addresses of Object.values(networkInterfaces())) {
    const parsed = (addresses ?? []).flatMap(({ address }) => parseIpAddress(address) ?? []);
    if (!parsed.some((address) => address.equals(local))) continue;
    return parsed.find((address) => address.family === family && !address.isLinkLocal && !isLoopback(address));
  }
  return undefined;
}

function isLoopback(address: IpAddress): boolean {
  return address.family === 4 ? address.value >> 24n === 127n : address.value === 1n;
}
