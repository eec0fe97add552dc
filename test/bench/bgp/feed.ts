import { endOfRib, type Origination } from "../../../src/bgp/packing.ts";
import { AdjRibOut } from "../../../src/bgp/rib-out.ts";
import { RouteStore } from "../../../src/bgp/rib-store.ts";
import { asnFromNumber } from "../../../src/net/asn.ts";
import { IpAddress } from "../../../src/net/ip-address.ts";
import { FEEDER } from "./daemons.ts";
import { hostRoutes } from "./routes.ts";

/** Nobody takes a loopback address for a next hop. */
const NEXT_HOP = "192.0.2.9";

/** A whole table as a feeder sends it, End-of-RIB included, in one piece. */
export function dump(routes: number, perSet: number | undefined): Uint8Array {
  const localAsn = asnFromNumber(FEEDER.asn);
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
