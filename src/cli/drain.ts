import { type Command, InvalidArgumentError, Option } from "commander";
import { DEFAULT_DRAIN_WAIT } from "../announcement/drain.ts";
import { parseDrainWait } from "../api/node-drain.ts";
import type { Micros } from "../net/micros.ts";
import { systemClock } from "../system/clock.ts";
import { changeDrain } from "./drain-node.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { userClient } from "./user-client.ts";

interface DrainFlags {
  readonly kubeconfig?: string;
  readonly wait?: Wait;
  readonly reason: string;
  readonly undo: boolean;
}

interface Wait {
  readonly text: string;
  readonly time: Micros;
}

const EXAMPLES = `
Examples:
  herald drain worker1 --reason "disk is replaced"    its routes become the last choice of every router, and go after 10s
  herald drain worker1 --wait 30s
  herald drain worker1 --undo                         it announces again

It sets the annotations herald.io/drain and herald.io/drain-wait of the Node, which kubectl can do as well, and waits until the
speaker there says that it is done. Cordoning a node does not drain it: pods on it go on to be reached through it.
An address that only this node can announce is not reachable while the node is drained.
`;

/** Adds `herald drain`. */
export function registerDrain(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  program
    .command("drain")
    .summary("hand a node's traffic to the others")
    .description(
      "Hands a node's traffic to the others without losing any, then withdraws its routes and closes its sessions.",
    )
    .argument("<node>", "name of the Node")
    .addOption(
      new Option(
        "--kubeconfig <file>",
        "how to reach the API (default: ~/.kube/config, in a pod its service account)",
      ).env("KUBECONFIG"),
    )
    .option("--wait <duration>", "how long its routes stay as the last choice (default: 10s)", parseWait)
    .option("--reason <text>", "why, for the events and for the routers", "")
    .option("--undo", "announce again", false)
    .addHelpText("after", EXAMPLES)
    .action(async (node: string, flags: DrainFlags) => {
      await runDrain(node, flags, ports);
      done(0);
    });
}

async function runDrain(node: string, flags: DrainFlags, ports: CliPorts): Promise<void> {
  const { wait, reason, undo } = flags;
  const client = userClient(flags);
  const change = undo
    ? ({ type: "undo" } as const)
    : ({ type: "drain", why: reason, wait: wait?.text, longest: wait?.time ?? DEFAULT_DRAIN_WAIT } as const);
  try {
    const note = (text: string): void => ports.stderr(`${text}\n`);
    await changeDrain({ client, clock: systemClock, note, signal: ports.signal }, node, change);
  } finally {
    client.close();
  }
}

function parseWait(text: string): Wait {
  const time = parseDrainWait(text);
  if (time === undefined) throw new InvalidArgumentError("want a duration from 0s to 1h");
  return { text, time };
}
