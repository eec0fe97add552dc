import { type Convergence, withState } from "../allocation/convergence.ts";
import { planAllocation } from "../allocation/plan.ts";
import { planNodes } from "../announcement/plan.ts";
import { isInScope } from "../announcement/service-survey.ts";
import { nodeName } from "../api/brands.ts";
import type { Config, NodeName, ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { NO_ENDPOINTS, summarizeByService } from "../api/endpoints.ts";
import type { Manifests } from "../api/manifests.ts";
import type { RawObject } from "../api/object.ts";
import { ingressTexts, keyOfService } from "../api/service-addresses.ts";
import { parseServiceBgpStatus } from "../api/service-bgp-status.ts";
import { parseServiceL2Status } from "../api/service-l2-status.ts";
import { parseIpAddress } from "../net/ip-address.ts";

/** The addresses of one Service now and under Herald. */
export interface AddressRow {
  readonly service: ServiceKey;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly pool: string | undefined;
  /** `none`: it has none and gets none. */
  readonly result: "stays" | "moves" | "lost" | "new" | "none";
  /** Why, where it does not simply stay. */
  readonly reason: string;
}

/** Who announces one Service by one protocol, now and under Herald: `node` for layer 2, `node peer` for BGP. */
export interface AnnouncerRow {
  readonly service: ServiceKey;
  readonly protocol: "bgp" | "layer2";
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** `unknown`: this MetalLB writes no status of that kind, so nobody can say who announces now. */
  readonly result: "stays" | "moves" | "unknown";
}

/** How Herald would be started. */
export interface AdoptOptions {
  /** Empty serves Services without a class. */
  readonly loadBalancerClass: string;
  readonly ignoreExcludeLb: boolean;
  /** Labels of the nodes on which speakers run: Herald's are to have MetalLB's selector. */
  readonly nodeSelector: Readonly<Record<string, string>>;
}

/** What MetalLB's speakers say about themselves. */
export interface SpokenStatuses {
  readonly layer2: readonly RawObject[];
  readonly bgp: readonly RawObject[];
}

/** The same two plans that controller and speakers would make, beside what there is now. */
export interface Comparison {
  readonly addresses: readonly AddressRow[];
  readonly announcers: readonly AnnouncerRow[];
}

export function compare(
  manifests: Manifests,
  config: Config,
  statuses: SpokenStatuses,
  options: AdoptOptions,
): Comparison {
  const lbClass = options.loadBalancerClass === "" ? undefined : options.loadBalancerClass;
  const scope = manifests.services.filter((service) => isInScope(service, lbClass));
  const converged = allocate(manifests, config, lbClass);
  const settled = scope.map((service) => withDesired(service, converged.get(keyOfService(service))));
  const planned = announcersThen({ manifests, config, settled, options });
  const now = announcersNow(statuses);
  return {
    addresses: scope.map((service) => addressRow(service, converged.get(keyOfService(service)))).sort(byService),
    announcers: scope.flatMap((service) => announcerRows(keyOfService(service), now, planned)).sort(byService),
  };
}

function allocate(
  { services, namespaces }: Manifests,
  { pools }: Config,
  loadBalancerClass: string | undefined,
): ReadonlyMap<ServiceKey, Convergence> {
  const labels = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
  const input = { services, pools, namespaces: labels };
  const results = planAllocation(loadBalancerClass === undefined ? input : { ...input, loadBalancerClass });
  return new Map(results.map((result) => [result.key, result]));
}

function withDesired(service: Service, result: Convergence | undefined): Service {
  return result === undefined ? service : withState(service, result.desired);
}

function addressRow(service: Service, result: Convergence | undefined): AddressRow {
  const before = ingressTexts(service).map(canonical);
  const after = (result?.ips ?? []).map(String);
  const kept = before.every((ip) => after.includes(ip));
  return {
    service: keyOfService(service),
    before,
    after,
    pool: result?.pool,
    result: resultOf(before, after, kept),
    reason: kept && before.length > 0 ? "" : reasonOf(result),
  };
}

function resultOf(before: readonly string[], after: readonly string[], kept: boolean): AddressRow["result"] {
  if (before.length === 0) return after.length === 0 ? "none" : "new";
  if (after.length === 0) return "lost";
  return kept ? "stays" : "moves";
}

/** What the allocator says of it; an event tells why the address of before was left. */
function reasonOf(result: Convergence | undefined): string {
  if (result === undefined) return "";
  const left = result.events.find(({ reason }) => reason === "ClearAssignment")?.message;
  return left ?? (result.message === "" ? result.outcome : `${result.outcome}: ${result.message}`);
}

function canonical(text: string): string {
  return parseIpAddress(text)?.toString() ?? text;
}

type Announcers = ReadonlyMap<string, ReadonlySet<string>>;

function announcersNow({ layer2, bgp }: SpokenStatuses): {
  readonly layer2: Announcers | undefined;
  readonly bgp: Announcers | undefined;
} {
  const owners = layer2.flatMap((object) => parseServiceL2Status(object) ?? []);
  const routes = bgp.flatMap((object) => parseServiceBgpStatus(object) ?? []);
  return {
    layer2: layer2.length === 0 ? undefined : grouped(owners.map(({ service, node }) => [service, node])),
    bgp:
      bgp.length === 0
        ? undefined
        : grouped(
            routes.flatMap(({ service, node, peers }) => peers.map((peer) => [service, `${node} ${peer}`] as const)),
          ),
  };
}

interface Planned {
  readonly layer2: Announcers;
  readonly bgp: Announcers;
}

function announcersThen(input: {
  readonly manifests: Manifests;
  readonly config: Config;
  readonly settled: readonly Service[];
  readonly options: AdoptOptions;
}): Planned {
  const { manifests, config, settled, options } = input;
  const endpoints = summarizeByService(manifests.endpointSlices);
  const services = settled.map((service) => ({
    service,
    endpoints: endpoints.get(keyOfService(service)) ?? NO_ENDPOINTS,
  }));
  const { ignoreExcludeLb, loadBalancerClass } = options;
  const members = speakersOn(manifests, options);
  const common = { config, nodes: manifests.nodes, services, members, only: members, ignoreExcludeLb };
  const plans = planNodes({ ...common, loadBalancerClass: loadBalancerClass === "" ? undefined : loadBalancerClass });
  const layer2: (readonly [string, string])[] = [];
  const bgp: (readonly [string, string])[] = [];
  for (const plan of plans) {
    for (const { service } of plan.layer2) layer2.push([service, plan.node]);
    for (const { services: of, peer } of plan.bgp)
      for (const service of of) bgp.push([service, `${plan.node} ${peer}`]);
  }
  return { layer2: grouped(layer2), bgp: grouped(bgp) };
}

/** Undefined where they run on every node. */
function speakersOn({ nodes }: Manifests, { nodeSelector }: AdoptOptions): ReadonlySet<NodeName> | undefined {
  const selector = Object.entries(nodeSelector);
  if (selector.length === 0) return undefined;
  const fits = nodes.filter(({ metadata: { labels = {} } }) => selector.every(([key, value]) => labels[key] === value));
  return new Set(fits.map(({ metadata }) => nodeName(metadata.name)));
}

function announcerRows(
  service: ServiceKey,
  now: ReturnType<typeof announcersNow>,
  planned: Planned,
): readonly AnnouncerRow[] {
  return (["bgp", "layer2"] as const).flatMap((protocol) => {
    const before = sorted(now[protocol]?.get(service));
    const after = sorted(planned[protocol].get(service));
    if (before.length + after.length === 0) return [];
    const same = before.join() === after.join();
    const result = now[protocol] === undefined ? "unknown" : same ? "stays" : "moves";
    return [{ service, protocol, before, after, result }];
  });
}

function grouped(pairs: readonly (readonly [string, string])[]): Announcers {
  const groups = new Map<string, Set<string>>();
  for (const [key, value] of pairs) {
    const group = groups.get(key) ?? new Set();
    group.add(value);
    groups.set(key, group);
  }
  return groups;
}

function sorted(values: ReadonlySet<string> | undefined): readonly string[] {
  return [...(values ?? [])].sort();
}

function byService(a: { readonly service: string }, b: { readonly service: string }): number {
  return a.service < b.service ? -1 : a.service > b.service ? 1 : 0;
}
