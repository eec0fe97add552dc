import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { at, parseJson, textOf } from "./json.ts";

/** The labs of a folder: those that have a file `<name>/<name>.clab.yml`, with the first line of prose of their README. */
export function listLabs(folder: string): readonly { readonly name: string; readonly about: string }[] {
  const names = readdirSync(folder)
    .filter((name) => existsSync(clabFile(folder, name)))
    .toSorted();
  return names.map((name) => {
    const readme = join(folder, name, "README.md");
    const lines = existsSync(readme) ? readFileSync(readme, "utf8").split("\n") : [];
    return { name, about: lines.find((line) => /^[A-Za-z]/.test(line)) ?? "" };
  });
}

/** Where a lab's topology is. */
export function clabFile(folder: string, name: string): string {
  return join(folder, name, `${name}.clab.yml`);
}

/** A run as its runner noted it for others: `--shell` finds it by this. */
export interface RunNote {
  readonly lab: string;
  readonly run: string;
  readonly pid: number;
  /** Sockets and kubeconfig. */
  readonly state: string;
}

/** The runs of a lab that are up now. */
export function runningLabs(runsFolder: string): readonly RunNote[] {
  return notesIn(runsFolder).filter(({ pid }) => isAlive(pid));
}

/** The runs that were killed, and their watchdogs with them, before anything could be cleaned up. */
export function orphanedLabs(runsFolder: string): readonly RunNote[] {
  return notesIn(runsFolder).filter(({ pid }) => !isAlive(pid));
}

function notesIn(runsFolder: string): readonly RunNote[] {
  if (!existsSync(runsFolder)) return [];
  return readdirSync(runsFolder).flatMap((run) => {
    const file = noteFile(runsFolder, run);
    const note = existsSync(file) ? parseNote(readFileSync(file, "utf8")) : undefined;
    return note?.run === run ? [note] : [];
  });
}

/** Where a run's note lies. */
export function noteFile(runsFolder: string, run: string): string {
  return join(runsFolder, run, "run.json");
}

/** A note, or undefined when the file holds something else. */
export function parseNote(text: string): RunNote | undefined {
  try {
    const value = parseJson(text);
    const pid = at(value, "pid");
    const [lab, run, state] = ["lab", "run", "state"].map((key) => textOf(at(value, key)));
    if (typeof pid !== "number" || !Number.isInteger(pid) || pid < 2 || !lab || !run || !state) return undefined;
    return { lab, run, pid, state };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
