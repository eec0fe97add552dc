import type { Asn } from "../net/asn.ts";
import type { Brand } from "../net/brand.ts";
import type { Community, LargeCommunity } from "../net/community.ts";
import type { Family, IpAddress } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import type { Micros } from "../net/micros.ts";
import type { LabelSelector } from "./label-selector.ts";

export type PoolName = Brand<string, "PoolName">;
export type PeerName = Brand<string, "PeerName">;
export type NodeName = Brand<string, "NodeName">;
/** `namespace/name` of a Service. */
export type ServiceKey = Brand<string, "ServiceKey">;

/** Everything the metallb.io objects say, valid and with references resolved. Maps iterate in name order. */
export interface Config {
  readonly pools: ReadonlyMap<PoolName, Pool>;
  readonly peers: ReadonlyMap<PeerName, Peer>;
  readonly bgpAdvertisements: readonly BgpAdvertisement[];
  readonly l2Advertisements: readonly L2Advertisement[];
  readonly bfdProfiles: ReadonlyMap<string, BfdProfile>;
}

/** An IPAddressPool. `blocks` keeps the listed order; each block's prefixes are minimal and ascending. */
export interface Pool {
  readonly name: PoolName;
  readonly labels: Readonly<Record<string, string>>;
  readonly blocks: readonly AddressBlock[];
  readonly autoAssign: boolean;
  readonly avoidBuggyIps: boolean;
  readonly serviceAllocation: ServiceAllocation | undefined;
  /** Whether layer 2 looks for strangers on an address before it is announced for the first time. */
  readonly conflictDetection: boolean;
}

export interface AddressBlock {
  /** What the user wrote, for messages. */
  readonly text: string;
  readonly family: Family;
  readonly prefixes: readonly IpPrefix[];
}

/** What pins a pool. Empty lists restrict nothing. */
export interface ServiceAllocation {
  /** 0 is unset, which is the lowest. */
  readonly priority: number;
  readonly namespaces: readonly string[];
  readonly namespaceSelectors: readonly LabelSelector[];
  readonly serviceSelectors: readonly LabelSelector[];
}

/** Who is at the other end of a session. */
export type RemoteAsn =
  | { readonly type: "asn"; readonly asn: Asn }
  | { readonly type: "internal" }
  | { readonly type: "external" };
export type PeerEndpoint =
  | { readonly type: "address"; readonly address: IpAddress }
  | { readonly type: "interface"; readonly name: string };

/** Who may use a link bandwidth: whoever the route reaches, our neighbour's AS alone, or one community for each. */
export type LinkBandwidthTransitivity = "transitive" | "non-transitive" | "both";

/** A limit on what a peer may announce to us, and what happens when it says more. */
export interface MaxPrefixes {
  readonly limit: number;
  readonly action: "warn" | "reset";
}

/** What we are to the peer (RFC 9234 section 4.1). */
export interface BgpRole {
  readonly name: "customer" | "provider" | "peer" | "route-server" | "route-server-client";
  /** Refuses a peer that does not say its own role. */
  readonly strict: boolean;
}

/** Which way several paths of one prefix may go on a session (RFC 7911). */
export interface AddPaths {
  readonly send: boolean;
  readonly receive: boolean;
}

