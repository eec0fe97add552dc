import { EXCLUDE_LABEL, formatRefusal, type Refusal, type RefusalCause } from "../../announcement/refusal.ts";
import type { Config } from "../../api/config.ts";
import { DRAIN } from "../../api/node-drain.ts";
import { type Cause, type ObjectName, RANK } from "./finding.ts";

/** What is to be looked at, and changed. */
type Remedy = Pick<Cause, "rank" | "object" | "field" | "change">;

type CauseOf<Reason extends RefusalCause["reason"]> = Extract<RefusalCause, { readonly reason: Reason }>;

/** What a remedy depends on besides the cause. */
interface About {
  readonly service: ObjectName;
  readonly protocol: Refusal["protocol"];
  readonly config: Config;
}

const REMEDIES: { readonly [Reason in RefusalCause["reason"]]: (cause: CauseOf<Reason>, about: About) => Remedy } = {
  "no-address": (_, { service }) => ({
    rank: RANK.address,
    object: service,
    field: "status.loadBalancer.ingress",
    change: "get an address first",
  }),
  "invalid-address": ({ index }, { service }) => ({
    rank: RANK.address,
    object: service,
    field: `status.loadBalancer.ingress[${index}]`,
    change: "find out who writes this status beside Herald, and stop it: Herald writes IP addresses only",
  }),
  "address-not-in-pool": ({ addresses }, { service }) => ({
    rank: RANK.address,
    object: service,
    field: "status.loadBalancer.ingress",
    change: `put ${addresses.join(" and ")} back into spec.addresses of one IPAddressPool, or let the controller choose anew`,
  }),
  "node-not-selected": ({ pool }, about) => advertisements(about, pool, "spec.nodeSelectors", "select the node"),
  "no-matching-advertisement": ({ pool, exist }, about) =>
    exist
      ? advertisements(about, pool, "spec.serviceSelectors", "select the Service's labels")
      : notAdvertised(pool, about),
  "conflicting-local-pref": ({ advertisements: [a] }) => ({
    rank: RANK.advertisement,
    object: { kind: "BGPAdvertisement", name: a.name },
    field: "spec.localPref",
    change: "set the same spec.localPref on both, or make them meet no more",
  }),
  "network-unavailable": ({ node }) => ({
    ...nodeField(node, "status.conditions"),
    change: `mend the network of Node ${node}: its CNI reports NetworkUnavailable`,
  }),
  "node-excluded": ({ node }) => ({
    ...nodeField(node, "metadata.labels"),
    change: `kubectl label node ${node} ${EXCLUDE_LABEL}-`,
  }),
  "node-drained": ({ node }) => ({
    ...nodeField(node, "metadata.annotations"),
    change: `end the drain: kubectl annotate node ${node} ${DRAIN}-`,
  }),
  "no-local-endpoint": ({ node }, { service }) => ({
    rank: RANK.endpoints,
    object: service,
    field: "spec.externalTrafficPolicy",
    change: `run a ready pod of it on Node ${node}, or set spec.externalTrafficPolicy: Cluster`,
  }),
  "no-endpoint": (_, { service }) => ({
    rank: RANK.endpoints,
    object: service,
    field: "spec.selector",
    change: "make a pod that spec.selector selects ready",
  }),
  "no-matching-peer": ({ node, advertisements: names }, { config }) => unmatchedPeer(node, names, config),
  "family-not-carried": ({ peers }) => ({
    rank: RANK.peer,
    object: { kind: "BGPPeer", name: peers[0] ?? "" },
    field: "spec.dualStackAddressFamily",
    change: `set spec.dualStackAddressFamily: true on BGPPeer ${peers[0] ?? ""}, and the family on the router`,
  }),
  "peer-not-supported": ({ peers: [peer] }) => ({
    rank: RANK.peer,
    object: { kind: "BGPPeer", name: peer?.name ?? "" },
    field: peer?.field,
    change: `take ${peer?.field ?? "the field"} off, or use a node that supports it`,
  }),
  "too-many-communities": ({ advertisements: names }) => ({
    rank: RANK.advertisement,
    object: { kind: "BGPAdvertisement", name: names[0] ?? "" },
    field: "spec.communities",
    change: "name fewer communities in the advertisements that meet",
  }),
  "shared-ip-with-service-selector": ({ advertisement }) => ({
    rank: RANK.advertisement,
    object: { kind: "L2Advertisement", name: advertisement },
    field: "spec.serviceSelectors",
    change: "take spec.serviceSelectors off the L2Advertisement, or the sharing annotation off the Service",
  }),
  "no-candidate-node": ({ node }) => ({
    ...nodeField(node, undefined),
    change: "let a speaker run on a node that an L2Advertisement selects and that is neither excluded nor drained",
  }),
  "lost-election": ({ node }) => ({
    ...nodeField(node, undefined),
    rank: RANK.answer,
    change: "nothing: one node answers for an address. spec.preferredNodeSelectors of an L2Advertisement prefers one",
  }),
  "layer2-unavailable": ({ node }) => ({
    ...nodeField(node, undefined),
    rank: RANK.speaker,
    change: `give the speaker on Node ${node} the capability NET_RAW`,
  }),
  fenced: ({ node }) => ({
    ...nodeField(node, undefined),
    rank: RANK.speaker,
    change: `reconnect Node ${node} to the API and to the other speakers: it answers again by itself`,
  }),
  "interface-missing": ({ interfaces }, { config }) => ({
    rank: RANK.advertisement,
    object: {
      kind: "L2Advertisement",
      name: config.l2Advertisements.find((one) => interfaces.some((name) => one.interfaces.includes(name)))?.name ?? "",
    },
    field: "spec.interfaces",
    change: "name an interface that the node has, or leave spec.interfaces out",
  }),
  "address-conflict": ({ address, mac, interface: name }, { service }) => ({
    rank: RANK.answer,
    object: service,
    field: "status.conditions",
    change: `take ${address} off the machine with ${mac} on the LAN of ${name}, or take it out of the pool`,
  }),
};

