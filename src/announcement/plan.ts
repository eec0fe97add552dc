import type { NodeName } from "../api/config.ts";
import { compareTexts } from "../api/raw-object.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { compareAddresses } from "../net/ip-address.ts";
import { tooManyCommunities } from "./bgp-decision.ts";
import { type ClusterContext, type ClusterInput, prepareCluster } from "./cluster-context.ts";
import { type Decision, decideSurvey, nodeContext } from "./decision.ts";
import { Elections } from "./elections.ts";
import type { Layer2Announcement } from "./layer2-decision.ts";
import type { Refusal } from "./refusal.ts";
import type { PrefixAnnouncement } from "./route.ts";
import { type AnnouncedRoute, combineRoutes, type RouteProblem } from "./route-table.ts";
import type { ServiceState, Survey } from "./service-survey.ts";

export interface PlanInput extends ClusterInput {
  readonly services: readonly ServiceState[];
  /** The nodes to plan; undefined plans every known one. Elections always look at all. */
  readonly only?: ReadonlySet<NodeName> | undefined;
}

/** All that one node announces, and all that it does not. */
export interface NodePlan {
  readonly node: NodeName;
  readonly bgp: readonly AnnouncedRoute[];
  readonly layer2: readonly Layer2Announcement[];
  readonly refusals: readonly Refusal[];
}

/**
 * Plans nodes in name order, one at a time: a plan of 10,000 Services on 100 nodes names two million refusals, which
 * nobody has to hold at once. What nodes share is worked out once.
 */
export function* planNodes(input: PlanInput): Generator<NodePlan> {
  const cluster = prepareCluster(input);
  const elections = new Elections(cluster);
  elections.reconfigure(cluster, input.services);
  const surveys = input.services
    .map(({ service }) => elections.survey(keyOfService(service)))
    .filter((survey) => survey !== undefined)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const names = [...cluster.nodes.keys()].filter((name) => input.only?.has(name) !== false).sort();
  for (const name of names) yield planOneNode(cluster, name, surveys);
}

/** Plans one node. */
export function planNode(input: PlanInput, node: NodeName): NodePlan {
  const [plan] = planNodes({ ...input, only: new Set([node]) });
  return plan ?? { node, bgp: [], layer2: [], refusals: [] };
}

function planOneNode(cluster: ClusterContext, node: NodeName, surveys: readonly Survey[]): NodePlan {
  const cx = nodeContext(cluster, node);
  const decisions = surveys.map((survey) => decideSurvey(cx, survey));
  const { routes, problems } = combineRoutes(decisions);
  const layer2 = decisions.flatMap((decision) => decision.layer2);
  const refusals = decisions.flatMap((decision) => decision.refusals);
  return {
    node,
    bgp: routes,
    layer2: layer2.sort((a, b) => compareAddresses(a.ip, b.ip) || compareTexts(a.service, b.service)),
    refusals: problems.length === 0 ? refusals : [...refusals, ...heldBack(decisions, problems)].sort(compareRefusals),
  };
}

/** The addresses whose every route is held back: they count as refused, not as announced. */
function heldBack(decisions: readonly Decision[], problems: readonly RouteProblem[]): readonly Refusal[] {
  const held = new Map(problems.flatMap((problem) => problem.announcements.map((one) => [one, problem.attributes])));
  const announcements = decisions.flatMap((decision) => decision.bgp);
  const carried = new Set(announcements.filter((one) => !held.has(one)).map(subjectOf));
  const refused = new Map<string, Refusal>();
  for (const [announcement, attributes] of held) {
    const subject = subjectOf(announcement);
    if (carried.has(subject)) continue;
    const { service, ip } = announcement;
    refused.set(subject, { service, ip: ip.toString(), protocol: "bgp", cause: tooManyCommunities(attributes) });
  }
  return [...refused.values()];
}

function subjectOf({ service, ip }: PrefixAnnouncement): string {
  return `${service} ${ip}`;
}

function compareRefusals(a: Refusal, b: Refusal): number {
  return (
    compareTexts(a.service, b.service) ||
    compareTexts(String(a.ip), String(b.ip)) ||
    compareTexts(a.protocol, b.protocol)
  );
}
