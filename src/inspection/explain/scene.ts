import { type Convergence, withState } from "../../allocation/convergence.ts";
import { planAllocation } from "../../allocation/plan.ts";
import { type ClusterContext, prepareCluster } from "../../announcement/cluster-context.ts";
import { type Decision, decideSurvey, type NodeContext, nodeContext } from "../../announcement/decision.ts";
import { Elections } from "../../announcement/elections.ts";
import { isInScope } from "../../announcement/service-survey.ts";
import { nodeName } from "../../api/brands.ts";
import type { Config, NodeName } from "../../api/config.ts";
import type { Service } from "../../api/core.ts";
import { type EndpointSummary, NO_ENDPOINTS, summarizeByService } from "../../api/endpoints.ts";
import { keyOfService } from "../../api/service-addresses.ts";
import { serviceName } from "./allocation-remedy.ts";
import type { ExplainFacts, Question } from "./facts.ts";
import type { ObjectName } from "./finding.ts";

/** What controller and speakers would make of the objects, as far as one Service goes. */
export interface Scene {
  readonly facts: ExplainFacts;
  readonly question: Question;
  readonly config: Config;
  readonly service: Service;
  readonly name: ObjectName;
  readonly convergence: Convergence | undefined;
  readonly endpoints: EndpointSummary;
  readonly cluster: ClusterContext;
  /** Of the nodes that are asked about, in name order. */
  readonly places: readonly Place[];
}

/** One node, and what it is to do. */
export interface Place {
  readonly node: NodeName;
  readonly context: NodeContext;
  readonly decision: Decision;
}

/** Undefined where there is no such Service. */
export function setScene(facts: ExplainFacts, question: Question): Scene | undefined {
  const { services, nodes, endpointSlices } = facts.manifests;
  const { config } = facts.parsed;
  const service = services.find((one) => keyOfService(one) === question.service);
  if (service === undefined) return undefined;
  const converged = converge(facts, config);
  const endpoints = summarizeByService(endpointSlices);
  const scope = services.filter((one) => one === service || isInScope(one, facts.loadBalancerClass));
  const states = scope.map((one) => ({
    service: settled(one, converged.get(keyOfService(one))),
    endpoints: endpoints.get(keyOfService(one)) ?? NO_ENDPOINTS,
  }));
  const { ignoreExcludeLb, loadBalancerClass } = facts;
  const cluster = prepareCluster({ config, nodes, members: membersOf(facts), ignoreExcludeLb, loadBalancerClass });
  const elections = new Elections(cluster);
  elections.reconfigure(cluster, states);
  const survey = elections.survey(question.service);
  const names = [...cluster.nodes.keys()].filter((name) => question.node === undefined || name === question.node);
  const places = names.sort().flatMap((node) => {
    const context = nodeContext(cluster, node);
    return survey === undefined ? [] : [{ node, context, decision: decideSurvey(context, survey) }];
  });
  return {
    facts,
    question,
    config,
    service,
    name: serviceName(service),
    convergence: converged.get(question.service),
    endpoints: endpoints.get(question.service) ?? NO_ENDPOINTS,
    cluster,
    places,
  };
}

/** As the controller would have it now, from the addresses that are there. */
function converge({ manifests, loadBalancerClass }: ExplainFacts, { pools }: Config): ReadonlyMap<string, Convergence> {
  const namespaces = new Map(manifests.namespaces.map(({ metadata: { name, labels } }) => [name, labels ?? {}]));
  const scope = loadBalancerClass === undefined ? {} : { loadBalancerClass };
  const results = planAllocation({ services: manifests.services, pools, namespaces, ...scope });
  return new Map(results.map((result) => [result.key, result]));
}

function settled(service: Service, convergence: Convergence | undefined): Service {
  return convergence === undefined ? service : withState(service, convergence.desired);
}

/** Whom the speakers take for alive; every node where none of them says. */
function membersOf({ observed }: ExplainFacts): ReadonlySet<NodeName> | undefined {
  const views = (observed?.members ?? []).filter(({ source }) => source !== "none");
  if (views.length === 0) return undefined;
  const alive = views.flatMap(({ node, items }) => [
    node,
    ...items.filter(({ state }) => state === "alive" || state === "suspect").map(({ member }) => member),
  ]);
  return new Set(alive.map(nodeName));
}
