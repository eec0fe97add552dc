import { nodeName } from "../api/brands.ts";
import type { BgpAdvertisement, Config, L2Advertisement, NodeName, Pool, PoolName, ServiceKey } from "../api/config.ts";
import type { Node } from "../api/core.ts";
import { anySelectorMatches, type LabelSelector, selectorMatches } from "../api/label-selector.ts";
import { drainRequest } from "../api/node-drain.ts";
import { type Candidate, ElectionDigests } from "../layer2/election.ts";
import { PoolIndex } from "./pool-index.ts";
import { EXCLUDE_LABEL, type RefusalCause } from "./refusal.ts";

/** What decides on every node alike. */
export interface ClusterInput {
  readonly config: Config;
  readonly nodes: readonly Node[];
  /** The speakers that are alive; undefined takes every known node for one. */
  readonly members: ReadonlySet<NodeName> | undefined;
  readonly ignoreExcludeLb: boolean;
  /** Undefined handles the Services without a class. */
  readonly loadBalancerClass: string | undefined;
  /** Who answers for a Service now, for those whose advertisements are sticky; nobody knows when absent. */
  readonly incumbents?: ReadonlyMap<ServiceKey, NodeName> | undefined;
  /** Kept by a caller that prepares again and again, so that elections that stand are not held again. */
  readonly digests?: ElectionDigests<NodeName>;
}

/** Everything that neither the Service nor the node changes, worked out once. */
export interface ClusterContext {
  readonly config: Config;
  readonly loadBalancerClass: string | undefined;
  readonly nodes: ReadonlyMap<NodeName, NodeFacts>;
  readonly members: ReadonlySet<NodeName> | undefined;
  readonly incumbents: ReadonlyMap<ServiceKey, NodeName>;
  readonly poolIndex: PoolIndex;
  readonly pools: ReadonlyMap<PoolName, PoolAdvertisements>;
  readonly digests: ElectionDigests<NodeName>;
}

export interface NodeFacts {
  readonly name: NodeName;
  readonly labels: Readonly<Record<string, string>>;
  /** Why the node announces nothing at all, if so. */
  readonly ineligible: RefusalCause | undefined;
  /** Set while the node is asked to hand its traffic to the others. */
  readonly drained: RefusalCause | undefined;
}

/** The advertisements of one pool, and the subsets of them that Services match. */
export interface PoolAdvertisements {
  readonly pool: Pool;
  readonly bgp: readonly BgpAdvertisement[];
  readonly layer2: readonly L2Advertisement[];
  readonly selective: readonly (readonly LabelSelector[])[];
  /** Memo by which of `selective` match. */
  readonly sets: Map<string, AdvertisementSet>;
}

/** The advertisements of one pool that match a Service's labels. Equal sets are the same object, so they key memos. */
export interface AdvertisementSet {
  readonly of: PoolAdvertisements;
  readonly bgp: readonly BgpAdvertisement[];
  readonly layer2: readonly L2Advertisement[];
  /** The layer-2 candidates of rule 6.1 before endpoints are looked at, with their scores. */
  readonly scores: ReadonlyMap<NodeName, number>;
  /** Those with the highest score: only they can win while endpoints do not matter. */
  readonly favourites: readonly Candidate<NodeName>[];
  /** Whether any of the layer-2 advertisements asks for it. */
  readonly spreadsEvenly: boolean;
  readonly sticky: boolean;
  /** A layer-2 advertisement that selects Services, which a shared address must not meet. */
  readonly selective: L2Advertisement | undefined;
}

/** Works out what all nodes share. */
export function prepareCluster(input: ClusterInput): ClusterContext {
  const { config, members, loadBalancerClass } = input;
  return {
    config,
    members,
    loadBalancerClass,
    incumbents: input.incumbents ?? new Map(),
    nodes: new Map(input.nodes.map((node) => factsOf(node, input.ignoreExcludeLb)).map((facts) => [facts.name, facts])),
    poolIndex: new PoolIndex(config.pools.values()),
    pools: new Map([...config.pools.values()].map((pool) => [pool.name, advertisementsOf(pool, config)])),
    digests: input.digests ?? new ElectionDigests<NodeName>(),
  };
}

