import type { NodeName, Peer, PeerName, ServiceKey } from "../api/config.ts";
import { anySelectorMatches } from "../api/label-selector.ts";
import { type BgpGroup, decideBgp, prepareBgpGroup } from "./bgp-decision.ts";
import { type AdvertisementSet, type ClusterContext, type ClusterInput, prepareCluster } from "./cluster-context.ts";
import type { Drain } from "./drain.ts";
import { type Layer2Announcement, type Layer2Group, layer2Refusal, prepareLayer2Group } from "./layer2-decision.ts";
import type { Protocol, Refusal, RefusalCause, Stranger } from "./refusal.ts";
import type { PrefixAnnouncement } from "./route.ts";
import type { Survey, Surveyed } from "./service-survey.ts";

/** What one node decides with. */
export interface NodeInput extends ClusterInput {
  readonly nodeName: NodeName;
  /** This node's layer-2 interfaces; undefined does not judge them. */
  readonly interfaces?: ReadonlySet<string> | undefined;
  /** How far this node's own drain is, for who runs it; without, a node that is asked to drain has done so. */
  readonly drain?: Drain | undefined;
  /** Peers this node can have no session with, and the field that says why; without, it can have all. */
  readonly unsupportedPeers?: ReadonlyMap<PeerName, string> | undefined;
  /** Why this node's speaker cannot do layer 2 at all. */
  readonly unavailable?: string | undefined;
  /** Why this node is fenced: it answers for nothing at layer 2, whatever it would win. */
  readonly fenced?: string | undefined;
  /** Addresses that strangers on the LAN use, as text: not answered for here until they are gone. */
  readonly quarantined?: ReadonlyMap<string, Stranger> | undefined;
}

/** Everything about one node that no Service changes. Make a new one when config, nodes, members or interfaces change. */
export interface NodeContext {
  readonly cluster: ClusterContext;
  readonly name: NodeName;
  readonly interfaces: ReadonlySet<string> | undefined;
  /** The peers that select this node (rule 4.6), in name order. */
  readonly peers: readonly Peer[];
  readonly unsupportedPeers: ReadonlyMap<PeerName, string>;
  readonly drain: Drain | undefined;
  readonly unavailable: string | undefined;
  readonly fenced: string | undefined;
  readonly quarantined: ReadonlyMap<string, Stranger>;
  /** Memo: Services with the same advertisements are decided alike but for their endpoints. */
  readonly groups: Map<AdvertisementSet, NodeGroup>;
}

interface NodeGroup {
  readonly bgp: BgpGroup;
  readonly layer2: Layer2Group;
}

/** What one node does with one Service. Each of its addresses is, per protocol, announced or refused: never both, never neither. */
export interface Decision {
  readonly key: ServiceKey;
  readonly bgp: readonly PrefixAnnouncement[];
  readonly layer2: readonly Layer2Announcement[];
  readonly refusals: readonly Refusal[];
}

/** Works out everything that no Service changes. */
export function prepareNode(input: NodeInput): NodeContext {
  return nodeContext(prepareCluster(input), input.nodeName, input);
}

/** One node's view of a cluster that several share. */
export function nodeContext(
  cluster: ClusterContext,
  name: NodeName,
  own: Pick<NodeInput, "interfaces" | "drain" | "unsupportedPeers" | "unavailable" | "fenced" | "quarantined"> = {},
): NodeContext {
  const labels = cluster.nodes.get(name)?.labels;
  const runs = (peer: Peer): boolean => labels !== undefined && anySelectorMatches(peer.nodeSelectors, labels);
  const peers = [...cluster.config.peers.values()].filter(runs);
  const { interfaces, drain, unavailable, fenced, unsupportedPeers = new Map(), quarantined = new Map() } = own;
  return {
    cluster,
    name,
    interfaces,
    peers,
    unsupportedPeers,
    drain,
    unavailable,
    fenced,
    quarantined,
    groups: new Map(),
  };
}

/** Decides one Service on this node; microseconds, so that an endpoint change is one UPDATE at once. The survey is the same for all nodes. */
export function decideSurvey(cx: NodeContext, survey: Survey): Decision {
  switch (survey.type) {
    case "out-of-scope":
      return { key: survey.key, bgp: [], layer2: [], refusals: [] };
    case "gated":
      return {
        key: survey.key,
        bgp: [],
        layer2: [],
        refusals: survey.ips.flatMap((ip) => bothRefused(survey.key, ip, survey.cause)),
      };
    case "surveyed":
      return decideAddresses(cx, survey);
  }
}

function decideAddresses(cx: NodeContext, survey: Surveyed): Decision {
  const { key } = survey;
  const group = groupOf(cx, survey.advertisements);
  const notAnswering = layer2Refusal(group.layer2, survey, {
    cluster: cx.cluster,
    node: cx.name,
    interfaces: cx.interfaces,
    unavailable: cx.unavailable,
    fenced: cx.fenced,
  });
  const bgp: PrefixAnnouncement[] = [];
  const layer2: Layer2Announcement[] = [];
  const refusals: Refusal[] = [];
  for (const address of survey.addresses) {
    const { ip, text } = address;
    const routes = decideBgp(group.bgp, survey, address, cx.name);
    if ("reason" in routes) refusals.push(refusal(key, text, "bgp", routes));
    else bgp.push(...routes);
    const silent = notAnswering ?? conflictOf(cx, group.layer2, text);
    if (silent !== undefined) refusals.push(refusal(key, text, "layer2", silent));
    else layer2.push({ service: key, ip, ...group.layer2.says });
  }
  return { key, bgp, layer2, refusals };
}

/** The other address of the Service may be nobody else's. Where nobody is looked for, whoever was found is of no account any more. */
function conflictOf(
  { name: node, quarantined }: NodeContext,
  { says }: Layer2Group,
  address: string,
): RefusalCause | undefined {
  const stranger = says.conflictDetection ? quarantined.get(address) : undefined;
  return stranger && { reason: "address-conflict", node, address, ...stranger };
}

function groupOf(cx: NodeContext, set: AdvertisementSet): NodeGroup {
  const known = cx.groups.get(set);
  if (known !== undefined) return known;
  const node = cx.cluster.nodes.get(cx.name);
  const group = { bgp: prepareBgpGroup(set, node, cx), layer2: prepareLayer2Group(set, node, cx.name) };
  cx.groups.set(set, group);
  return group;
}

function bothRefused(service: ServiceKey, ip: string | undefined, cause: RefusalCause): readonly Refusal[] {
  return [refusal(service, ip, "bgp", cause), refusal(service, ip, "layer2", cause)];
}

function refusal(service: ServiceKey, ip: string | undefined, protocol: Protocol, cause: RefusalCause): Refusal {
  return { service, ip, protocol, cause };
}