/** A BGPPeer (storage version v1beta2). Times are whole seconds; undefined means the engine's default. */
export interface Peer {
  readonly name: PeerName;
  /** `myASN`. */
  readonly myAsn: Asn;
  /** `localASN`: the AS shown to this peer alone, without prepending myAsn. */
  readonly localAsn: Asn | undefined;
  readonly remote: RemoteAsn;
  readonly endpoint: PeerEndpoint;
  readonly port: number;
  readonly sourceAddress: IpAddress | undefined;
  readonly holdTime: number | undefined;
  readonly keepaliveTime: number | undefined;
  readonly connectTime: number | undefined;
  /** An IPv4 address: the field's IPv6 form is refused. */
  readonly routerId: IpAddress | undefined;
  /** Empty selects all nodes. */
  readonly nodeSelectors: readonly LabelSelector[];
  readonly password: string | undefined;
  readonly passwordSecret: string | undefined;
  readonly bfdProfile: string | undefined;
  readonly gracefulRestart: boolean;
  readonly ebgpMultiHop: boolean;
  readonly vrf: string | undefined;
  /** Both families on the session, whatever the transport. Unnumbered peers always carry both. */
  readonly dualStack: boolean;
  /** Undefined: transitive to other ASes, non-transitive within our own. */
  readonly linkBandwidthTransitivity: LinkBandwidthTransitivity | undefined;
  /** How many hops away the peer may be (RFC 5082, where 1 is a neighbour); undefined does not look at the TTL. */
  readonly ttlSecurityHops: number | undefined;
  readonly maxPrefixes: MaxPrefixes | undefined;
  /** Seconds that routers keep routes beyond graceful restart (RFC 9494). */
  readonly longLivedStaleTime: number | undefined;
  readonly role: BgpRole | undefined;
  /** Undefined: path identifiers are not offered. */
  readonly addPaths: AddPaths | undefined;
}

export interface BgpAdvertisement {
  readonly name: string;
  readonly aggregationLength: Readonly<Record<Family, number>>;
  readonly localPref: number | undefined;
  /** MULTI_EXIT_DISC; undefined says nothing about it. */
  readonly med: number | undefined;
  /** How often our AS is put before the path once more; undefined says nothing about it. */
  readonly asPathPrepend: number | undefined;
  /** `endpoints`: the routes say how many usable endpoints are behind them. */
  readonly linkBandwidth: "endpoints" | undefined;
  /** Ascending, without duplicates. */
  readonly communities: readonly Community[];
  readonly largeCommunities: readonly LargeCommunity[];
  /** Names and selectors resolved against the valid pools. */
  readonly pools: ReadonlySet<PoolName>;
  readonly nodeSelectors: readonly LabelSelector[];
  readonly serviceSelectors: readonly LabelSelector[];
  /** Names as written; empty means every peer. Unknown names select nothing. */
  readonly peers: ReadonlySet<PeerName>;
}

export interface L2Advertisement {
  readonly name: string;
  readonly pools: ReadonlySet<PoolName>;
  readonly nodeSelectors: readonly LabelSelector[];
  readonly serviceSelectors: readonly LabelSelector[];
  /** Empty means every interface. */
  readonly interfaces: readonly string[];
  readonly preferredNodes: readonly PreferredNode[];
  /** `hash` is MetalLB's election, each address by itself; `even` looks at how much every node has. */
  readonly spread: "hash" | "even";
  /** Whoever answers goes on to, as long as it may: a node that comes back takes nothing back. */
  readonly sticky: boolean;
  /** Between announcements after the first burst; 0 is never. */
  readonly refreshInterval: Micros;
}

interface PreferredNode {
  readonly weight: number;
  readonly preference: LabelSelector;
}

/** Milliseconds; undefined means the engine's default. */
export interface BfdProfile {
  readonly name: string;
  readonly receiveInterval: number | undefined;
  readonly transmitInterval: number | undefined;
  readonly detectMultiplier: number | undefined;
  readonly echoInterval: number | undefined;
  readonly echoMode: boolean;
  readonly passiveMode: boolean;
  readonly minimumTtl: number | undefined;
}

/** An object that is left out, with every reason at once. */
export interface InvalidObject {
  readonly kind: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly problems: readonly Problem[];
  /** The problems in one line. */
  readonly message: string;
}

export interface Problem {
  /** `spec.addresses[2]`, or empty where the object as a whole is meant. */
  readonly path: string;
  readonly message: string;
  /** A reference that may still appear: worth saying, not worth a rejection at admission. */
  readonly transient?: true;
}
