import { type Command, Option } from "commander";
import type { Layer2Item, Layer2View } from "../inspection/state-view.ts";
import { serviceNames } from "./filters.ts";
import { addInspectFlags, compareBy, type InspectFlags, type Row, showList } from "./inspect.ts";
import { isWanted } from "./output.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { type Column, formatAge, type Tone } from "./table.ts";

interface Layer2Flags extends InspectFlags {
  readonly service: readonly string[];
}

const EXAMPLES = `
Examples:
  herald layer2                          which node answers for which address, since when, and with which hardware address
  herald layer2 --service default/web
  herald layer2 -o wide                  with how much was asked and answered
  herald watch --service default/web     follow who answers, and why that changes
`;

/** Adds `herald layer2`. */
export function registerLayer2(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("layer2")
    .summary("show which node answers for which address on the LAN")
    .description("Shows every address that a node answers ARP or neighbour discovery for, quarantined ones first.")
    .addOption(
      new Option("--service <namespace/name>", "only this Service; may be given again")
        .argParser(serviceNames)
        .default([], "all"),
    )
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Layer2Flags) => done(await runLayer2(flags, ports)));
  addInspectFlags(command);
}

const TONES: Record<Layer2Item["state"], Tone> = {
  holding: "good",
  announcing: "good",
  probing: "doubtful",
  releasing: "doubtful",
  yielded: "doubtful",
  quarantined: "bad",
};

const COLUMNS: readonly Column<Row<Layer2Item>>[] = [
  { title: "ADDRESS", read: ({ item }) => item.address },
  { title: "NODE", read: ({ item }) => item.node },
  { title: "STATE", read: ({ item }) => item.state, tone: ({ item }) => TONES[item.state] },
  { title: "SINCE", read: ({ item, at }) => formatAge(item.since, at) },
  { title: "INTERFACES", read: ({ item }) => item.interfaces.map(({ name }) => name).join(",") },
  { title: "MAC", read: ({ item }) => [...new Set(item.interfaces.map(({ mac }) => mac))].join(",") },
  { title: "REQUESTS", read: ({ item }) => item.requests, wide: true },
  { title: "ANSWERS", read: ({ item }) => item.answers, wide: true },
  { title: "GRATUITOUS", read: ({ item }) => item.gratuitous, wide: true },
  { title: "CONFLICTS", read: ({ item }) => item.conflicts, wide: true },
  { title: "SERVICES", read: ({ item }) => item.services.join(",") },
];

async function runLayer2(flags: Layer2Flags, ports: CliPorts): Promise<ExitCode> {
  return await showList<Layer2Item, Layer2View>(flags, ports, {
    path: "/v1/layer2",
    columns: COLUMNS,
    compare: compareBy(
      ({ state }) => Number(state !== "quarantined"),
      ({ address }) => address,
      ({ node }) => node,
    ),
    wants: ({ services }) => flags.service.length === 0 || services.some((one) => isWanted(flags.service, one)),
    about: (views) => {
      for (const { node, fenced } of views) if (fenced) ports.stderr(`${node} is fenced: it answers for nothing\n`);
      return {
        nodes: views.map(({ node, available, fenced, interfaces }) => ({ node, available, fenced, interfaces })),
      };
    },
  });
}
