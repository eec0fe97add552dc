import { type Command, Option } from "commander";
import type { SessionItem, SessionView } from "../inspection/session-view.ts";
import type { Change, ListView } from "../inspection/view.ts";
import { ApiError } from "../kubernetes/errors.ts";
import { addInspectFlags, type InspectFlags, showList, withQuery } from "./inspect.ts";
import { documentText, eventText, isForPeople, repeatable, styleOf } from "./output.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { askOptions, needSpeakers, type Reached, reportSilent } from "./reach.ts";
import { describeSession } from "./session-describe.ts";
import { showSessionStates } from "./session-states.ts";
import { compareSessions, SESSION_COLUMNS } from "./session-table.ts";
import { followAll, MOST_FOLLOWED } from "./stream.ts";
import { TableStream } from "./table.ts";
import { ask } from "./transport.ts";

interface SessionFlags extends InspectFlags {
  readonly peer: readonly string[];
  readonly watch: boolean;
  readonly fromApi: boolean;
}

const EXAMPLES = `
Examples:
  herald sessions                         all sessions of all nodes, those that are down first
  herald sessions --peer tor1 -o wide     with times, families and capabilities
  herald sessions -w                      and go on with what changes
  herald sessions describe worker1 tor1   everything both OPENs said, and what each side lacks
  herald sessions --socket /var/run/herald/speaker.sock    on the node itself, without the API

  herald sessions --from-api              what the speakers wrote to the API: less, and at once for a thousand nodes

It asks the speakers through their pods, with your own rights: you need to list pods and to create pods/exec in the namespace. With
--from-api it reads BGPSessionStates instead, which are up to a minute old in what counts prefixes; so it does, and says so, where
you may not list pods, and with -w on more than ${MOST_FOLLOWED} nodes.
Exit code: 0 fine, 1 a speaker did not answer (the others are shown), 2 bad input.
`;

/** Adds `herald sessions`. */
export function registerSessions(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("sessions")
    .summary("show the BGP sessions of the nodes, problems first")
    .description("Shows every node's BGP sessions: state, routes, BFD, and what went wrong last.")
    .addOption(
      new Option("--peer <name>", "only this BGPPeer; may be given again").argParser(repeatable).default([], "all"),
    )
    .option("-w, --watch", "go on with what changes", false)
    .addOption(new Option("--from-api", "ask no speaker: show BGPSessionStates").default(false).conflicts("socket"))
    .addHelpText("after", EXAMPLES)
    .action(async (flags: SessionFlags) => done(await runSessions(flags, ports)));
  addInspectFlags(command);
  command
    .command("describe")
    .summary("show everything of one session")
    .description("Shows what both ends said when the session began, what each lacks, and its latest states.")
    .argument("<node>", "name of the Node")
    .argument("<peer>", "name of the BGPPeer")
    .action(async (node: string, peer: string, _flags: object, self: Command) =>
      done(await runDescribe({ ...self.optsWithGlobals<SessionFlags>(), node: [node] }, peer, ports)),
    );
}

async function runSessions(flags: SessionFlags, ports: CliPorts): Promise<ExitCode> {
  if (flags.fromApi) return await showSessionStates(flags, ports);
  try {
    if (flags.watch) return await watchSessions(flags, ports);
    return await showList<SessionItem, ListView<SessionItem>>(flags, ports, {
      path: withQuery("/v1/sessions", { peer: flags.peer }),
      columns: SESSION_COLUMNS,
      compare: compareSessions,
      hint: (silent) =>
        silent.some(({ forbidden }) => forbidden)
          ? "herald sessions --from-api shows what the speakers wrote to the API"
          : undefined,
    });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    ports.stderr(`note: BGPSessionStates are shown, because the speakers cannot be asked: ${error.message}\n`);
    return await showSessionStates(flags, ports);
  }
}

/** What is there first; then a line for each change, as kubectl does. */
async function watchSessions(flags: SessionFlags, ports: CliPorts): Promise<ExitCode> {
  const reached = await needSpeakers(flags, ports);
  if (reached.lines.length <= MOST_FOLLOWED) return await followSessions(flags, ports, reached);
  const many = `${reached.lines.length} speakers are too many to be followed one by one`;
  ports.stderr(`note: ${many}: BGPSessionStates are watched; --node or -l name some to be asked themselves\n`);
  return await showSessionStates(flags, ports);
}

async function followSessions(flags: SessionFlags, ports: CliPorts, reached: Reached): Promise<ExitCode> {
  const table = new TableStream(SESSION_COLUMNS, { ...styleOf(flags, ports), widths: WATCH_WIDTHS });
  const path = withQuery("/v1/sessions", { watch: ["1"], peer: flags.peer });
  const code = reportSilent(ports, reached);
  await followAll<Change<SessionItem>>(reached.lines, path, {
    ...askOptions(flags, ports),
    line: (_node, change) => {
      if (!isForPeople(flags)) {
        ports.stdout(eventText(change, flags));
        return;
      }
      const rows = [{ item: change.item, at: new Date().toISOString() }];
      ports.stdout(change.type === "deleted" ? table.gone(rows) : table.next(rows));
    },
    note: (node, text) => ports.stderr(`${node}: ${text}\n`),
  });
  return code;
}

/** Rows come one by one: they stand beneath each other from the first on. */
const WATCH_WIDTHS = [12, 12, 16, 10, 12, 6, 6, 6, 5, 5];

async function runDescribe(flags: SessionFlags, peer: string, ports: CliPorts): Promise<ExitCode> {
  const { lines, silent } = await needSpeakers(flags, ports);
  const [line] = lines;
  if (line === undefined) return reportSilent(ports, { silent });
  const view = await ask<SessionView>(line, `/v1/sessions/${encodeURIComponent(peer)}`, askOptions(flags, ports));
  ports.stdout(isForPeople(flags) ? describeSession(view) : documentText(view, flags));
  return 0;
}
