import type { Route } from "../../src/bgp/route.ts";
import { type RouterId, routerIdFromNumber } from "../../src/bgp/router-id.ts";
import { type Asn, asnFromNumber } from "../../src/net/asn.ts";
import { type Community, type LargeCommunity, parseCommunity, parseLargeCommunity } from "../../src/net/community.ts";
import { type IpAddress, parseIpAddress } from "../../src/net/ip-address.ts";
import { type IpPrefix, parsePrefix } from "../../src/net/ip-prefix.ts";

const must = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new Error(`the test has a bad ${what}`);
  return value;
};

export const asn = (n: number): Asn => must(asnFromNumber(n), `AS number ${n}`);
export const routerId = (n: number): RouterId => must(routerIdFromNumber(n), `identifier ${n}`);
export const ip = (text: string): IpAddress => must(parseIpAddress(text), `address ${text}`);
export const prefix = (text: string): IpPrefix => must(parsePrefix(text), `prefix ${text}`);
export const community = (text: string): Community => must(parseCommunity(text), `community ${text}`);
const large = (text: string): LargeCommunity => must(parseLargeCommunity(`large:${text}`), `community ${text}`);

/** A route in one line. */
export function route(
  text: string,
  extra: { localPref?: number; communities?: readonly string[]; largeCommunities?: readonly string[] } = {},
): Route {
  return {
    prefix: prefix(text),
    localPref: extra.localPref,
    communities: (extra.communities ?? []).map(community),
    largeCommunities: (extra.largeCommunities ?? []).map(large),
    med: undefined,
    asPathPrepend: undefined,
    linkBandwidth: undefined,
  };
}
