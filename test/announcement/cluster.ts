import {
  type Decision,
  decideSurvey,
  type NodeContext,
  type NodeInput,
  prepareNode,
} from "../../src/announcement/decision.ts";
import { Elections } from "../../src/announcement/elections.ts";
import { nodeName, peerName, poolName } from "../../src/api/brands.ts";
import type { BgpAdvertisement, Config, L2Advertisement, Peer, Pool } from "../../src/api/config.ts";
import type { Node, Service } from "../../src/api/core.ts";
import type { EndpointSummary } from "../../src/api/endpoints.ts";
import type { LabelSelector } from "../../src/api/label-selector.ts";
import { keyOfService } from "../../src/api/service-addresses.ts";
import { parseAsn } from "../../src/net/asn.ts";
import { formatCommunity, parseCommunity, parseLargeCommunity } from "../../src/net/community.ts";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { parseAddressBlock } from "../../src/net/ip-range.ts";
import { seconds } from "../../src/net/micros.ts";

/** Short ways to say what a cluster looks like: every builder gives the plainest valid thing of its kind. */

type Labels = Readonly<Record<string, string>>;

export function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the test says something that does not parse");
  return value;
}

export const ip = (text: string) => known(parseIpAddress(text));
export const labels = (matchLabels: Labels): LabelSelector => ({ matchLabels, matchExpressions: [] });
/** Selects the node of this name: every node carries its name as the label `name`. */
export const onNodes = (...names: string[]): LabelSelector[] => [
  { matchLabels: {}, matchExpressions: [{ key: "name", operator: "In", values: names }] },
];

export function pool(name: string, ...blocks: string[]): Pool {
  return {
    name: poolName(name),
    labels: {},
    blocks: blocks.map((text) => {
      const parsed = parseAddressBlock(text);
      const prefixes = known("value" in parsed ? parsed.value : undefined);
      return { text, family: known(prefixes[0]).family, prefixes };
    }),
    autoAssign: true,
    avoidBuggyIps: false,
    serviceAllocation: undefined,
    conflictDetection: true,
  };
}

export function peer(name: string, fields: Partial<Peer> & { address?: string } = {}): Peer {
  const { address = "192.0.2.1", ...rest } = fields;
  return {
    name: peerName(name),
    myAsn: known(parseAsn("64512")),
    localAsn: undefined,
    remote: { type: "asn", asn: known(parseAsn("64513")) },
    endpoint: { type: "address", address: ip(address) },
    port: 179,
    sourceAddress: undefined,
    holdTime: undefined,
    keepaliveTime: undefined,
    connectTime: undefined,
    routerId: undefined,
    nodeSelectors: [],
    password: undefined,
    passwordSecret: undefined,
    bfdProfile: undefined,
    gracefulRestart: false,
    ebgpMultiHop: false,
    vrf: undefined,
    dualStack: false,
    linkBandwidthTransitivity: undefined,
    ttlSecurityHops: undefined,
    maxPrefixes: undefined,
    longLivedStaleTime: undefined,
    role: undefined,
    addPaths: undefined,
    ...rest,
  };
}

interface BgpFields {
  readonly pools?: readonly string[];
  readonly peers?: readonly string[];
  readonly communities?: readonly string[];
  readonly lengths?: readonly [number, number];
  readonly localPref?: number;
  readonly med?: number;
  readonly asPathPrepend?: number;
  readonly linkBandwidth?: "endpoints";
  readonly nodeSelectors?: readonly LabelSelector[];
  readonly serviceSelectors?: readonly LabelSelector[];
}

export function bgpAd(name: string, fields: BgpFields = {}): BgpAdvertisement {
  const { pools = ["main"], peers = [], communities = [], lengths: [v4, v6] = [32, 128] } = fields;
  const large = communities.filter((text) => text.startsWith("large:"));
  return {
    name,
    aggregationLength: { 4: v4, 6: v6 },
    localPref: fields.localPref,
    med: fields.med,
    asPathPrepend: fields.asPathPrepend,
    linkBandwidth: fields.linkBandwidth,
    communities: communities.filter((text) => !text.startsWith("large:")).map((text) => known(parseCommunity(text))),
    largeCommunities: large.map((text) => known(parseLargeCommunity(text))),
    pools: new Set(pools.map(poolName)),
    nodeSelectors: fields.nodeSelectors ?? [],
    serviceSelectors: fields.serviceSelectors ?? [],
    peers: new Set(peers.map(peerName)),
  };
}

