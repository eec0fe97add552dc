import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { CodedError, ConfigError } from "../../src/wire/errors.ts";
import { listLabs, runningLabs } from "./catalogue.ts";
import { containerLab } from "./container-lab.ts";
import { showGraph } from "./graph/show.ts";
import {
  type CaptureGoal,
  type ChaosGoal,
  DEFAULT_DURATION,
  parseCapture,
  parseDuration,
  parseSeed,
} from "./options.ts";
import { FOLDERS, type RunOptions, runLab } from "./run-lab.ts";
import { openShell } from "./shell.ts";

interface Flags {
  readonly keep?: boolean;
  readonly shell?: string;
  readonly list?: boolean;
  readonly logs?: string;
  readonly herald: string;
  readonly chaos?: true | number;
  readonly seed?: number;
  readonly capture?: readonly CaptureGoal[];
  readonly graph?: boolean;
}

const EXAMPLES = `
Examples:
  npm run lab -- bgp-ecmp                              bring it up, check it, take it down
  npm run lab -- bgp-ecmp --keep                       leave it up until Ctrl-C; then, from another terminal:
  npm run lab -- bgp-ecmp --shell r1                     a shell on r1
  npm run lab -- bgp-ecmp --graph                        the topology, with what is up and what is down
  npm run lab -- bgp-ecmp --capture n1:eth1 --capture r1:br0
                                                       every packet of two interfaces as pcap files
  npm run lab -- l2-failover --chaos 10m               random faults for ten minutes; prints its seed
  npm run lab -- l2-failover --chaos 10m --seed 4711   the same faults again

Exit code: 0 everything held, 1 something did not, 2 bad input.
`;

/** Runs the command line; returns the exit code: 0 fine, 1 failed, 2 bad input. */
async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  const program = new Command("npm run lab --")
    .description("Runs a lab of this folder on network namespaces (as root) and checks what it promises.")
    .argument("[name]", "the lab, a folder below labs/")
    .option("--keep", "leave the lab up after the check, until Ctrl-C")
    .option("--shell <node>", "open a shell on a node of the lab that another terminal keeps up")
    .option("--list", "list the labs, and those that are up")
    .option("--logs <folder>", "write the logs of all programs there and keep them")
    .addOption(new Option("--herald <file>", "the built program to run").default(join(FOLDERS.root, "dist/herald.js")))
    .option(
      "--capture <node:interface>",
      "write every packet of an interface to a pcap file; may be repeated",
      parseCapture,
    )
    .option("--graph", "draw the topology, with the states of the lab that another terminal keeps up")
    .option(
      `--chaos [duration]`,
      `random faults for a time (90s, 10m; ${DEFAULT_DURATION} unless told) in place of the check`,
      parseDuration,
    )
    .option("--seed <number>", "the faults of an earlier chaos again", parseSeed)
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .action(async (name: string | undefined, flags: Flags) => {
      code = await dispatch(name, flags);
    });
  await program.parseAsync([...argv], { from: "user" });
  return code;
}

async function dispatch(name: string | undefined, flags: Flags): Promise<number> {
  if (flags.list === true || name === undefined) {
    printList();
    return flags.list === true ? 0 : 2;
  }
  if (flags.shell !== undefined) return await openShell(name, flags.shell);
  const withContainers = /^[a-z0-9-]+$/.test(name) ? await containerLab(FOLDERS.labs, name) : undefined;
  if (withContainers !== undefined) return await withContainers({ keep: flags.keep === true });
  if (flags.graph === true) return await showGraph(name);
  const { keep = false, logs, herald, capture: captures = [] } = flags;
  const options: RunOptions = { keep, logs, herald, captures };
  return await runLab(
    name,
    flags.chaos === undefined ? options : { ...options, chaos: chaosGoal(flags.chaos, flags.seed) },
  );
}

function chaosGoal(duration: true | number, seed = randomBytes(4).readUInt32BE()): ChaosGoal {
  return { duration: duration === true ? parseDuration(DEFAULT_DURATION) : duration, seed };
}

function printList(): void {
  for (const { name, about } of listLabs(FOLDERS.labs)) process.stdout.write(`${name.padEnd(20)} ${about}\n`);
  for (const { lab, run } of runningLabs(FOLDERS.runs)) process.stdout.write(`${lab.padEnd(20)} is up as ${run}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // Commander has said what is wrong already, or has printed the help that was asked for.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof CodedError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error instanceof ConfigError ? 2 : 1;
  } else throw error;
}
