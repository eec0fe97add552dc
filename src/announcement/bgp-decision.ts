import type { BgpAdvertisement, NodeName, Peer, PeerName, Pool } from "../api/config.ts";
import { localPrefsConflict } from "../api/local-pref-conflict.ts";
import type { Family } from "../net/ip-address.ts";
import type { AdvertisementSet, NodeFacts } from "./cluster-context.ts";
import { selectsNode } from "./cluster-context.ts";
import type { Drain } from "./drain.ts";
import type { LocalPrefOf, RefusalCause, UnsupportedPeer } from "./refusal.ts";
import {
  asLastResort,
  attributesOfAdvertisement,
  communitiesFit,
  communityCount,
  mergeAttributes,
  type PrefixAnnouncement,
  type RouteAttributes,
} from "./route.ts";
import { maskedPrefix, type Surveyed, type SurveyedAddress } from "./service-survey.ts";

/** What one node does over BGP with every Service that matches the same advertisements. */
export interface BgpGroup {
  /** Rules 4.2, steps 1 to 5: they ask nothing about endpoints. */
  readonly refused: RefusalCause | undefined;
  readonly families: Readonly<Record<Family, FamilyRoutes>>;
}

/** The routes of one address of a family, or why no session would take one. */
interface FamilyRoutes {
  readonly templates: readonly RouteTemplate[];
  readonly refused: RefusalCause | undefined;
}

/** A route whose prefix is still to be cut from the address. */
interface RouteTemplate {
  readonly peer: PeerName;
  readonly length: number;
  readonly attributes: RouteAttributes;
}

/** The node as it stands. */
interface Place {
  readonly name: NodeName;
  readonly peers: readonly Peer[];
  /** Of them, those without a session, and the field that the node cannot honour. */
  readonly unsupportedPeers: ReadonlyMap<PeerName, string>;
  readonly drain: Drain | undefined;
}

/** Decides what does not depend on the single Service. `peers` are those that run on this node, in name order. */
export function prepareBgpGroup(set: AdvertisementSet, node: NodeFacts | undefined, at: Place): BgpGroup {
  const covering = node === undefined ? [] : set.bgp.filter((ad) => selectsNode(ad, node));
  const refused = refusalBeforeEndpoints(set, covering, node, at.name) ?? drainRefusal(node, at);
  const routes = (family: Family): FamilyRoutes => familyRoutes(covering, family, at);
  return { refused, families: { 4: routes(4), 6: routes(6) } };
}

/** Rule 4.2 for one Service: the address's announcements, or the first reason that says no. */
export function decideBgp(
  group: BgpGroup,
  survey: Surveyed,
  address: SurveyedAddress,
  node: NodeName,
): readonly PrefixAnnouncement[] | RefusalCause {
  if (group.refused !== undefined) return group.refused;
  if (survey.local && !survey.endpoints.nodes.has(node)) return { reason: "no-local-endpoint", node };
  if (!survey.endpoints.any) return { reason: "no-endpoint" };
  const { templates, refused } = group.families[address.ip.family];
  if (refused !== undefined) return refused;
  return templates.map(({ peer, length, attributes }) => ({
    service: survey.key,
    ip: address.ip,
    peer,
    prefix: maskedPrefix(address, length),
    attributes,
    weight: weightOn(survey, node),
  }));
}

/** With traffic policy Cluster every node passes traffic on to all endpoints alike, so that each counts the same. */
function weightOn({ local, endpoints }: Surveyed, node: NodeName): number {
  return local ? (endpoints.nodes.get(node) ?? 0) : 1;
}

function refusalBeforeEndpoints(
  set: AdvertisementSet,
  covering: readonly BgpAdvertisement[],
  node: NodeFacts | undefined,
  name: NodeName,
): RefusalCause | undefined {
  const { of } = set;
  const pool = of.pool.name;
  if (of.bgp.length === 0) return { reason: "no-matching-advertisement", node: name, pool, exist: false };
  if (node === undefined || !of.bgp.some((ad) => selectsNode(ad, node))) {
    return { reason: "node-not-selected", node: name, pool };
  }
  if (covering.length === 0) return { reason: "no-matching-advertisement", node: name, pool, exist: true };
  return localPrefConflict(covering, of.pool) ?? node.ineligible;
}

