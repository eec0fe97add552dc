import type { NodeName, PeerName, PoolName, ServiceKey } from "../api/config.ts";
import type { Family } from "../net/ip-address.ts";

/** The two ways to tell the world about an address. */
export type Protocol = "bgp" | "layer2";

/** The label that keeps a node out of every announcement. */
export const EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers";

/** Most communities one route can carry: 63 of four octets fit an attribute without the extended length. */
export const MOST_COMMUNITIES = 63;

/** Why an address is not announced, with the objects that decide it. The names are the API: logs, metrics and status show them. */
export type RefusalCause =
  | { readonly reason: "no-address" }
  | { readonly reason: "invalid-address"; readonly entry: string; readonly index: number }
  | { readonly reason: "address-not-in-pool"; readonly addresses: readonly string[] }
  | { readonly reason: "node-not-selected"; readonly node: NodeName; readonly pool: PoolName }
  | {
      readonly reason: "no-matching-advertisement";
      readonly node: NodeName;
      readonly pool: PoolName;
      readonly exist: boolean;
    }
  | { readonly reason: "conflicting-local-pref"; readonly advertisements: readonly [LocalPrefOf, LocalPrefOf] }
  | { readonly reason: "network-unavailable"; readonly node: NodeName }
  | { readonly reason: "node-excluded"; readonly node: NodeName }
  | { readonly reason: "node-drained"; readonly node: NodeName; readonly why: string }
  | { readonly reason: "no-local-endpoint"; readonly node: NodeName }
  | { readonly reason: "no-endpoint" }
  | { readonly reason: "no-matching-peer"; readonly node: NodeName; readonly advertisements: readonly string[] }
  | {
      readonly reason: "family-not-carried";
      readonly node: NodeName;
      readonly family: Family;
      readonly peers: readonly PeerName[];
    }
  | { readonly reason: "peer-not-supported"; readonly node: NodeName; readonly peers: readonly UnsupportedPeer[] }
  | { readonly reason: "too-many-communities"; readonly advertisements: readonly string[]; readonly count: number }
  | { readonly reason: "shared-ip-with-service-selector"; readonly advertisement: string }
  | { readonly reason: "no-candidate-node"; readonly node: NodeName }
  | {
      readonly reason: "lost-election";
      readonly node: NodeName;
      /** Undefined while all that is known is that it is another node: there are many, and the system has just started. */
      readonly winner: NodeName | undefined;
      /** What spec.preferredNodeSelectors give the node and the winner. */
      readonly scores: readonly [number, number];
      readonly by: "preference" | "digest" | "spread" | "sticky" | "sharing";
    }
  | { readonly reason: "layer2-unavailable"; readonly node: NodeName; readonly why: string }
  | { readonly reason: "fenced"; readonly node: NodeName; readonly why: string }
  | { readonly reason: "interface-missing"; readonly node: NodeName; readonly interfaces: readonly string[] }
  | ({ readonly reason: "address-conflict"; readonly node: NodeName; readonly address: string } & Stranger);

/** Who uses an address that is not his, and where it was seen. */
export interface Stranger {
  readonly mac: string;
  readonly interface: string;
}

export interface LocalPrefOf {
  readonly name: string;
  readonly localPref: number | undefined;
}

/** A peer that a node can have no session with, and the field that asks for what the node does not have. */
export interface UnsupportedPeer {
  readonly name: PeerName;
  readonly field: string;
}

type RefusalReason = RefusalCause["reason"];

/** One address that one node does not announce by one protocol. `ip` is undefined when the Service has none. */
export interface Refusal {
  readonly service: ServiceKey;
  readonly ip: string | undefined;
  readonly protocol: Protocol;
  readonly cause: RefusalCause;
}

/** The refusal in words that name the object and the field to look at. */
export function formatRefusal(refusal: Refusal): string {
  return formatCause(refusal.cause, refusal);
}

type Subject = Pick<Refusal, "service" | "protocol">;
type CauseOf<Reason extends RefusalReason> = Extract<RefusalCause, { readonly reason: Reason }>;

