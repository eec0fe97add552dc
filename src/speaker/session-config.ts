import type { BgpRole, Peer, PeerName } from "../api/config.ts";
import { defined } from "../api/defined.ts";
import type { RestartOffer } from "../bgp/graceful-restart.ts";
import type { PeerAs, RoleOffer } from "../bgp/negotiation-offer.ts";
import { FAMILIES, type Family } from "../net/ip-address.ts";
import { seconds } from "../net/micros.ts";
import { type BgpSessionConfig, SESSION_DEFAULTS } from "./bgp-session-config.ts";

/** What this node can do for its sessions, and what is true of all of them. */
export interface SessionFacts {
  readonly nodeName: string;
  /** The native layer is there: passwords, TTLs, VRFs. */
  readonly native: boolean;
  /** Neighbours can be found behind an interface. */
  readonly neighbours: boolean;
  /** BFD sessions can be had. */
  readonly bfd: boolean;
  /** Packets are forwarded while the speaker is away: kube-proxy's rules stay in the kernel, unless the node itself has restarted. */
  readonly forwardingPreserved: boolean;
}

/** A field of a peer that this node cannot honour. */
export interface Unsupported {
  readonly peer: PeerName;
  readonly field: string;
  /** `no-session`: without it the session would not come up, or reach another network. `ignored`: it runs all the same. */
  readonly effect: "no-session" | "ignored";
  readonly reason: "needs-native-layer" | "needs-neighbour-discovery" | "not-in-a-vrf";
}

export interface SessionConfigs {
  readonly sessions: ReadonlyMap<PeerName, BgpSessionConfig>;
  readonly unsupported: readonly Unsupported[];
}

/** The sessions that a node's peers ask for, and what of it cannot be had. */
export function sessionConfigs(peers: readonly Peer[], facts: SessionFacts): SessionConfigs {
  const sessions = new Map<PeerName, BgpSessionConfig>();
  const unsupported: Unsupported[] = [];
  for (const peer of peers) {
    const missing = unsupportedFields(peer, facts);
    unsupported.push(...missing);
    if (missing.some(({ effect }) => effect === "no-session")) continue;
    sessions.set(peer.name, sessionConfig(peer, facts));
  }
  return { sessions, unsupported };
}

/** The peers that get no session on this node, each with the first field that says why. */
export function peersWithoutSession(peers: Iterable<Peer>, facts: SessionFacts): ReadonlyMap<PeerName, string> {
  const lost = new Map<PeerName, string>();
  for (const peer of peers) {
    const first = unsupportedFields(peer, facts).find(({ effect }) => effect === "no-session");
    if (first !== undefined) lost.set(peer.name, first.field);
  }
  return lost;
}

type Row = readonly [asked: boolean, field: string, effect: Unsupported["effect"], reason: Unsupported["reason"]];

function unsupportedFields(peer: Peer, { native, neighbours, bfd }: SessionFacts): readonly Unsupported[] {
  const fields: readonly Row[] = [
    [peer.endpoint.type === "interface" && !neighbours, "spec.interface", "no-session", "needs-neighbour-discovery"],
    [peer.password !== undefined && !native, "spec.password", "no-session", "needs-native-layer"],
    [peer.vrf !== undefined && !native, "spec.vrf", "no-session", "needs-native-layer"],
    [peer.ttlSecurityHops !== undefined && !native, "spec.ttlSecurity", "no-session", "needs-native-layer"],
    [peer.bfdProfile !== undefined && !bfd, "spec.bfdProfile", "ignored", "needs-native-layer"],
    [peer.bfdProfile !== undefined && bfd && peer.vrf !== undefined, "spec.bfdProfile", "ignored", "not-in-a-vrf"],
  ];
  return fields
    .filter(([asked]) => asked)
    .map(([, field, effect, reason]) => ({ peer: peer.name, field, effect, reason }));
}

/** RFC 4724 section 3 leaves it to us; routers take two minutes. */
const RESTART_TIME = 120;
/** MetalLB gives the whole exchange of OPENs ten seconds; a busy router gets twice that. */
const OPEN_TIMEOUT = 20;
const HIGHEST_TTL = 255;

function sessionConfig(peer: Peer, facts: SessionFacts): BgpSessionConfig {
  const families = carriedFamilies(peer);
  const hops = peer.ttlSecurityHops;
  return {
    name: peer.name,
    localAsn: peer.localAsn ?? peer.myAsn,
    peerAsn: peerAs(peer),
    peerPort: peer.port,
    nodeName: facts.nodeName,
    families: new Set(families),
    openTimeout: OPEN_TIMEOUT,
    ...(peer.endpoint.type === "address" ? { peerAddress: peer.endpoint.address } : { interface: peer.endpoint.name }),
    ...defined({
      localAddress: peer.sourceAddress,
      routerId: peer.routerId,
      holdTime: peer.holdTime,
      keepaliveTime: peer.keepaliveTime,
      connectTime: peer.connectTime,
      password: peer.password,
      vrf: peer.vrf,
      // RFC 5082 section 3: a neighbour's packets arrive with the 255 they were sent with, each router takes one off.
      minTtl: hops === undefined ? undefined : HIGHEST_TTL + 1 - hops,
      userTimeout: userTimeout(peer, facts),
      maxPrefixes: peer.maxPrefixes,
      gracefulRestart: peer.gracefulRestart ? restartOffer(peer, families, facts) : undefined,
      role: peer.role === undefined ? undefined : roleOffer(peer.role),
      addPaths: peer.addPaths,
      linkBandwidth: peer.linkBandwidthTransitivity,
    }),
  };
}

/** What lies unacknowledged for the whole hold time will not be heard: the kernel then says so, whatever else is going on. */
function userTimeout({ holdTime }: Peer, { native }: SessionFacts): BgpSessionConfig["userTimeout"] {
  const time = holdTime ?? SESSION_DEFAULTS.holdTime;
  return native && time > 0 ? seconds(time) : undefined;
}

function restartOffer(
  { longLivedStaleTime: staleTime }: Peer,
  families: readonly Family[],
  { forwardingPreserved }: SessionFacts,
): RestartOffer {
  const preserved = forwardingPreserved ? families : [];
  return { restartTime: RESTART_TIME, preserved, ...(staleTime === undefined ? {} : { staleTime }) };
}

const ROLES: Record<BgpRole["name"], RoleOffer["role"]> = {
  customer: "customer",
  provider: "provider",
  peer: "peer",
  "route-server": "routeServer",
  "route-server-client": "routeServerClient",
};

function roleOffer({ name, strict }: BgpRole): RoleOffer {
  return { role: ROLES[name], strict };
}

function peerAs({ remote }: Peer): PeerAs {
  return remote.type === "asn" ? remote.asn : remote.type;
}

/** Unnumbered peers are dual-stack whatever the field says. */
function carriedFamilies({ endpoint, dualStack }: Peer): readonly Family[] {
  return dualStack || endpoint.type === "interface" ? FAMILIES : [endpoint.address.family];
}
