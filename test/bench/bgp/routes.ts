import type { Route } from "../../../src/bgp/route.ts";
import { communityFromNumber } from "../../../src/net/community.ts";
import { IpAddress } from "../../../src/net/ip-address.ts";
import { IpPrefix } from "../../../src/net/ip-prefix.ts";

const BASE = 0x14000000;

/** The n-th host of every table here, from 20.0.0.0 on. */
function hostNumber(n: number): number {
  return BASE + n;
}

export function hostText(n: number): string {
  const value = hostNumber(n);
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** Host routes; with `perSet`, as many share a community before the next begins. */
export function hostRoutes(count: number, perSet: number | undefined): readonly Route[] {
  const none: Route["largeCommunities"] = [];
  const plain = { localPref: undefined, med: undefined, asPathPrepend: undefined, linkBandwidth: undefined };
  let communities: Route["communities"] = [];
  return Array.from({ length: count }, (_, n) => {
    const community =
      perSet !== undefined && n % perSet === 0 ? communityFromNumber(setCommunity(n / perSet)) : undefined;
    if (community !== undefined) communities = [community];
    const prefix = IpPrefix.ofHost(new IpAddress(4, BigInt(hostNumber(n))));
    return { prefix, communities, largeCommunities: none, ...plain };
  });
}

/** The community of a set as a number: 65000 and the set. */
export function setCommunity(set: number): number {
  return 65000 * 0x10000 + set;
}