/** The subset of a pool's advertisements whose serviceSelectors take these labels. */
export function advertisementSet(
  cluster: ClusterContext,
  pool: PoolAdvertisements,
  labels: Readonly<Record<string, string>>,
): AdvertisementSet {
  const key = pool.selective.map((selectors) => (anySelectorMatches(selectors, labels) ? "1" : "0")).join("");
  const known = pool.sets.get(key);
  if (known !== undefined) return known;
  const takes = (ad: { serviceSelectors: readonly LabelSelector[] }): boolean =>
    anySelectorMatches(ad.serviceSelectors, labels);
  const layer2 = pool.layer2.filter(takes);
  const scores = candidateScores(cluster, layer2);
  const set = {
    of: pool,
    bgp: pool.bgp.filter(takes),
    layer2,
    scores,
    favourites: favouritesOf(scores),
    spreadsEvenly: layer2.some(({ spread }) => spread === "even"),
    sticky: layer2.some(({ sticky }) => sticky),
    selective: layer2.find(({ serviceSelectors }) => serviceSelectors.length > 0),
  };
  pool.sets.set(key, set);
  return set;
}

/** An advertisement without nodeSelectors selects every known node. */
export function selectsNode(ad: { nodeSelectors: readonly LabelSelector[] }, node: NodeFacts): boolean {
  return anySelectorMatches(ad.nodeSelectors, node.labels);
}

function factsOf(node: Node, ignoreExcludeLb: boolean): NodeFacts {
  const name = nodeName(node.metadata.name);
  const labels = node.metadata.labels ?? {};
  const conditions = node.status?.conditions ?? [];
  const unavailable = conditions.some(({ type, status }) => type === "NetworkUnavailable" && status === "True");
  const excluded = !ignoreExcludeLb && Object.hasOwn(labels, EXCLUDE_LABEL);
  const request = drainRequest(node);
  const drained: RefusalCause | undefined = request && { reason: "node-drained", node: name, why: request.why };
  if (unavailable) return { name, labels, drained, ineligible: { reason: "network-unavailable", node: name } };
  return { name, labels, drained, ineligible: excluded ? { reason: "node-excluded", node: name } : undefined };
}

function advertisementsOf(pool: Pool, config: Config): PoolAdvertisements {
  const bgp = config.bgpAdvertisements.filter((ad) => ad.pools.has(pool.name));
  const layer2 = config.l2Advertisements.filter((ad) => ad.pools.has(pool.name));
  return {
    pool,
    bgp,
    layer2,
    selective: [...bgp, ...layer2].map((ad) => ad.serviceSelectors).filter((selectors) => selectors.length > 0),
    sets: new Map(),
  };
}

/** Rule 6.1, steps 1 to 3, and the scores of rule 6.2: equal advertisements both count. */
function candidateScores(cluster: ClusterContext, ads: readonly L2Advertisement[]): ReadonlyMap<NodeName, number> {
  const scores = new Map<NodeName, number>();
  for (const node of cluster.nodes.values()) {
    if (node.ineligible !== undefined || node.drained !== undefined || cluster.members?.has(node.name) === false)
      continue;
    const score = preferenceOf(ads, node);
    if (score !== undefined) scores.set(node.name, score);
  }
  return scores;
}

/** What the advertisements that cover a node give it; undefined where none does. */
export function preferenceOf(ads: readonly L2Advertisement[], node: NodeFacts): number | undefined {
  const covering = ads.filter((ad) => selectsNode(ad, node));
  if (covering.length === 0) return undefined;
  return covering
    .flatMap((ad) => ad.preferredNodes)
    .filter(({ preference }) => selectorMatches(preference, node.labels))
    .reduce((sum, { weight }) => sum + weight, 0);
}

/** Those with the highest score. */
export function favouritesOf(scores: ReadonlyMap<NodeName, number>): readonly Candidate<NodeName>[] {
  let highest = 0;
  for (const score of scores.values()) highest = Math.max(highest, score);
  return [...scores].filter(([, score]) => score === highest).map(([node, score]) => ({ node, score }));
}
