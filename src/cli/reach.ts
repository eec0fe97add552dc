import { type Command, Option } from "commander";
import { podExec } from "../kubernetes/exec.ts";
import { type Micros, seconds } from "../net/micros.ts";
import { systemClock } from "../system/clock.ts";
import { ConfigError } from "../wire/errors.ts";
import { parseSeconds } from "./daemon-options.ts";
import { isWanted, repeatable } from "./output.ts";
import type { CliPorts } from "./ports.ts";
import { type Answers, type AskOptions, ask, reasonOf, type Silent, type SpeakerLine } from "./transport.ts";
import { podLines } from "./transport-pods.ts";
import { socketLine } from "./transport-socket.ts";
import { type ApiFlags, addApiFlags, userClient, userKubeconfig } from "./user-client.ts";

/** Where speakers are asked, and which. */
export interface ReachFlags extends ApiFlags {
  readonly socket: readonly string[];
  readonly speakerLabels: string;
  readonly selector?: string;
  readonly node: readonly string[];
  readonly timeout: number;
}

/** The speakers that are there, and those that are known not to be. */
export interface Reached {
  readonly lines: readonly SpeakerLine[];
  readonly silent: readonly Silent[];
}

/** Nobody is there to be asked. */
class NoSpeaker extends ConfigError {
  readonly code = "ERR_CLI_NO_SPEAKER";
}

/** What a speaker in a pod uses when nothing else is said. */
export const USUAL_SOCKET = "/var/run/herald/speaker.sock";

/** Adds the flags that say where speakers are. */
export function addReachFlags(command: Command): Command {
  return addApiFlags(
    command
      .addOption(
        new Option("--socket <path>", "ask the speaker behind this Unix socket; may be given again")
          .argParser(repeatable)
          .default([], "the speakers' pods"),
      )
      .addOption(
        new Option("--node <name>", "only this node; may be given again").argParser(repeatable).default([], "all"),
      )
      .addOption(
        new Option("-l, --selector <labels>", "only nodes with these labels (needs the API)").conflicts("socket"),
      ),
  )
    .addOption(
      new Option("--speaker-labels <selector>", "labels of the speakers' pods").default(
        "app.kubernetes.io/component=speaker",
      ),
    )
    .option("--timeout <seconds>", "how long a speaker may take to answer", parseSeconds, 5);
}

/** How the speakers that the flags name are asked. */
export function askOptions(flags: Pick<ReachFlags, "timeout">, ports: Pick<CliPorts, "signal">): AskOptions {
  return { clock: systemClock, signal: ports.signal, timeout: timeoutOf(flags) };
}

/** The speakers that the flags name. @throws {NoKubeconfig} @throws {ApiError} @throws {ApiUnreachable} */
export async function reachSpeakers(flags: ReachFlags, ports: Pick<CliPorts, "signal">): Promise<Reached> {
  const reached = flags.socket.length > 0 ? await sockets(flags, ports) : await pods(flags);
  const wanted = ({ name }: SpeakerLine): boolean => isWanted(flags.node, name);
  return { lines: reached.lines.filter(wanted), silent: reached.silent.filter(({ node }) => isMeant(flags, node)) };
}

/** The same for commands that are nothing without speakers. @throws {NoSpeaker} */
export async function needSpeakers(flags: ReachFlags, ports: Pick<CliPorts, "signal">): Promise<Reached> {
  const reached = await reachSpeakers(flags, ports);
  if (reached.lines.length === 0 && reached.silent.length === 0) throw new NoSpeaker(`no speaker ${whereOf(flags)}`);
  return reached;
}

function whereOf({ node, socket, selector, speakerLabels, namespace }: ReachFlags): string {
  const nodes =
    node.length > 0 ? ` on node ${node.join(", ")}` : selector === undefined ? "" : ` on nodes with ${selector}`;
  const pods = socket.length > 0 ? "" : ` among the pods with ${speakerLabels} in namespace ${namespace}`;
  return `was found${nodes}${pods}`;
}

/** Says on stderr who did not answer; the exit code that follows from it. */
export function reportSilent(ports: Pick<CliPorts, "stderr">, { silent }: Pick<Answers<unknown>, "silent">): 0 | 1 {
  for (const { node, reason } of silent) ports.stderr(`${node} does not answer: ${reason}\n`);
  return silent.length === 0 ? 0 : 1;
}

function timeoutOf({ timeout }: Pick<ReachFlags, "timeout">): Micros {
  return seconds(timeout);
}

/** A socket says whose it is only when it answers. */
function isMeant({ socket, node }: ReachFlags, name: string): boolean {
  return socket.includes(name) || isWanted(node, name);
}

async function sockets(flags: ReachFlags, ports: Pick<CliPorts, "signal">): Promise<Reached> {
  const lines: SpeakerLine[] = [];
  const silent: Silent[] = [];
  const named = flags.socket.map(async (path) => {
    const line = socketLine(path);
    try {
      const { node } = await ask(line, "/v1/about", askOptions(flags, ports));
      lines.push({ ...line, name: node });
    } catch (error) {
      ports.signal.throwIfAborted();
      silent.push({ node: path, reason: reasonOf(error) });
    }
  });
  await Promise.all(named);
  return { lines, silent };
}

async function pods(flags: ReachFlags): Promise<Reached> {
  const client = userClient(flags);
  try {
    const { namespace, speakerLabels: labels, selector: nodeLabels } = flags;
    return await podLines({ client, exec: podExec(userKubeconfig(flags)) }, { namespace, labels, nodeLabels });
  } finally {
    client.close();
  }
}
