import type { L2Advertisement, NodeName, ServiceKey } from "../api/config.ts";
import type { IpAddress } from "../net/ip-address.ts";
import { type Micros, micros } from "../net/micros.ts";
import { type AdvertisementSet, type ClusterContext, type NodeFacts, selectsNode } from "./cluster-context.ts";
import type { RefusalCause } from "./refusal.ts";
import type { Surveyed } from "./service-survey.ts";

/** An address this node answers for on its LANs. */
export interface Layer2Announcement {
  readonly service: ServiceKey;
  readonly ip: IpAddress;
  /** Sorted names; empty answers on every interface. */
  readonly interfaces: readonly string[];
  /** The L2Advertisements this comes from, in name order. */
  readonly advertisements: readonly string[];
  /** Between announcements after the first burst: the shortest that an advertisement of this node asks for; 0 is never. */
  readonly refresh: Micros;
  /** Whether strangers are looked for before the first announcement, as the pool says. */
  readonly conflictDetection: boolean;
}

/** What one node does at layer 2 with every Service that matches the same advertisements. */
export interface Layer2Group {
  readonly notCovered: RefusalCause | undefined;
  /** What every announcement of the group says. */
  readonly says: Omit<Layer2Announcement, "service" | "ip">;
}

/** Decides what does not depend on the single Service. */
export function prepareLayer2Group(set: AdvertisementSet, node: NodeFacts | undefined, name: NodeName): Layer2Group {
  const covering = node === undefined ? [] : set.layer2.filter((ad) => selectsNode(ad, node));
  const everywhere = covering.some((ad) => ad.interfaces.length === 0);
  return {
    notCovered: covering.length > 0 ? undefined : notCoveredCause(set, node, name),
    says: {
      interfaces: everywhere ? [] : [...new Set(covering.flatMap((ad) => ad.interfaces))].sort(),
      advertisements: covering.map((ad) => ad.name),
      refresh: shortestRefresh(covering),
      conflictDetection: set.of.pool.conflictDetection,
    },
  };
}

function shortestRefresh(ads: readonly L2Advertisement[]): Micros {
  const wanted = ads.map((ad) => ad.refreshInterval).filter((interval) => interval > 0);
  return wanted.length === 0 ? micros(0) : micros(Math.min(...wanted));
}

/** Where rules 6.1 to 6.4 are decided. `interfaces` undefined means they are not known, so nothing is missing. */
export interface Layer2Place {
  readonly cluster: ClusterContext;
  readonly node: NodeName;
  readonly interfaces: ReadonlySet<string> | undefined;
  /** Why the node's speaker cannot do layer 2, if it cannot. */
  readonly unavailable: string | undefined;
  /** Why the node is fenced, if it is. */
  readonly fenced: string | undefined;
}

/** The first reason in the order of rule 6.3 that keeps this node from answering; undefined when it answers. */
export function layer2Refusal(group: Layer2Group, survey: Surveyed, place: Layer2Place): RefusalCause | undefined {
  if (!survey.endpoints.any) return { reason: "no-endpoint" };
  const { selective } = survey.advertisements;
  if (survey.sharesAddress && selective !== undefined) {
    return { reason: "shared-ip-with-service-selector", advertisement: selective.name };
  }
  if (group.notCovered !== undefined) return group.notCovered;
  if (survey.winner !== place.node) return notElectedCause(survey, place);
  if (place.unavailable !== undefined)
    return { reason: "layer2-unavailable", node: place.node, why: place.unavailable };
  // Services that share an address go where most of them can: this one may be among the others.
  if (survey.local && !survey.endpoints.nodes.has(place.node)) return { reason: "no-local-endpoint", node: place.node };
  if (place.fenced !== undefined) return { reason: "fenced", node: place.node, why: place.fenced };
  const { interfaces } = group.says;
  const missing = place.interfaces !== undefined && !interfaces.some((name) => place.interfaces?.has(name));
  if (interfaces.length > 0 && missing) return { reason: "interface-missing", node: place.node, interfaces };
  return undefined;
}

/** MetalLB says notOwner to all of these; what keeps this very node out says more than who won. */
function notElectedCause(survey: Surveyed, { cluster, node, unavailable }: Layer2Place): RefusalCause {
  const facts = cluster.nodes.get(node);
  const keptOut = facts?.ineligible ?? facts?.drained;
  if (keptOut !== undefined) return keptOut;
  if (survey.local && !survey.endpoints.nodes.has(node)) return { reason: "no-local-endpoint", node };
  if (survey.winner === undefined && survey.bestScore !== undefined)
    return lostToAnother(survey, node, survey.bestScore);
  if (survey.winner === undefined && unavailable !== undefined)
    return { reason: "layer2-unavailable", node, why: unavailable };
  if (survey.winner === undefined) return { reason: "no-candidate-node", node };
  const { scores } = survey.advertisements;
  const score = (name: NodeName): number => scores.get(name) ?? 0;
  const compared = [score(node), score(survey.winner)] as const;
  return { reason: "lost-election", node, winner: survey.winner, scores: compared, by: decidedBy(survey, compared) };
}

/** Which of the others won is still to be found out. */
function lostToAnother({ advertisements }: Surveyed, node: NodeName, best: number): RefusalCause {
  const own = advertisements.scores.get(node) ?? 0;
  return {
    reason: "lost-election",
    node,
    winner: undefined,
    scores: [own, best],
    by: own === best ? "digest" : "preference",
  };
}

function decidedBy(
  { winner, electedBy, advertisements, local, endpoints }: Surveyed,
  [own, best]: readonly [number, number],
): Extract<RefusalCause, { reason: "lost-election" }>["by"] {
  const serves = winner !== undefined && advertisements.scores.has(winner) && (!local || endpoints.nodes.has(winner));
  if (!serves) return "sharing";
  return own !== best && electedBy !== "sticky" ? "preference" : electedBy;
}

function notCoveredCause({ of }: AdvertisementSet, node: NodeFacts | undefined, name: NodeName): RefusalCause {
  const pool = of.pool.name;
  if (of.layer2.length === 0) return { reason: "no-matching-advertisement", node: name, pool, exist: false };
  const selected = node !== undefined && of.layer2.some((ad) => selectsNode(ad, node));
  return selected
    ? { reason: "no-matching-advertisement", node: name, pool, exist: true }
    : { reason: "node-not-selected", node: name, pool };
}
