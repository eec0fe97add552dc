import { type Command, Option } from "commander";
import { planAllocation } from "../allocation/plan.ts";
import { isUnmet } from "../allocation/reason.ts";
import { isInScope } from "../announcement/service-survey.ts";
import { addressConflicts, formatAddressConflicts } from "../api/address-conflict.ts";
import type { Service } from "../api/core.ts";
import { NO_ENDPOINTS, summarizeByService } from "../api/endpoints.ts";
import { ingressTexts, keyOfService } from "../api/service-addresses.ts";
import { SERVICES } from "../kubernetes/resource.ts";
import { addClusterFlags, type ClusterFacts } from "./cluster-facts.ts";
import { addWatchFlag, type ListFlags, showCluster } from "./cluster-list.ts";
import { compareBy } from "./inspect.ts";
import { isWanted, repeatable } from "./output.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import type { Column } from "./table.ts";

interface ServiceFlags extends ListFlags {
  readonly in: readonly string[];
}

/** One Service of ours. The fields are the interface of `-o json`. */
interface ServiceItem {
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly pool?: string | undefined;
  /** Nodes that mean to announce it to routers, and the routers. */
  readonly bgp: readonly { readonly node: string; readonly peers: readonly string[] }[];
  /** The node that answers on the LAN. */
  readonly layer2: readonly { readonly node: string; readonly interfaces: readonly string[] }[];
  readonly endpoints: number;
  readonly problem?: string | undefined;
}

const EXAMPLES = `
Examples:
  herald services                  every Service of ours, those with a problem first
  herald services --in shop -o wide those of one namespace, with nodes and routers
  herald services -l app=web       those with a label
  herald services -w               and go on with what changes
  herald services -o name          NAMESPACE/NAME, as herald explain service takes it

--namespace is Herald's own, where pools and advertisements are; --in is the Services'.
It reads what the API has: Services, endpoints and what speakers wrote to ServiceBGPStatus and ServiceL2Status, which is what they
mean to announce. herald explain service NAMESPACE/NAME says why, and asks the speakers.
`;

/** Adds `herald services`. */
export function registerServices(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("services")
    .alias("svc")
    .summary("show the Services with their addresses and who announces them, problems first")
    .description("Shows which address each Service has, from which pool, and which nodes announce it to whom.")
    .addOption(
      new Option("--in <namespace>", "only Services of this namespace; may be given again")
        .argParser(repeatable)
        .default([], "all"),
    )
    .option("-A, --all-namespaces", "Services of all namespaces (this is the default)")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: ServiceFlags) => done(await runServices(flags, ports)));
  addClusterFlags(addWatchFlag(command), "Services");
}

const COLUMNS: readonly Column<ServiceItem>[] = [
  { title: "NAMESPACE", read: ({ namespace }) => namespace },
  { title: "NAME", read: ({ name }) => name },
  { title: "ADDRESSES", read: ({ addresses }) => addresses.join(",") || "<pending>" },
  { title: "POOL", read: ({ pool }) => pool },
  { title: "BGP", read: ({ bgp }) => peersOf(bgp) },
  { title: "LAYER 2", read: ({ layer2 }) => layer2.map(({ node }) => node).join(",") },
  { title: "ENDPOINTS", read: ({ endpoints }) => endpoints },
  { title: "NODES TO ROUTERS", read: ({ bgp }) => wideBgp(bgp), wide: true },
  { title: "INTERFACES", read: ({ layer2 }) => layer2.flatMap(({ interfaces }) => interfaces).join(","), wide: true },
  {
    title: "PROBLEM",
    read: ({ problem }) => problem,
    tone: ({ problem }) => (problem === undefined ? "quiet" : "bad"),
  },
];

const SHOWN = 3;

/** The routers, of many the first, and from how many nodes; all of them are in `-o wide` and `-o json`. */
function peersOf(bgp: ServiceItem["bgp"]): string {
  const peers = [...new Set(bgp.flatMap((one) => one.peers))].sort();
  if (peers.length === 0) return "";
  const more = peers.length > SHOWN ? ` + ${peers.length - SHOWN} more...` : "";
  return `${peers.slice(0, SHOWN).join(",")}${more} (${bgp.length} node${bgp.length === 1 ? "" : "s"})`;
}

