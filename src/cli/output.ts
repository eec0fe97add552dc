import { type Command, Option } from "commander";
import { stringify } from "yaml";
import type { CliPorts } from "./ports.ts";
import { type Column, renderTable, type TableStyle } from "./table.ts";

const OUTPUTS = ["table", "wide", "json", "yaml"] as const;

/** What every command takes that shows something; `name` only some. */
export interface OutputFlags {
  readonly output: (typeof OUTPUTS)[number] | "name";
  readonly headers: boolean;
}

/** Adds them. */
export function addOutputFlags(command: Command, more: readonly "name"[] = []): Command {
  return command
    .addOption(new Option("-o, --output <format>", "output format").choices([...OUTPUTS, ...more]).default("table"))
    .option("--no-headers", "without the line of titles");
}

/** What the flags and the terminal ask for: colours on a terminal only, and never with NO_COLOR (https://no-color.org). */
export function styleOf(flags: OutputFlags, ports: Pick<CliPorts, "env" | "terminal">): TableStyle {
  const { NO_COLOR: off = "", TERM: terminal } = ports.env;
  const colours = ports.terminal === true && off === "" && terminal !== "dumb";
  return { wide: flags.output === "wide", headers: flags.headers, colours };
}

/** True where a person reads it. */
export function isForPeople({ output }: OutputFlags): boolean {
  return output === "table" || output === "wide";
}

/** Prints rows as a table, or the document they come from as JSON or YAML. As with kubectl, no rows are no table. */
export function print<Row>(
  ports: Pick<CliPorts, "stdout" | "env" | "terminal">,
  flags: OutputFlags,
  what: { readonly columns: readonly Column<Row>[]; readonly rows: readonly Row[]; readonly document: unknown },
): void {
  const { columns, rows } = what;
  if (!isForPeople(flags)) ports.stdout(documentText(what.document, flags));
  else if (rows.length > 0) ports.stdout(renderTable(columns, rows, styleOf(flags, ports)));
}

/** Says that a table would be empty; nothing where a program reads. */
export function sayNothingToShow(ports: Pick<CliPorts, "stderr">, flags: OutputFlags, rows: readonly unknown[]): void {
  if (rows.length === 0 && isForPeople(flags)) ports.stderr("There is nothing to show.\n");
}

/** One of several documents that follow each other: a line of JSON, or a YAML document. */
export function eventText(event: object, { output }: Pick<OutputFlags, "output">): string {
  return output === "yaml" ? `---\n${stringify(event)}` : `${JSON.stringify(event)}\n`;
}

/** The document as JSON or YAML. */
export function documentText(document: unknown, { output }: Pick<OutputFlags, "output">): string {
  return output === "yaml" ? stringify(document) : `${JSON.stringify(document, undefined, 2)}\n`;
}

/** For options that may be given again. */
export function repeatable(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** True where nothing was asked for, or just this. */
export function isWanted(wanted: readonly string[], name: string): boolean {
  return wanted.length === 0 || wanted.includes(name);
}