/** What stands behind a refusal, and what to do about it. */
export function refusalCause(refusal: Refusal, about: Pick<About, "service" | "config">): Cause {
  const { cause, protocol } = refusal;
  return { name: cause.reason, words: formatRefusal(refusal), ...remedyOf(cause, { ...about, protocol }) };
}

function remedyOf<Reason extends RefusalCause["reason"]>(cause: CauseOf<Reason>, about: About): Remedy {
  const remedy: (cause: CauseOf<Reason>, about: About) => Remedy = REMEDIES[cause.reason];
  return remedy(cause, about);
}

function nodeField(node: string, field: string | undefined): Omit<Remedy, "change"> {
  return { rank: RANK.node, object: { kind: "Node", name: node }, field };
}

/** One of the advertisements that have the pool already. */
function advertisements({ protocol, config }: About, pool: string, field: string, what: string): Remedy {
  const [kind, all] = kindOf(protocol, config);
  const name = all.find(({ pools }) => [...pools].some((one) => one === pool))?.name ?? "";
  return { rank: RANK.advertisement, object: { kind, name }, field, change: `let ${field} of ${kind} ${name} ${what}` };
}

/** No advertisement has the pool. One that has no pool at all was meant for it; else nobody can tell which was. */
function notAdvertised(pool: string, { protocol, config }: About): Remedy {
  const object = { kind: "IPAddressPool", name: pool };
  const empty = emptyAdvertisement(protocol, config);
  if (empty !== undefined) return { rank: RANK.advertisement, object: empty, ...addPool(pool, empty) };
  const own = remedyBy(protocol, pool, config);
  const other = remedyBy(protocol === "bgp" ? "layer2" : "bgp", pool, config);
  const change = [own, other].filter((one) => one !== undefined).join(", or ");
  return { rank: RANK.advertisement + 1, object, field: undefined, change };
}

function emptyAdvertisement(protocol: Refusal["protocol"], config: Config): ObjectName | undefined {
  const [kind, all] = kindOf(protocol, config);
  const found = all.find(({ pools }) => pools.size === 0);
  return found === undefined ? undefined : { kind, name: found.name };
}

/** Undefined for BGP where there is no router to tell. */
function remedyBy(protocol: Refusal["protocol"], pool: string, config: Config): string | undefined {
  const [kind, [first]] = kindOf(protocol, config);
  if (first !== undefined) return addPool(pool, { kind, name: first.name }).change;
  if (protocol === "bgp" && config.peers.size === 0) return undefined;
  return `create ${protocol === "bgp" ? "a" : "an"} ${kind} that selects IPAddressPool ${pool}`;
}

function addPool(pool: string, { kind, name }: ObjectName): { readonly field: string; readonly change: string } {
  return { field: "spec.ipAddressPools", change: `add ${pool} to spec.ipAddressPools of ${kind} ${name}` };
}

/** Either no advertisement names a peer that there is, or the peers that are named keep off the node. */
function unmatchedPeer(node: string, names: readonly string[], config: Config): Remedy {
  const ads = config.bgpAdvertisements.filter(({ name }) => names.includes(name));
  const peers = [...config.peers.values()];
  const meant = peers.filter(({ name }) => ads.some((ad) => ad.peers.size === 0 || ad.peers.has(name)));
  const [peer] = meant;
  if (peer !== undefined) {
    const object = { kind: "BGPPeer", name: peer.name };
    const change = `let spec.nodeSelectors of BGPPeer ${peer.name} select Node ${node}`;
    return { rank: RANK.peer, object, field: "spec.nodeSelectors", change };
  }
  const object = { kind: "BGPAdvertisement", name: names[0] ?? "" };
  const at = { rank: RANK.peer, object, field: "spec.peers" };
  if (peers.length === 0) return { ...at, change: "create a valid BGPPeer for your router" };
  const unknown = ads.flatMap((ad) => [...ad.peers]).join(", ");
  const there = peers.map(({ name }) => name).join(", ");
  return {
    ...at,
    change: `name a BGPPeer that exists in spec.peers (${there}), or none at all: there is no ${unknown}`,
  };
}

function kindOf(
  protocol: Refusal["protocol"],
  { bgpAdvertisements, l2Advertisements }: Config,
): readonly [kind: string, all: Config["bgpAdvertisements"] | Config["l2Advertisements"]] {
  return protocol === "bgp" ? ["BGPAdvertisement", bgpAdvertisements] : ["L2Advertisement", l2Advertisements];
}
