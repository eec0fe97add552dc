import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Capabilities } from "../../src/bgp/capability.ts";
import { type Offer, ourCapabilities } from "../../src/bgp/negotiation-offer.ts";
import { originate } from "../../src/bgp/packing.ts";
import type { Route } from "../../src/bgp/route.ts";
import { AS_TRANS } from "../../src/net/asn.ts";
import { parsePrefix } from "../../src/net/ip-prefix.ts";
import { systemSockets } from "../../src/system/native/socket.ts";
import { InteropError } from "./errors.ts";

/** What a case may need that not every build has. */
export type Feature =
  | "med"
  | "prepend"
  | "link bandwidth"
  | "md5"
  | "gtsm"
  | "bfd"
  | "graceful restart"
  | "long-lived graceful restart"
  | "unnumbered"
  | "roles";

/** Asks the engine this file is bundled with whether it has a thing at all, right or wrong: what is not there is "not yet", and never skipped in silence. */
export function engineFeatures(): readonly Feature[] {
  const all = Object.entries(PROBES) as readonly (readonly [Feature, () => boolean])[];
  return all.flatMap(([feature, has]) => (has() ? [feature] : []));
}

const PROBES: Readonly<Record<Feature, () => boolean>> = {
  med: () => sends({ med: 50 })["med"] !== undefined,
  prepend: () => JSON.stringify(sends({ asPathPrepend: 2 })["asPath"]).split(String(AS_TRANS)).length > 3,
  "link bandwidth": () => sends({ linkBandwidth: 1e6 })["extendedCommunities"] !== undefined,
  md5: () => systemSockets.available,
  gtsm: () => systemSockets.available,
  bfd: () => systemSockets.available && existsSync(fileURLToPath(new URL("./bfd-worker.js", import.meta.url))),
  "graceful restart": () =>
    offers({ gracefulRestart: { restartTime: 60, preserved: [4, 6] } }).gracefulRestart !== undefined,
  "long-lived graceful restart": () =>
    offers({ gracefulRestart: { restartTime: 1, preserved: [4], staleTime: 60 } }).longLivedGracefulRestart !==
    undefined,
  unnumbered: () => systemSockets.available && offers({ extendedNextHop: true }).extendedNextHop !== undefined,
  roles: () => offers({ role: { role: "customer", strict: true } }).role !== undefined,
};

/** The attributes that the engine makes of a route with one more field. */
function sends(extra: Readonly<Record<string, number>>): Readonly<Record<string, unknown>> {
  const prefix = parsePrefix("203.0.113.0/24");
  if (prefix === undefined) throw new InteropError("no prefix");
  const none = { localPref: undefined, med: undefined, asPathPrepend: undefined, linkBandwidth: undefined };
  const route: Route = { prefix, ...none, communities: [], largeCommunities: [], ...extra };
  const origination = {
    internal: false,
    fourOctetAsn: true,
    localAsn: AS_TRANS,
    nextHops: { 4: undefined, 6: undefined },
  };
  return { ...originate(route, origination) };
}

/** The capabilities that the engine makes of an offer with one more field. */
function offers(extra: Partial<Offer>): Capabilities {
  return ourCapabilities({
    localAsn: AS_TRANS,
    peerAsn: "external",
    holdTime: 90,
    keepaliveTime: undefined,
    families: [4, 6],
    ...extra,
  });
}
