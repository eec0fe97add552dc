import type { Peer, PeerName } from "../api/config.ts";
import type { PeerAs } from "../bgp/negotiation-offer.ts";
import { FAMILIES, type Family, type IpAddress } from "../net/ip-address.ts";
import type { BgpSessionConfig } from "./bgp-session-config.ts";

/** A field of a peer that this version cannot honour. */
export interface Unsupported {
  readonly peer: PeerName;
  readonly field: string;
  /** `no-session`: without it the session would not come up, or reach another network. `ignored`: it runs all the same. */
  readonly effect: "no-session" | "ignored";
}

export interface SessionConfigs {
  readonly sessions: ReadonlyMap<PeerName, BgpSessionConfig>;
  readonly unsupported: readonly Unsupported[];
}

/** The sessions that a node's peers ask for, and what of it cannot be had. */
export function sessionConfigs(peers: readonly Peer[], nodeName: string): SessionConfigs {
  const sessions = new Map<PeerName, BgpSessionConfig>();
  const unsupported: Unsupported[] = [];
  for (const peer of peers) {
    const missing = unsupportedFields(peer);
    unsupported.push(...missing);
    if (peer.endpoint.type === "interface" || missing.some(({ effect }) => effect === "no-session")) continue;
    sessions.set(peer.name, sessionConfig(peer, peer.endpoint.address, nodeName));
  }
  return { sessions, unsupported };
}

function unsupportedFields(peer: Peer): readonly Unsupported[] {
  const fields: readonly (readonly [asked: boolean, field: string, effect: Unsupported["effect"]])[] = [
    [peer.endpoint.type === "interface", "spec.interface", "no-session"],
    [peer.password !== undefined, "spec.password", "no-session"],
    [peer.vrf !== undefined, "spec.vrf", "no-session"],
    [peer.bfdProfile !== undefined, "spec.bfdProfile", "ignored"],
    [peer.gracefulRestart, "spec.enableGracefulRestart", "ignored"],
  ];
  return fields.filter(([asked]) => asked).map(([, field, effect]) => ({ peer: peer.name, field, effect }));
}

function sessionConfig(peer: Peer, address: IpAddress, nodeName: string): BgpSessionConfig {
  return {
    name: peer.name,
    localAsn: peer.localAsn ?? peer.myAsn,
    peerAsn: peerAs(peer),
    peerAddress: address,
    peerPort: peer.port,
    nodeName,
    families: new Set(carriedFamilies(peer, address.family)),
    ...defined({
      localAddress: peer.sourceAddress,
      routerId: peer.routerId,
      holdTime: peer.holdTime,
      keepaliveTime: peer.keepaliveTime,
      connectTime: peer.connectTime,
    }),
  };
}

function peerAs({ remote }: Peer): PeerAs {
  return remote.type === "asn" ? remote.asn : remote.type;
}

function carriedFamilies(peer: Peer, transport: Family): readonly Family[] {
  return peer.dualStack ? FAMILIES : [transport];
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
