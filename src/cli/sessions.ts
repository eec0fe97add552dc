import { type Command, Option } from "commander";
import type { SessionItem, SessionView } from "../inspection/session-view.ts";
import type { Change, ListView } from "../inspection/view.ts";
import { addInspectFlags, type InspectFlags, showList, withQuery } from "./inspect.ts";
import { documentText, isForPeople, repeatable, styleOf } from "./output.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { askOptions, needSpeakers, reportSilent } from "./reach.ts";
import { describeSession } from "./session-describe.ts";
import { compareSessions, SESSION_COLUMNS } from "./session-table.ts";
import { followAll } from "./stream.ts";
import { renderTable } from "./table.ts";
import { ask } from "./transport.ts";

interface SessionFlags extends InspectFlags {
  readonly peer: readonly string[];
  readonly watch: boolean;
}

const EXAMPLES = `
Examples:
  herald sessions                         all sessions of all nodes, those that are down first
  herald sessions --peer tor1 -o wide     with times, families and capabilities
  herald sessions -w                      and go on with what changes
  herald sessions describe worker1 tor1   everything both OPENs said, and what each side lacks
  herald sessions --socket /var/run/herald/speaker.sock    on the node itself, without the API

It asks the speakers through their pods, with your own rights: you need to list pods and to create pods/exec in the namespace.
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
  if (flags.watch) return await watchSessions(flags, ports);
  return await showList<SessionItem, ListView<SessionItem>>(flags, ports, {
    path: withQuery("/v1/sessions", { peer: flags.peer }),
    columns: SESSION_COLUMNS,
    compare: compareSessions,
  });
}

/** What is there first; then a line for each change, as kubectl does. */
async function watchSessions(flags: SessionFlags, ports: CliPorts): Promise<ExitCode> {
  const reached = await needSpeakers(flags, ports);
  const style = styleOf(flags, ports);
  let headers = flags.headers;
  const path = withQuery("/v1/sessions", { watch: ["1"], peer: flags.peer });
  const code = reportSilent(ports, reached);
  await followAll<Change<SessionItem>>(reached.lines, path, {
    ...askOptions(flags, ports),
    line: (_node, change) => {
      if (!isForPeople(flags)) {
        ports.stdout(`${JSON.stringify(change)}\n`);
        return;
      }
      const row = { item: change.item, at: new Date().toISOString() };
      ports.stdout(renderTable(SESSION_COLUMNS, [row], { ...style, headers, widths: WATCH_WIDTHS }));
      headers = false;
    },
    note: (node, text) => ports.stderr(`${node}: ${text}\n`),
  });
  return code;
}

/** What comes later has to stand beneath what was printed before. */
const WATCH_WIDTHS = [12, 12, 16, 10, 12, 6, 6, 6, 5, 5];

async function runDescribe(flags: SessionFlags, peer: string, ports: CliPorts): Promise<ExitCode> {
  const { lines, silent } = await needSpeakers(flags, ports);
  const [line] = lines;
  if (line === undefined) return reportSilent(ports, { silent });
  const view = await ask<SessionView>(line, `/v1/sessions/${encodeURIComponent(peer)}`, askOptions(flags, ports));
  ports.stdout(isForPeople(flags) ? describeSession(view) : documentText(view, flags));
  return 0;
}
