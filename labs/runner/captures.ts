import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LabConfigError } from "./errors.ts";
import type { CaptureGoal } from "./options.ts";
import { until } from "./poll.ts";
import type { LabProcess, ProcessSpec } from "./processes.ts";

/** A program that writes what an interface sees into a file, and says when it has begun. */
interface Catcher {
  readonly program: string;
  readonly argv: (port: string, file: string) => readonly string[];
  readonly begun: RegExp;
}

/** In the order in which they are taken. */
const CATCHERS: readonly Catcher[] = [
  {
    program: "tcpdump",
    // It would give root up, and then may not write where root keeps logs.
    argv: (port, file) => ["tcpdump", "-n", "-U", "-Z", "root", "-i", port, "-w", file],
    begun: /listening on/,
  },
  { program: "dumpcap", argv: (port, file) => ["dumpcap", "-q", "-i", port, "-w", file], begun: /^File: /m },
];

/** The program that captures on this machine. @throws LabConfigError when there is none. */
export function catcherOf(isOnPath: (program: string) => boolean): Catcher {
  const catcher = CATCHERS.find(({ program }) => isOnPath(program));
  if (catcher !== undefined) return catcher;
  throw new LabConfigError("--capture", {
    problems: ["apt-get install tcpdump, or tshark (its dumpcap does as well)"],
  });
}

export interface CapturePorts {
  readonly start: (spec: ProcessSpec) => LabProcess;
  readonly catcher: Catcher;
  /** Where the files go; they stay. */
  readonly folder: string;
  /** The name of the run, so that two runs do not write one file. */
  readonly run: string;
  readonly signal: AbortSignal;
}

/** Where the packets of an interface of a run go. */
export function captureFile(folder: string, run: string, { node, port }: CaptureGoal): string {
  return join(folder, `${run}-${node}-${port}.pcap`);
}

/** Starts to write down what an interface sees; returns the file when the first packet can no longer be missed. */
export async function startCapture(
  goal: CaptureGoal,
  { start, catcher, folder, run, signal }: CapturePorts,
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const file = captureFile(folder, run, goal);
  const { node, port } = goal;
  const program = start({ node, name: `capture-${port}`, argv: catcher.argv(port, file) });
  const hopeless = (): string | undefined => (program.running ? undefined : program.tail(2).join(" "));
  await until(`${catcher.program} listens on ${node}:${port}`, { within: 10_000, signal, hopeless }, () =>
    Promise.resolve(
      catcher.begun.test(readFileSync(program.logFile, "utf8")) ? { value: true } : { seen: "not a word" },
    ),
  );
  return file;
}
