import { type Command, Option } from "commander";
import type { RouteInItem, RouteOutItem } from "../inspection/route-view.ts";
import type { ListView } from "../inspection/view.ts";
import { prefixes, serviceNames } from "./filters.ts";
import { addInspectFlags, compareBy, type InspectFlags, type Row, showList, withQuery } from "./inspect.ts";
import { repeatable } from "./output.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import type { Column } from "./table.ts";

interface RouteFlags extends InspectFlags {
  readonly in: boolean;
  readonly peer: readonly string[];
  readonly prefix: readonly string[];
  readonly service: readonly string[];
}

const EXAMPLES = `
Examples:
  herald routes                              what every node tells its routers, and what they do not have, first
  herald routes --service default/web        the routes of one Service
  herald routes --prefix 198.51.100.12       who has the route of an address
  herald routes --in --peer tor1             what a router tells us, which is only kept to be looked at
  herald routes -o wide --node worker1       with every attribute
  herald watch --service default/web         follow what is announced and withdrawn, and why
`;

/** Adds `herald routes`. */
export function registerRoutes(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const several = (flags: string, what: string, parse: typeof repeatable = repeatable): Option =>
    new Option(flags, `only this ${what}; may be given again`).argParser(parse).default([], "all");
  const command = program
    .command("routes")
    .summary("show the routes that peers have from the nodes, or tell them")
    .description("Shows every route with its attributes, and which Service and advertisement made it.")
    .option("--out", "what the nodes tell their peers (this is the default)", false)
    .addOption(new Option("--in", "what the peers tell the nodes").default(false).conflicts("out"))
    .addOption(several("--peer <name>", "BGPPeer"))
    .addOption(several("--prefix <prefix>", "prefix, or that of this address", prefixes))
    .addOption(several("--service <namespace/name>", "Service", serviceNames).conflicts("in"))
    .addHelpText("after", EXAMPLES)
    .action(async (flags: RouteFlags) => done(await runRoutes(flags, ports)));
  addInspectFlags(command);
}

const OUT_COLUMNS: readonly Column<Row<RouteOutItem>>[] = [
  { title: "NODE", read: ({ item }) => item.node },
  { title: "PEER", read: ({ item }) => item.peer },
  { title: "PREFIX", read: ({ item }) => item.prefix },
  { title: "STATE", read: ({ item }) => item.state, tone: ({ item }) => (item.state === "sent" ? "good" : "bad") },
  { title: "NEXT HOP", read: ({ item }) => item.nextHop },
  { title: "LOCALPREF", read: ({ item }) => item.localPref },
  { title: "COMMUNITIES", read: ({ item }) => [...item.communities, ...item.largeCommunities].join(",") },
  { title: "MED", read: ({ item }) => item.med, wide: true },
  { title: "PREPEND", read: ({ item }) => item.asPathPrepend, wide: true },
  { title: "BANDWIDTH", read: ({ item }) => item.linkBandwidth, wide: true },
  { title: "ATTRIBUTES", read: ({ item }) => attributesText(item.attributes), wide: true },
  { title: "SERVICES", read: ({ item }) => item.services.join(",") },
  { title: "ADVERTISEMENTS", read: ({ item }) => item.advertisements.join(",") },
];

const IN_COLUMNS: readonly Column<Row<RouteInItem>>[] = [
  { title: "NODE", read: ({ item }) => item.node },
  { title: "PEER", read: ({ item }) => item.peer },
  { title: "PREFIX", read: ({ item }) => item.prefix },
  { title: "NEXT HOP", read: ({ item }) => item.nextHop },
  { title: "AS PATH", read: ({ item }) => item.attributes["asPath"] },
  { title: "COMMUNITIES", read: ({ item }) => item.attributes["communities"] },
  { title: "PATH ID", read: ({ item }) => item.pathId, wide: true },
  { title: "ATTRIBUTES", read: ({ item }) => attributesText(item.attributes), wide: true },
];

const compareOut = compareBy<RouteOutItem>(
  ({ state }) => Number(state === "sent"),
  ({ prefix }) => prefix,
  ({ node }) => node,
  ({ peer }) => peer,
);
const compareIn = compareBy<RouteInItem>(
  ({ prefix }) => prefix,
  ({ node }) => node,
  ({ peer }) => peer,
);

async function runRoutes(flags: RouteFlags, ports: CliPorts): Promise<ExitCode> {
  const { peer, prefix, service } = flags;
  if (flags.in) {
    const path = withQuery("/v1/routes/in", { peer, prefix });
    return await showList<RouteInItem, ListView<RouteInItem>>(flags, ports, {
      path,
      columns: IN_COLUMNS,
      compare: compareIn,
    });
  }
  return await showList<RouteOutItem, ListView<RouteOutItem>>(flags, ports, {
    path: withQuery("/v1/routes/out", { peer, prefix, service }),
    columns: OUT_COLUMNS,
    compare: compareOut,
  });
}

function attributesText(attributes: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(attributes ?? {})
    .map(([name, words]) => `${name} ${words}`)
    .join(", ");
}