/** A drain that is under way keeps its routes until others have taken over. */
function drainRefusal(node: NodeFacts | undefined, { name, drain }: Place): RefusalCause | undefined {
  if (drain === undefined) return node?.drained;
  const leaves = drain.phase === "withdrawn" || drain.phase === "closed";
  return leaves ? { reason: "node-drained", node: name, why: drain.why } : undefined;
}

/** Rule 4.5 on one node: node sets intersect because every advertisement given covers it. */
function localPrefConflict(ads: readonly BgpAdvertisement[], pool: Pool): RefusalCause | undefined {
  for (const [i, a] of ads.entries()) {
    const b = ads.slice(i + 1).find((other) => localPrefsConflict(a, other, { pools: [pool], nodes: [] }));
    if (b === undefined) continue;
    const side = ({ name, localPref }: BgpAdvertisement): LocalPrefOf => ({ name, localPref });
    return { reason: "conflicting-local-pref", advertisements: [side(a), side(b)] };
  }
  return undefined;
}

/** The filters after the rules: who runs here and is named, who of them carries the family and is supported, what fits on a route. */
function familyRoutes(ads: readonly BgpAdvertisement[], family: Family, at: Place): FamilyRoutes {
  const { name, peers, unsupportedPeers, drain } = at;
  const named = peers.filter((peer) => ads.some((ad) => isSentTo(ad, peer)));
  if (named.length === 0)
    return refuse({ reason: "no-matching-peer", node: name, advertisements: ads.map((ad) => ad.name) });
  const carrying = named.filter((peer) => carriesFamily(peer, family));
  if (carrying.length === 0) {
    return refuse({ reason: "family-not-carried", node: name, family, peers: named.map((peer) => peer.name) });
  }
  const reachable = carrying.filter((peer) => !unsupportedPeers.has(peer.name));
  if (reachable.length === 0)
    return refuse({ reason: "peer-not-supported", node: name, peers: fieldsOf(carrying, at) });
  const all = reachable.flatMap((peer) => templatesOf(peer, ads, family));
  const templates = all.filter(({ attributes }) => communitiesFit(attributes));
  const [first] = all;
  if (templates.length === 0 && first !== undefined) return refuse(tooManyCommunities(first.attributes));
  return { templates: drain?.phase === "draining" ? templates.map(lastResort) : templates, refused: undefined };
}

function fieldsOf(peers: readonly Peer[], { unsupportedPeers }: Place): readonly UnsupportedPeer[] {
  return peers.map(({ name }) => ({ name, field: unsupportedPeers.get(name) ?? "" }));
}

function lastResort(template: RouteTemplate): RouteTemplate {
  return { ...template, attributes: asLastResort(template.attributes) };
}

/** One route per aggregation length: advertisements of one length are one route (rule 4.4). */
function templatesOf(peer: Peer, ads: readonly BgpAdvertisement[], family: Family): readonly RouteTemplate[] {
  const byLength = new Map<number, RouteAttributes[]>();
  for (const ad of ads.filter((each) => isSentTo(each, peer))) {
    const length = ad.aggregationLength[family];
    const others = byLength.get(length) ?? [];
    others.push(attributesOfAdvertisement(ad));
    byLength.set(length, others);
  }
  return [...byLength].map(([length, all]) => ({ peer: peer.name, length, attributes: mergeAttributes(all) }));
}

/** A session carries the family of its own addresses, and both when told so or when it has none. */
function carriesFamily(peer: Peer, family: Family): boolean {
  return peer.dualStack || peer.endpoint.type === "interface" || peer.endpoint.address.family === family;
}

function isSentTo(ad: BgpAdvertisement, peer: Peer): boolean {
  return ad.peers.size === 0 || ad.peers.has(peer.name);
}

/** The refusal of a route that would carry more communities than fit. */
export function tooManyCommunities(attributes: RouteAttributes): RefusalCause {
  return {
    reason: "too-many-communities",
    advertisements: attributes.advertisements,
    count: communityCount(attributes),
  };
}

function refuse(cause: RefusalCause): FamilyRoutes {
  return { templates: [], refused: cause };
}
