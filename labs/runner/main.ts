import { join } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { CodedError, ConfigError } from "../../src/wire/errors.ts";
import { listLabs, runningLabs } from "./catalogue.ts";
import { FOLDERS, type RunOptions, runLab } from "./run-lab.ts";
import { openShell } from "./shell.ts";

interface Flags {
  readonly keep?: boolean;
  readonly shell?: string;
  readonly list?: boolean;
  readonly logs?: string;
  readonly herald: string;
}

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
  const options: RunOptions = { keep: flags.keep === true, logs: flags.logs, herald: flags.herald };
  return await runLab(name, options);
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
