import type { NodeName, ServiceKey } from "../api/config.ts";
import type { Candidate } from "../layer2/election.ts";
import { favouritesOf } from "./cluster-context.ts";
import type { Standing } from "./service-survey.ts";

/** Who may answer for Services that elect together. */
export interface Candidates {
  readonly scores: ReadonlyMap<NodeName, number>;
  /** Those with the highest score: one of them wins. */
  readonly favourites: readonly Candidate<NodeName>[];
}

/**
 * Rule 6.1 step 4 for one Service. Several that share an address go where most of them can be served: one node answers for the
 * address, also when their endpoints are on different nodes.
 */
export function candidatesOf(party: readonly Standing[]): Candidates {
  const [only, ...others] = party;
  if (only === undefined) return { scores: new Map(), favourites: [] };
  if (others.length === 0) return candidatesOfOne(only);
  const votes = new Map<NodeName, { count: number; score: number }>();
  for (const service of party) {
    for (const [node, score] of candidatesOfOne(service).scores) {
      const vote = votes.get(node) ?? { count: 0, score: 0 };
      votes.set(node, { count: vote.count + 1, score: vote.score + score });
    }
  }
  const most = Math.max(0, ...[...votes.values()].map(({ count }) => count));
  const elected = [...votes].filter(([, { count }]) => count === most);
  const scores = new Map(elected.map(([node, { score }]) => [node, score]));
  return { scores, favourites: favouritesOf(scores) };
}

/** Who answers now, where the advertisements leave it there and it still may. */
export function incumbentOf(
  party: readonly Standing[],
  { scores }: Candidates,
  incumbents: ReadonlyMap<ServiceKey, NodeName>,
): NodeName | undefined {
  if (!party.some(({ advertisements }) => advertisements.sticky)) return undefined;
  const known = party.map(({ key }) => incumbents.get(key)).filter((node) => node !== undefined);
  return known.find((node) => scores.has(node));
}

function candidatesOfOne({ advertisements, endpoints, local }: Standing): Candidates {
  if (!local) return advertisements;
  const scores = new Map<NodeName, number>();
  for (const node of endpoints.nodes.keys()) {
    const score = advertisements.scores.get(node);
    if (score !== undefined) scores.set(node, score);
  }
  return { scores, favourites: favouritesOf(scores) };
}
