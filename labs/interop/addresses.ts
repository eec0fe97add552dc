import type { Transport } from "./protocol.ts";

/** Both ends of the one link that every cell has. */
export const ROUTER = { 4: "10.98.0.1", 6: "fd98::1" } as const;
/** The second address is a second node's, for cases with two paths to one prefix. */
export const HERALD = { 4: ["10.98.0.2", "10.98.0.3"], 6: ["fd98::2", "fd98::3"] } as const;
export const PORT = "eth0";
export const ROUTER_ASN = 65000;
export const HERALD_ASN = 65001;

export function isIpv6(address: string): boolean {
  return address.includes(":");
}

/** What a router that announces something announces. */
export const ROUTERS_OWN: Readonly<Record<Transport, string>> = { 4: "192.0.2.0/24", 6: "2001:db8:1::/48" };