interface L2Fields extends Partial<Omit<L2Advertisement, "name" | "pools" | "preferredNodes">> {
  readonly pools?: readonly string[];
  /** Node names and the weight they get. */
  readonly prefers?: Readonly<Record<string, number>>;
}

export function l2Ad(name: string, fields: L2Fields = {}): L2Advertisement {
  const { pools = ["main"], prefers = {}, ...rest } = fields;
  return {
    name,
    pools: new Set(pools.map(poolName)),
    nodeSelectors: [],
    serviceSelectors: [],
    interfaces: [],
    preferredNodes: Object.entries(prefers).map(([node, weight]) => ({ weight, preference: labels({ name: node }) })),
    spread: "hash",
    sticky: false,
    refreshInterval: seconds(60),
    ...rest,
  };
}

export function config(...objects: readonly (Pool | Peer | BgpAdvertisement | L2Advertisement)[]): Config {
  return {
    pools: new Map(objects.flatMap((o) => ("blocks" in o ? [[o.name, o]] : []))),
    peers: new Map(objects.flatMap((o) => ("myAsn" in o ? [[o.name, o]] : []))),
    bgpAdvertisements: objects.filter((o) => "aggregationLength" in o),
    l2Advertisements: objects.filter((o) => "preferredNodes" in o),
    bfdProfiles: new Map(),
  };
}

export function node(name: string, more: Labels = {}, networkUnavailable?: string): Node {
  return {
    metadata: { name, labels: { name, ...more } },
    ...(networkUnavailable === undefined
      ? {}
      : { status: { conditions: [{ type: "NetworkUnavailable", status: networkUnavailable }] } }),
  };
}

interface ServiceFields {
  readonly ips?: readonly string[];
  readonly ingress?: NonNullable<NonNullable<Service["status"]>["loadBalancer"]>["ingress"];
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly spec?: Service["spec"];
}

export function service(name: string, fields: ServiceFields = {}): Service {
  const ingress = fields.ingress ?? (fields.ips ?? ["10.0.0.1"]).map((text) => ({ ip: text }));
  return {
    metadata: { name, namespace: "default", labels: fields.labels ?? {}, annotations: fields.annotations ?? {} },
    spec: { type: "LoadBalancer", ...fields.spec },
    status: { loadBalancer: { ingress } },
  };
}

export const local: Service["spec"] = { externalTrafficPolicy: "Local" };

/** Usable endpoints on these nodes, one for each time a node is named. */
export const on = (...nodes: string[]): EndpointSummary => ({
  any: nodes.length > 0,
  nodes: new Map([...new Set(nodes)].map((name) => [nodeName(name), nodes.filter((n) => n === name).length])),
});

export const main = pool("main", "10.0.0.0/24", "2001:db8::/64");

export const base = { members: undefined, ignoreExcludeLb: false, loadBalancerClass: undefined };

/** Decides a Service as the only one there is. */
export function decideService(cx: NodeContext, what: Service, endpoints: EndpointSummary): Decision {
  const elections = new Elections(cx.cluster);
  elections.put({ service: what, endpoints });
  return decideSurvey(cx, known(elections.survey(keyOfService(what))));
}

/** Decides with nodes `a` and `b`, on `a`. */
export function decide(
  cluster: Partial<NodeInput> & Pick<NodeInput, "config">,
  what: Service,
  endpoints: EndpointSummary = on("a", "b"),
): Decision {
  const input = { ...base, nodes: [node("a"), node("b")], nodeName: nodeName("a"), ...cluster };
  return decideService(prepareNode(input), what, endpoints);
}

/** `peer prefix communities`, for comparing with what a rule says. */
export function routesIn({ bgp }: Decision): readonly string[] {
  return bgp.map(({ peer, prefix, attributes }) =>
    [peer, prefix, ...attributes.communities.map(formatCommunity)].join(" "),
  );
}

/** `ip reason` of one protocol. */
export function refusalsIn({ refusals }: Decision, protocol: "bgp" | "layer2"): readonly string[] {
  return refusals.filter((r) => r.protocol === protocol).map(({ ip: text, cause }) => `${text} ${cause.reason}`);
}
