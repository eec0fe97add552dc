import type { AddPaths, BgpRole, LinkBandwidthTransitivity, MaxPrefixes, Peer } from "./config.ts";
import { parseDuration, SECOND } from "./duration.ts";
import type { FieldReader } from "./read-object.ts";

const TRANSITIVITY: Readonly<Record<"Transitive" | "NonTransitive" | "Both", LinkBandwidthTransitivity>> = {
  Transitive: "transitive",
  NonTransitive: "non-transitive",
  Both: "both",
};
const ROLE_WORDS = ["Customer", "Provider", "Peer", "RouteServer", "RouteServerClient"] as const;
const ROLES: Readonly<Record<(typeof ROLE_WORDS)[number], BgpRole["name"]>> = {
  Customer: "customer",
  Provider: "provider",
  Peer: "peer",
  RouteServer: "route-server",
  RouteServerClient: "route-server-client",
};
const ADD_PATHS: Readonly<Record<"None" | "Send" | "Receive" | "Both", AddPaths | undefined>> = {
  None: undefined,
  Send: { send: true, receive: false },
  Receive: { send: false, receive: true },
  Both: { send: true, receive: true },
};
/** The stale time is a 24-bit field on the wire (RFC 9494 section 3). */
const MAX_STALE_SECONDS = 0xffffffn;

type PeerPolicy = Pick<
  Peer,
  "linkBandwidthTransitivity" | "ttlSecurityHops" | "maxPrefixes" | "longLivedStaleTime" | "role" | "addPaths"
>;

/** Reads the fields that MetalLB has not: all are optional, and absent they change nothing. */
export function readPeerPolicy(spec: FieldReader): PeerPolicy {
  const transitivity = spec.oneOf("linkBandwidthTransitivity", ["Transitive", "NonTransitive", "Both"]);
  const addPaths = spec.oneOf("addPaths", ["None", "Send", "Receive", "Both"]);
  return {
    linkBandwidthTransitivity: transitivity && TRANSITIVITY[transitivity],
    ttlSecurityHops: readTtlSecurity(spec),
    maxPrefixes: readMaxPrefixes(spec.object("maxPrefixes")),
    longLivedStaleTime: readLongLived(spec),
    role: readRole(spec),
    addPaths: addPaths && ADD_PATHS[addPaths],
  };
}

/** The hops of ttlSecurity already say how far the router is. */
function readTtlSecurity(spec: FieldReader): number | undefined {
  const security = spec.object("ttlSecurity");
  if (security === undefined) return undefined;
  if (spec.raw("ebgpMultiHop") === true) {
    spec.problems.add("spec.ttlSecurity", "ttlSecurity and ebgpMultiHop exclude each other: set ttlSecurity.hops");
  }
  return security.integer("hops", { min: 1, max: 254 }) ?? 1;
}

function readMaxPrefixes(limits: FieldReader | undefined): MaxPrefixes | undefined {
  if (limits === undefined) return undefined;
  const limit = limits.integer("limit", { min: 1, max: 0xffffffff });
  if (!limits.has("limit")) limits.problems.add(limits.pathOf("limit"), "must be set");
  const action = limits.oneOf("action", ["Warn", "Reset"]) ?? "Warn";
  return limit === undefined ? undefined : { limit, action: action === "Warn" ? "warn" : "reset" };
}

/** RFC 9494 section 4.2: without graceful restart the capability is ignored. */
function readLongLived(spec: FieldReader): number | undefined {
  const settings = spec.object("longLivedGracefulRestart");
  if (settings === undefined) return undefined;
  if (spec.raw("enableGracefulRestart") !== true) {
    spec.problems.add("spec.longLivedGracefulRestart", "longLivedGracefulRestart needs enableGracefulRestart");
  }
  const text = settings.string("staleTime");
  const time = text === undefined ? undefined : parseDuration(text);
  if (time === undefined || time < SECOND || time > MAX_STALE_SECONDS * SECOND || time % SECOND !== 0n) {
    const rule = `must be a whole number of seconds from 1s to ${MAX_STALE_SECONDS}s`;
    settings.problems.add(settings.pathOf("staleTime"), `invalid stale time: ${rule}`);
    return undefined;
  }
  return Number(time / SECOND);
}

/** RFC 9234 section 4: roles are between ASes. */
function readRole(spec: FieldReader): BgpRole | undefined {
  const settings = spec.object("role");
  if (settings === undefined) return undefined;
  const ours = spec.raw("localASN") ?? spec.raw("myASN");
  if (spec.raw("dynamicASN") === "internal" || (ours !== undefined && ours === spec.raw("peerASN"))) {
    spec.problems.add("spec.role", "a role is for peers of other ASes, not for an IBGP peer");
  }
  const name = settings.oneOf("name", ROLE_WORDS);
  if (!settings.has("name")) settings.problems.add(settings.pathOf("name"), "must be set");
  const strict = settings.boolean("strict") ?? false;
  return name === undefined ? undefined : { name: ROLES[name], strict };
}