const MESSAGES: { readonly [Reason in RefusalReason]: (cause: CauseOf<Reason>, about: Subject) => string } = {
  "no-address": (_, { service }) => `Service ${service} has no address in status.loadBalancer.ingress`,
  "invalid-address": ({ entry, index }, { service }) =>
    `Service ${service} status.loadBalancer.ingress[${index}]: ${entry} is no IP address`,
  "address-not-in-pool": ({ addresses }, { service }) =>
    `no single IPAddressPool's spec.addresses hold ${addresses.join(" and ")} of Service ${service}`,
  "node-not-selected": ({ node, pool }, { protocol }) =>
    `no ${kindOf(protocol)} of IPAddressPool ${pool} selects Node ${node} by spec.nodeSelectors`,
  "no-matching-advertisement": ({ node, pool, exist }, { service, protocol }) =>
    exist
      ? `no ${kindOf(protocol)} of IPAddressPool ${pool} that selects Node ${node} matches the labels of Service ${service} by spec.serviceSelectors`
      : `no ${kindOf(protocol)} selects IPAddressPool ${pool} by spec.ipAddressPools or spec.ipAddressPoolSelectors`,
  "conflicting-local-pref": ({ advertisements: [a, b] }, { service }) =>
    `BGPAdvertisements ${a.name} (spec.localPref ${a.localPref ?? "unset"}) and ${b.name} (spec.localPref ${b.localPref ?? "unset"}) contradict each other for Service ${service}`,
  "network-unavailable": ({ node }) => `Node ${node} has status.conditions NetworkUnavailable=True`,
  "node-excluded": ({ node }) => `Node ${node} has the label ${EXCLUDE_LABEL}`,
  "node-drained": ({ node, why }) => `Node ${node} is drained${why === "" ? "" : `: ${why}`}`,
  "no-local-endpoint": ({ node }, { service }) =>
    `Service ${service} has spec.externalTrafficPolicy Local and no usable endpoint on Node ${node}`,
  "no-endpoint": (_, { service }) => `no EndpointSlice of Service ${service} has a usable endpoint`,
  "no-matching-peer": ({ node, advertisements }) =>
    `no BGPPeer that runs on Node ${node} is in spec.peers of ${named("BGPAdvertisement", advertisements)}`,
  "family-not-carried": ({ node, family, peers }) =>
    `no session of Node ${node} carries IPv${family}: set spec.dualStackAddressFamily of ${named("BGPPeer", peers)}, or add a BGPPeer with an IPv${family} spec.peerAddress`,
  "peer-not-supported": ({ node, peers }) =>
    `Node ${node} can have no session: it does not support ${peers.map(({ name, field }) => `${field} of BGPPeer ${name}`).join(", ")}`,
  "too-many-communities": ({ advertisements, count }) =>
    `${count} communities in spec.communities of ${named("BGPAdvertisement", advertisements)} meet on one route, which takes ${MOST_COMMUNITIES}`,
  "shared-ip-with-service-selector": ({ advertisement }, { service }) =>
    `Service ${service} has the annotation metallb.io/allow-shared-ip and L2Advertisement ${advertisement} has spec.serviceSelectors: they exclude each other`,
  "no-candidate-node": ({ node }, { service }) =>
    `no node can answer for Service ${service}: Node ${node} is not among the speakers, and no other node qualifies`,
  "lost-election": (cause, { service }) =>
    `${cause.winner === undefined ? "another node" : `Node ${cause.winner}`} answers for Service ${service}${whyLost(cause)}`,
  "layer2-unavailable": ({ node, why }) => `Node ${node} cannot answer, its speaker cannot do layer 2: ${why}`,
  fenced: ({ node, why }) => `Node ${node} is fenced and answers for nothing: ${why}`,
  "address-conflict": ({ node, address, mac, interface: name }) =>
    `${address} is in use by ${mac} on interface ${name} of Node ${node}, which is none of the speakers: it is quarantined there until that is gone`,
  "interface-missing": ({ node, interfaces }) =>
    `Node ${node} has none of the interfaces that spec.interfaces of the L2Advertisements name: ${interfaces.join(", ")}`,
};

function whyLost({ node, scores: [own, best], by }: CauseOf<"lost-election">): string {
  switch (by) {
    case "preference":
      return `: spec.preferredNodeSelectors give it ${best} and Node ${node} ${own}`;
    case "digest":
      return `: its digest with the address comes before that of Node ${node}`;
    case "spread":
      return ": spec.spread of an L2Advertisement is Even, and this gives nodes equally many";
    case "sticky":
      return ": it did before, and spec.sticky of an L2Advertisement leaves it there";
    case "sharing":
      return "'s address, and cannot serve it: one node answers for all Services on an address, and more of them can be served there";
  }
}

/** Every reason there is, for documentation and for tests that want all of them. */
export const REFUSAL_REASONS: readonly string[] = Object.keys(MESSAGES);

function formatCause<Reason extends RefusalReason>(cause: CauseOf<Reason>, about: Subject): string {
  const message: (cause: CauseOf<Reason>, about: Subject) => string = MESSAGES[cause.reason];
  return message(cause, about);
}

function kindOf(protocol: Protocol): string {
  return protocol === "bgp" ? "BGPAdvertisement" : "L2Advertisement";
}

function named(kind: string, names: readonly string[]): string {
  return `${kind}${names.length === 1 ? "" : "s"} ${names.join(", ")}`;
}