/** Each node with its routers. */
function wideBgp(bgp: ServiceItem["bgp"]): string {
  return bgp.map(({ node, peers }) => `${node}>${peers.join("+")}`).join(",");
}

async function runServices(flags: ServiceFlags, ports: CliPorts): Promise<ExitCode> {
  let told = false;
  return await showCluster(flags, ports, {
    resource: SERVICES,
    columns: COLUMNS,
    itemsOf: (facts) => {
      if (!told && isUnconfigured(facts)) {
        const where = `namespace ${flags.namespace} has no metallb.io objects`;
        ports.stderr(`note: ${where}: -n names Herald's own namespace, --in that of Services\n`);
      }
      told = true;
      return itemsOf(facts, flags.in);
    },
    keyOf: nameOf,
    nameOf,
  });
}

/** Most likely somebody who took `-n` for the namespace of the Services, as it is with kubectl. */
function isUnconfigured({ manifests: { pools, peers, bgpAdvertisements, l2Advertisements } }: ClusterFacts): boolean {
  return pools.length + peers.length + bgpAdvertisements.length + l2Advertisements.length === 0;
}

function nameOf({ namespace, name }: ServiceItem): string {
  return `${namespace}/${name}`;
}

const problemsFirst = compareBy<ServiceItem>(
  ({ problem }) => Number(problem === undefined),
  ({ namespace }) => namespace,
  ({ name }) => name,
);

function itemsOf(facts: ClusterFacts, namespaces: readonly string[]): readonly ServiceItem[] {
  const { manifests, parsed, loadBalancerClass } = facts;
  const labels = new Map(manifests.namespaces.map((one) => [one.metadata.name, one.metadata.labels ?? {}]));
  const scope = loadBalancerClass === undefined ? {} : { loadBalancerClass };
  const { services } = manifests;
  const results = planAllocation({ services, pools: parsed.config.pools, namespaces: labels, ...scope });
  const converged = new Map(results.map((result) => [result.key, result]));
  const endpoints = summarizeByService(manifests.endpointSlices);
  const [bgp, layer2] = [grouped(facts.bgp), grouped(facts.layer2)];
  return services
    .filter((one) => isInScope(one, loadBalancerClass) && isWanted(namespaces, one.metadata.namespace ?? "default"))
    .map((service): ServiceItem => {
      const key = keyOfService(service);
      const { namespace = "default", name } = service.metadata;
      const { any, nodes } = endpoints.get(key) ?? NO_ENDPOINTS;
      const result = converged.get(key);
      const item = {
        namespace,
        name,
        addresses: ingressTexts(service),
        pool: result?.pool,
        bgp: (bgp.get(key) ?? []).map(({ node, peers }) => ({ node, peers })),
        layer2: (layer2.get(key) ?? []).map(({ node, interfaces }) => ({ node, interfaces })),
        endpoints: [...nodes.values()].reduce((sum, count) => sum + count, 0),
      };
      const unmet = result !== undefined && isUnmet(result.outcome) ? result.message || result.outcome : undefined;
      return { ...item, problem: unmet ?? problemOf(service, item, any) };
    })
    .toSorted(problemsFirst);
}

function problemOf(
  service: Service,
  { addresses, bgp, layer2 }: Pick<ServiceItem, "addresses" | "bgp" | "layer2">,
  served: boolean,
): string | undefined {
  const conflicts = addressConflicts(service);
  if (conflicts.length > 0) return formatAddressConflicts(conflicts);
  if (addresses.length === 0) return "the controller has not written an address";
  if (!served) return "no usable endpoint";
  return bgp.length + layer2.length === 0 ? "no node announces it: see herald explain" : undefined;
}

function grouped<Status extends { readonly service: string; readonly node: string }>(
  all: readonly Status[],
): ReadonlyMap<string, readonly Status[]> {
  const groups = new Map<string, Status[]>();
  for (const status of all.toSorted(compareBy(({ node }) => node))) {
    const group = groups.get(status.service);
    if (group === undefined) groups.set(status.service, [status]);
    else group.push(status);
  }
  return groups;
}
