import type { Command } from "commander";
import { prepareCluster } from "../announcement/cluster-context.ts";
import { nodeContext } from "../announcement/decision.ts";
import type { RefusalCause } from "../announcement/refusal.ts";
import { NODES } from "../kubernetes/resource.ts";
import { addClusterFlags, type ClusterFacts } from "./cluster-facts.ts";
import { addWatchFlag, type ListFlags, showCluster } from "./cluster-list.ts";
import { compareBy } from "./inspect.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import type { Column } from "./table.ts";

/** One node. The fields are the interface of `-o json`. */
interface NodeItem {
  readonly name: string;
  /** Why it announces nothing, if so. */
  readonly keptOut?: string | undefined;
  readonly peers: readonly string[];
  /** BGPSessionStates of the node that are established. */
  readonly established: number;
  readonly sessions: number;
  /** Services that it means to announce. */
  readonly bgpServices: number;
  readonly layer2Services: number;
}

const EXAMPLES = `
Examples:
  herald nodes              every node: its sessions, what it announces, and what keeps it from that
  herald nodes -l rack=1    those with a label
  herald nodes -o wide      with the names of the peers
  herald nodes -w           and go on with what changes

It reads what the API has: SESSIONS are BGPSessionStates, which speakers keep; herald sessions asks the speakers themselves.
`;

/** Adds `herald nodes`. */
export function registerNodes(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("nodes")
    .summary("show what each node announces, and what keeps it from that")
    .description("Shows the nodes with their sessions and the Services that they announce, problems first.")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: ListFlags) => done(await runNodes(flags, ports)));
  addClusterFlags(addWatchFlag(command), "nodes");
}

const COLUMNS: readonly Column<NodeItem>[] = [
  { title: "NAME", read: ({ name }) => name },
  {
    title: "ANNOUNCES",
    read: ({ keptOut }) => keptOut ?? "yes",
    tone: ({ keptOut }) => (keptOut === undefined ? "good" : "doubtful"),
  },
  {
    title: "SESSIONS",
    read: ({ established, sessions }) => `${established}/${sessions}`,
    tone: ({ established, sessions }) => (established < sessions ? "bad" : undefined),
  },
  { title: "BGP SERVICES", read: ({ bgpServices }) => bgpServices },
  { title: "LAYER 2 SERVICES", read: ({ layer2Services }) => layer2Services },
  { title: "PEERS", read: ({ peers }) => peers.join(","), wide: true },
];

async function runNodes(flags: ListFlags, ports: CliPorts): Promise<ExitCode> {
  return await showCluster(flags, ports, {
    resource: NODES,
    columns: COLUMNS,
    itemsOf,
    keyOf: ({ name }) => name,
    nameOf: ({ name }) => `node/${name}`,
  });
}

function itemsOf(facts: ClusterFacts): readonly NodeItem[] {
  const { manifests, parsed, ignoreExcludeLb, loadBalancerClass, sessions, bgp, layer2 } = facts;
  const { nodes } = manifests;
  const { config } = parsed;
  const cluster = prepareCluster({ config, nodes, members: undefined, ignoreExcludeLb, loadBalancerClass });
  const own = groupBy(sessions);
  const [routed, answered] = [groupBy(bgp), groupBy(layer2)];
  const items = [...cluster.nodes.values()].map(({ name, ineligible, drained }): NodeItem => {
    const all = own.get(name) ?? [];
    return {
      name,
      keptOut: keptOut(ineligible ?? drained),
      peers: nodeContext(cluster, name).peers.map((peer) => peer.name),
      established: all.filter(({ state }) => state === "Established").length,
      sessions: all.length,
      bgpServices: routed.get(name)?.length ?? 0,
      layer2Services: answered.get(name)?.length ?? 0,
    };
  });
  return items.toSorted(
    compareBy(
      ({ established, sessions: all }) => Number(established === all),
      ({ keptOut: why }) => Number(why === undefined),
      ({ name }) => name,
    ),
  );
}

/** Of a thousand nodes each would look through all of them. */
function groupBy<T extends { readonly node: string }>(all: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(one.node);
    if (group === undefined) groups.set(one.node, [one]);
    else group.push(one);
  }
  return groups;
}

function keptOut(cause: RefusalCause | undefined): string | undefined {
  if (cause?.reason === "node-drained") return cause.why === "" ? "drained" : `drained: ${cause.why}`;
  return cause?.reason;
}
