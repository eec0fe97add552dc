import { type Command, Option } from "commander";
import { type Lost, MOVE_TONES, type Move } from "../inspection/move.ts";
import { systemClock } from "../system/clock.ts";
import { ConfigError } from "../wire/errors.ts";
import { serviceNames } from "./filters.ts";
import { addInspectFlags, type InspectFlags, withQuery } from "./inspect.ts";
import { MoveSorter } from "./move-sorter.ts";
import { eventText, isForPeople, isWanted, repeatable, styleOf } from "./output.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { askOptions, needSpeakers, reportSilent } from "./reach.ts";
import { followAll, MOST_FOLLOWED } from "./stream.ts";
import { type Column, TableStream } from "./table.ts";

interface WatchFlags extends InspectFlags {
  readonly tail: number;
  readonly service: readonly string[];
  readonly peer: readonly string[];
}

/** More than can be followed one by one. */
class TooManySpeakers extends ConfigError {
  readonly code = "ERR_CLI_TOO_MANY_SPEAKERS";
}

/** A number that is none. */
class BadTail extends ConfigError {
  readonly code = "ERR_CLI_BAD_TAIL";
}

const EXAMPLES = `
Examples:
  herald watch                           what moves from now on, on all nodes, in order, with reasons
  herald watch --tail 20                 and the last 20 moves of every node first
  herald watch --service default/web     the moves of one Service
  herald watch -o json                   a line of JSON for each, for programs

Moves are known to the speakers alone, and each is followed by itself: on a cluster of more than ${MOST_FOLLOWED} nodes, --node or -l
has to choose some.
`;

/** Adds `herald watch`. */
export function registerWatch(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const several = (flags: string, what: string, parse: typeof repeatable): Option =>
    new Option(flags, `only moves of this ${what}; may be given again`).argParser(parse).default([], "all");
  const command = program
    .command("watch")
    .summary("follow what moves: addresses, routes, sessions, elections")
    .description("Follows the moves of all nodes in the order of their times, each with its reason.")
    .option("--tail <count>", "begin with so many earlier moves of every node", parseTail, 0)
    .addOption(several("--service <namespace/name>", "Service", serviceNames))
    .addOption(several("--peer <name>", "BGPPeer", repeatable))
    .addHelpText("after", EXAMPLES)
    .action(async (flags: WatchFlags) => done(await runWatch(flags, ports)));
  addInspectFlags(command);
}

const COLUMNS: readonly Column<Move>[] = [
  { title: "TIME", read: ({ at }) => at, tone: () => "quiet" },
  { title: "NODE", read: ({ node }) => node },
  { title: "MOVE", read: ({ type }) => type, tone: ({ type }) => MOVE_TONES[type] },
  { title: "PROTOCOL", read: ({ protocol }) => protocol },
  { title: "ABOUT", read: ({ service, peer, other }) => service ?? peer ?? other },
  { title: "ADDRESSES", read: ({ addresses }) => addresses?.join(",") },
  { title: "REASON", read: (move) => reasonText(move) },
];
const WIDTHS = [24, 12, 12, 8, 20, 16];

async function runWatch(flags: WatchFlags, ports: CliPorts): Promise<ExitCode> {
  const reached = await needSpeakers(flags, ports);
  if (reached.lines.length > MOST_FOLLOWED) {
    const says = `${reached.lines.length} speakers are too many to be followed one by one`;
    throw new TooManySpeakers(`${says}: choose at most ${MOST_FOLLOWED} with --node or -l`);
  }
  const code = reportSilent(ports, reached);
  const table = new TableStream(COLUMNS, { ...styleOf(flags, ports), widths: WIDTHS });
  const sorter = new MoveSorter(systemClock, (moves) => {
    if (isForPeople(flags)) ports.stdout(table.next(moves));
    else ports.stdout(moves.map((move) => eventText(move, flags)).join(""));
  });
  const from = (tail: number): string => withQuery("/v1/moves", { watch: ["1"], tail: [`${tail}`] });
  await followAll<Move | Lost>(reached.lines, from(flags.tail), {
    ...askOptions(flags, ports),
    again: from(0),
    line: (node, told) => {
      if ("lost" in told) ports.stderr(`${node}: ${told.lost} moves came faster than they could be told\n`);
      else if (isMeant(flags, told)) sorter.take(told);
    },
    note: (node, text) => ports.stderr(`${node}: ${text}; moves in between are not shown\n`),
  });
  sorter.flush();
  return code;
}

function isMeant({ service, peer }: WatchFlags, move: Move): boolean {
  if (service.length > 0 && (move.service === undefined || !isWanted(service, move.service))) return false;
  return peer.length === 0 || (move.peer !== undefined && isWanted(peer, move.peer));
}

function reasonText({ reason, message, other, type }: Move): string {
  const elected = type === "elected" && other !== undefined ? `${other} answers` : undefined;
  return [reason, message ?? elected].filter((one) => one !== undefined).join(": ");
}

function parseTail(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new BadTail("--tail: want a number");
  return Number(text);
}
