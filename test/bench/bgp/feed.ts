import { endOfRib, type Origination } from "../../../src/bgp/packing.ts";
import { AdjRibOut } from "../../../src/bgp/rib-out.ts";
import { RouteStore } from "../../../src/bgp/rib-store.ts";
import { asnFromNumber } from "../../../src/net/asn.ts";
import { IpAddress } from "../../../src/net/ip-address.ts";
import { hostRoutes } from "./routes.ts";

/** Nobody takes a loopback address for a next hop. */
const NEXT_HOP = "192.0.2.9";

/**
 * A whole table as the neighbour of AS `asn` sends it, End-of-RIB included, in one piece. It must be the neighbour's own: routers
 * refuse a path that begins with another.
 */
export function dump(
  asn: number,
  { routes, perSet }: { readonly routes: number; readonly perSet?: number | undefined },
): Uint8Array {
  const localAsn = asnFromNumber(asn);
  if (localAsn === undefined) throw new Error("no such AS");
  const value = NEXT_HOP.split(".").reduce((all, octet) => all * 256 + Number(octet), 0);
  const nextHop = { address: new IpAddress(4, BigInt(value)), linkLocal: undefined };
  const origination: Origination = {
    internal: false,
    fourOctetAsn: true,
    localAsn,
    nextHops: { 4: nextHop, 6: undefined },
  };
  const rib = new AdjRibOut(new RouteStore());
  rib.open(origination, [4]);
  rib.setRoutes(hostRoutes(routes, perSet));
  return Buffer.concat([...rib.take(Number.POSITIVE_INFINITY), endOfRib(4, origination)]);
}
