import { Command, CommanderError, InvalidArgumentError } from "commander";
import { CodedError, ConfigError } from "../../src/wire/errors.ts";
import { LabConfigError } from "../runner/errors.ts";
import { CASES } from "./cases/catalogue.ts";
import { checkReadme, writeReadme } from "./readme.ts";
import { ROUTERS } from "./routers/catalogue.ts";
import { FILES, runInterop } from "./run.ts";

interface Flags {
  readonly case?: readonly string[];
  readonly list?: boolean;
  readonly jobs: number;
  readonly writeReadme?: boolean;
  readonly checkReadme?: boolean;
}

const JOBS = 8;

/** Runs the command line; returns the exit code: 0 fine, 1 failed, 2 bad input. */
async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  const program = new Command("npm run interop --")
    .description(
      "Plays every case of the engine with real routers on network namespaces (as root), and asks the routers.",
    )
    .argument("[router...]", "only these routers")
    .option("--case <name...>", "only these cases")
    .option("--list", "list routers and cases")
    .option("--jobs <n>", "cells at a time", positive, JOBS)
    .option("--write-readme", "write the table of the last complete run into README.md, and end")
    .option("--check-readme", "fail when the table in README.md is not what the last complete run found, and end")
    .exitOverride()
    .action(async (routers: readonly string[], flags: Flags) => {
      code = await dispatch(routers, flags);
    });
  await program.parseAsync([...argv], { from: "user" });
  return code;
}

async function dispatch(routers: readonly string[], flags: Flags): Promise<number> {
  if (flags.list === true) {
    printList();
    return 0;
  }
  if (flags.writeReadme === true) return writeReadme(FILES);
  if (flags.checkReadme === true) return checkReadme(FILES);
  const kinds = chosen(ROUTERS, routers, "router");
  const cases = chosen(CASES, flags.case ?? [], "case");
  return await runInterop(kinds, cases, flags.jobs);
}

function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  names: readonly string[],
  what: string,
): readonly T[] {
  const unknown = names.filter((name) => !all.some((one) => one.name === name));
  if (unknown.length > 0) {
    const known = all.map(({ name }) => name).join(", ");
    throw new LabConfigError(unknown.join(", "), { problems: [`no such ${what}; there are: ${known}`] });
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

function printList(): void {
  for (const { name, title, debian } of ROUTERS) process.stdout.write(`${name.padEnd(24)} ${title} (${debian})\n`);
  for (const { name, title } of CASES) process.stdout.write(`${name.padEnd(24)} ${title}\n`);
}

function positive(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError("want a whole number from 1 up");
  return n;
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
