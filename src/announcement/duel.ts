import type { NodeName } from "../api/config.ts";
import { preferenceOf } from "./cluster-context.ts";
import type { NodeContext } from "./decision.ts";
import type { Survey, Surveyed } from "./service-survey.ts";

/**
 * Whether this node keeps a Service that another speaker announces as well. It yields where its own election went to
 * somebody else. Otherwise the two come to the same answer whoever they take for alive, and however even the spread is: preference,
 * then the digest. The one that yields has to look again later: its view may have been the newer one.
 */
export function settleDuel(cx: NodeContext, survey: Survey | undefined, rival: NodeName): "keep" | "yield" {
  if (survey?.type !== "surveyed" || survey.winner !== cx.name) return "yield";
  const [own, other] = [fitness(cx, survey, cx.name), fitness(cx, survey, rival)];
  if (own !== other) return own > other ? "keep" : "yield";
  return cx.cluster.digests.compare(cx.name, rival, survey.electionAddress) <= 0 ? "keep" : "yield";
}

/** What both can tell without knowing who is alive; below zero for a node that may not answer at all. */
function fitness({ cluster }: NodeContext, survey: Surveyed, name: NodeName): number {
  const node = cluster.nodes.get(name);
  if (node === undefined || node.ineligible !== undefined || node.drained !== undefined) return -1;
  if (survey.local && !survey.endpoints.nodes.has(name)) return -1;
  return preferenceOf(survey.advertisements.layer2, node) ?? -1;
}
