import type { Command } from "commander";
import type { MemberItem, MembersView } from "../inspection/state-view.ts";
import { addInspectFlags, compareBy, type InspectFlags, type Row, showList } from "./inspect.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { type Column, formatAge, type Tone } from "./table.ts";

const EXAMPLES = `
Examples:
  herald members                   who is alive, as each speaker sees it; those that are not, first
  herald members --node worker1    as one of them sees it
  herald watch                     follow who comes and goes
`;

/** Adds `herald members`. */
export function registerMembers(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("members")
    .summary("show which speakers are alive, as each of them sees it")
    .description("Shows the speakers that stand for election on the LAN, as every speaker sees them.")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: InspectFlags) => done(await runMembers(flags, ports)));
  addInspectFlags(command);
}

const TONES: Record<MemberItem["state"], Tone> = { alive: "good", suspect: "doubtful", dead: "bad", left: "quiet" };

const COLUMNS: readonly Column<Row<MemberItem>>[] = [
  { title: "NODE", read: ({ item }) => item.node },
  { title: "SEES", read: ({ item }) => item.member },
  { title: "STATE", read: ({ item }) => item.state, tone: ({ item }) => TONES[item.state] },
  { title: "SINCE", read: ({ item, at }) => (item.since === undefined ? undefined : formatAge(item.since, at)) },
  { title: "ADDRESS", read: ({ item }) => item.address },
  {
    title: "ROUND TRIP",
    read: ({ item }) => (item.roundTrip === undefined ? undefined : `${item.roundTrip / 1000}ms`),
  },
  { title: "INCARNATION", read: ({ item }) => item.incarnation, wide: true },
];

async function runMembers(flags: InspectFlags, ports: CliPorts): Promise<ExitCode> {
  return await showList<MemberItem, MembersView>(flags, ports, {
    path: "/v1/members",
    columns: COLUMNS,
    compare: compareBy(
      ({ state }) => Number(state === "alive"),
      ({ node }) => node,
      ({ member }) => member,
    ),
    about: (views) => ({ nodes: views.map(({ node, source, health }) => ({ node, source, health })) }),
  });
}
