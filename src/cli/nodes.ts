import type { Command } from "commander";
import { prepareCluster } from "../announcement/cluster-context.ts";
import { nodeContext } from "../announcement/decision.ts";
import type { RefusalCause } from "../announcement/refusal.ts";
import { NODES } from "../kubernetes/resource.ts";
import { addClusterFlags, type ClusterFacts, type ClusterFlags, withCluster } from "./cluster-facts.ts";
import { compareBy } from "./inspect.ts";
import { isForPeople, print } from "./output.ts";
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

It reads what the API has: SESSIONS are BGPSessionStates, which speakers keep; herald sessions asks the speakers themselves.
`;

/** Adds `herald nodes`. */
export function registerNodes(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("nodes")
    .summary("show what each node announces, and what keeps it from that")
    .description("Shows the nodes with their sessions and the Services that they announce, problems first.")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: ClusterFlags) => done(await runNodes(flags, ports)));
  addClusterFlags(command, "nodes");
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

async function runNodes(flags: ClusterFlags, ports: CliPorts): Promise<ExitCode> {
  const rows = await withCluster(flags, ports, async (facts, client) => {
    const all = itemsOf(facts);
    if (flags.selector === undefined) return all;
    const found = await client.list<{ readonly metadata: { readonly name: string } }>(NODES, {
      labelSelector: flags.selector,
    });
    const names = new Set(found.items.map(({ metadata }) => metadata.name));
    return all.filter(({ name }) => names.has(name));
  });
  if (rows.length === 0 && isForPeople(flags)) ports.stderr("There is nothing to show.\n");
  print(ports, flags, { columns: COLUMNS, rows, document: { items: rows } });
  return 0;
}

function itemsOf(facts: ClusterFacts): readonly NodeItem[] {
  const { manifests, parsed, ignoreExcludeLb, loadBalancerClass, sessions, bgp, layer2 } = facts;
  const { nodes } = manifests;
  const { config } = parsed;
  const cluster = prepareCluster({ config, nodes, members: undefined, ignoreExcludeLb, loadBalancerClass });
  const items = [...cluster.nodes.values()].map(({ name, ineligible, drained }): NodeItem => {
    const own = sessions.filter(({ node }) => node === name);
    return {
      name,
      keptOut: keptOut(ineligible ?? drained),
      peers: nodeContext(cluster, name).peers.map((peer) => peer.name),
      established: own.filter(({ state }) => state === "Established").length,
      sessions: own.length,
      bgpServices: bgp.filter(({ node }) => node === name).length,
      layer2Services: layer2.filter(({ node }) => node === name).length,
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

function keptOut(cause: RefusalCause | undefined): string | undefined {
  if (cause?.reason === "node-drained") return cause.why === "" ? "drained" : `drained: ${cause.why}`;
  return cause?.reason;
}
