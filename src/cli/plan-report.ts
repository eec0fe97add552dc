import { type Convergence, withState } from "../allocation/convergence.ts";
import { planAllocation } from "../allocation/plan.ts";
import { type NodePlan, planNodes } from "../announcement/plan.ts";
import { formatRefusal, type Refusal } from "../announcement/refusal.ts";
import type { AnnouncedRoute } from "../announcement/route-table.ts";
import { isInScope, type ServiceState } from "../announcement/service-survey.ts";
import { nodeName } from "../api/brands.ts";
import type { Config, InvalidObject, ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { NO_ENDPOINTS, summarizeByService } from "../api/endpoints.ts";
import { type Manifests, sortManifests } from "../api/manifests.ts";
import { parseConfig } from "../api/parse-config.ts";
import { compareTexts } from "../api/raw-object.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { formatCommunity, formatLargeCommunity } from "../net/community.ts";
import { withClusterIps } from "./plan-defaults.ts";
import { onlyNamespace } from "./plan-namespace.ts";

export interface PlanOptions {
  /** Where the metallb.io objects are; undefined takes them wherever they are. */
  readonly namespace: string | undefined;
  readonly loadBalancerClass: string | undefined;
  readonly ignoreExcludeLb: boolean;
  /** The nodes to show; empty shows all. */
  readonly nodes: readonly string[];
}

/** What the manifests come to. The fields of the rows, and their order, are the interface of `-o json`. */
export interface PlanReport {
  readonly services: readonly ServiceRow[];
  /** Worked out while they are read: all at once they can be millions of rows. */
  readonly nodes: Iterable<NodeRow>;
  readonly invalid: readonly InvalidRow[];
  /** For the reader, not part of the plan. */
  readonly notes: readonly string[];
  /** Why each Service that has no address has none, by `namespace/name`. */
  readonly messages: ReadonlyMap<string, string>;
}

export interface ServiceRow {
  readonly namespace: string;
  readonly name: string;
  readonly ips: readonly string[];
  readonly pool: string | null;
  readonly reason: string;
}

export interface NodeRow {
  readonly name: string;
  readonly bgp: readonly RouteRow[];
  readonly layer2: readonly Layer2Row[];
  readonly refusals: readonly RefusalRow[];
}

interface RouteRow {
  readonly peer: string;
  readonly prefix: string;
  readonly localPref: number | null;
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  readonly services: readonly string[];
  /** These three are there only when they are set. */
  readonly med?: number;
  readonly asPathPrepend?: number;
  /** Bytes per second. */
  readonly linkBandwidth?: number;
}

interface Layer2Row {
  readonly ip: string;
  readonly interfaces: readonly string[];
  readonly service: string;
}

export interface RefusalRow {
  readonly service: string;
  /** Null where the Service has no address. */
  readonly ip: string | null;
  readonly protocol: string;
  readonly reason: string;
  readonly message: string;
}

interface InvalidRow {
  readonly kind: string;
  readonly name: string;
  readonly message: string;
}

/**
 * Plans a cluster that is just these documents: what a controller and its speakers would do if they started now. Objects of
 * a later set take the place of the same ones of earlier sets.
 */
export function planDocuments(sets: readonly (readonly unknown[])[], options: PlanOptions): PlanReport {
  const { manifests: given, notes } = onlyNamespace(sortManifests(...sets), options.namespace);
  const manifests = { ...given, services: given.services.map(withClusterIps) };
  const { config, invalid } = parseConfig(manifests, { nodes: manifests.nodes });
  const scope = manifests.services.filter((service) => isInScope(service, options.loadBalancerClass));
  const converged = converge(manifests, config, options);
  return {
    services: scope.map((service) => serviceRow(service, converged.get(keyOfService(service)))).sort(compareServices),
    nodes: nodeRows(manifests, config, { options, services: settled(manifests, scope, converged) }),
    invalid: [...manifests.invalid, ...invalid]
      .sort(compareInvalid)
      .map(({ kind, name, message }) => ({ kind, name, message })),
    notes: [...replacedNotes(given), ...notes, ...defaultNotes(given, manifests), ...nodeNotes(manifests, options)],
    messages: new Map([...converged].map(([key, { message }]) => [key, message])),
  };
}

function replacedNotes({ replaced }: Manifests): readonly string[] {
  return replaced === 0 ? [] : [`${replaced} object(s) of an earlier -f are replaced by those of a later one`];
}

function defaultNotes(given: Manifests, used: Manifests): readonly string[] {
  const count = used.services.filter((service, i) => service !== given.services[i]).length;
  if (count === 0) return [];
  return [
    `${count} Service(s) without spec.clusterIPs are taken as the API server would make them, by spec.ipFamilies and spec.ipFamilyPolicy`,
  ];
}

function converge(manifests: Manifests, { pools }: Config, options: PlanOptions): ReadonlyMap<ServiceKey, Convergence> {
  const { services, namespaces } = manifests;
  const results = planAllocation({
    services,
    pools,
    namespaces: new Map(namespaces.map(({ metadata: { name, labels } }) => [name, labels ?? {}])),
    ...(options.loadBalancerClass === undefined ? {} : { loadBalancerClass: options.loadBalancerClass }),
  });
  return new Map(results.map((result) => [result.key, result]));
}

/** The Services as they are once the controller has written what it decided: that is what speakers see. */
function settled(
  manifests: Manifests,
  services: readonly Service[],
  converged: ReadonlyMap<ServiceKey, Convergence>,
): readonly ServiceState[] {
  const endpoints = summarizeByService(manifests.endpointSlices);
  return services.map((service) => {
    const key = keyOfService(service);
    const desired = converged.get(key)?.desired;
    return {
      service: desired === undefined ? service : withState(service, desired),
      endpoints: endpoints.get(key) ?? NO_ENDPOINTS,
    };
  });
}

function nodeRows(
  { nodes }: Manifests,
  config: Config,
  { options, services }: { options: PlanOptions; services: readonly ServiceState[] },
): Iterable<NodeRow> {
  const { ignoreExcludeLb, loadBalancerClass } = options;
  const only = options.nodes.length === 0 ? undefined : new Set(options.nodes.map(nodeName));
  const input = { config, nodes, services, only, members: undefined, ignoreExcludeLb, loadBalancerClass };
  return {
    *[Symbol.iterator]() {
      for (const plan of planNodes(input)) yield nodeRow(plan);
    },
  };
}

function serviceRow(service: Service, result: Convergence | undefined): ServiceRow {
  const { namespace = "default", name } = service.metadata;
  const ips = (result?.ips ?? []).map(String);
  return { namespace, name, ips, pool: result?.pool ?? null, reason: result?.outcome ?? "no-configuration" };
}

function nodeRow({ node, bgp, layer2, refusals }: NodePlan): NodeRow {
  return {
    name: node,
    bgp: bgp.map(routeRow),
    layer2: layer2.map(({ ip, interfaces, service }) => ({ ip: ip.toString(), interfaces, service })),
    refusals: refusals.map(refusalRow),
  };
}

function routeRow(route: AnnouncedRoute): RouteRow {
  const { peer, prefix, localPref, communities, largeCommunities, services } = route;
  const { med, asPathPrepend, linkBandwidth } = route;
  return {
    peer,
    prefix: prefix.toString(),
    localPref: localPref ?? null,
    communities: communities.map(formatCommunity),
    largeCommunities: largeCommunities.map(formatLargeCommunity),
    services,
    ...(med === undefined ? {} : { med }),
    ...(asPathPrepend === undefined ? {} : { asPathPrepend }),
    ...(linkBandwidth === undefined ? {} : { linkBandwidth }),
  };
}

function refusalRow(refusal: Refusal): RefusalRow {
  const { service, ip, protocol, cause } = refusal;
  return { service, ip: ip ?? null, protocol, reason: cause.reason, message: formatRefusal(refusal) };
}

function nodeNotes({ nodes }: Manifests, options: PlanOptions): readonly string[] {
  if (nodes.length === 0) return ["no Node objects are given: addresses are assigned, and nothing is announced"];
  const names = new Set(nodes.map(({ metadata }) => metadata.name));
  return options.nodes.filter((name) => !names.has(name)).map((name) => `--node ${name}: no Node has this name`);
}

function compareServices(a: ServiceRow, b: ServiceRow): number {
  return compareTexts(a.namespace, b.namespace) || compareTexts(a.name, b.name);
}

function compareInvalid(a: InvalidObject, b: InvalidObject): number {
  return (
    compareTexts(a.kind, b.kind) || compareTexts(a.namespace ?? "", b.namespace ?? "") || compareTexts(a.name, b.name)
  );
}
