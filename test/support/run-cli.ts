import { runCli } from "../../src/cli/program.ts";

/** How a command ended, and what it printed. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that is under way. */
export interface Running {
  stdout: string;
  stderr: string;
  readonly octets: Buffer[];
  readonly done: Promise<number>;
}

/** What a command finds around it: a pipe, no variables. */
export interface Surroundings {
  readonly terminal?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a command line in this process; what it prints is read while it runs. */
export function startCli(args: readonly string[], signal: AbortSignal, more: Surroundings = {}): Running {
  const state = { stdout: "", stderr: "", octets: [] as Buffer[] };
  const ports = {
    env: more.env ?? {},
    signal,
    terminal: more.terminal === true,
    stdout: (text: string) => {
      state.stdout += text;
    },
    stderr: (text: string) => {
      state.stderr += text;
    },
    octets: (octets: Uint8Array) => {
      state.octets.push(Buffer.from(octets));
      return Promise.resolve();
    },
  };
  return Object.assign(state, { done: runCli(args, ports) });
}

/** Runs a command line to its end. */
export async function runToEnd(args: readonly string[], more: Surroundings = {}): Promise<Outcome> {
  const running = startCli(args, new AbortController().signal, more);
  const code = await running.done;
  return { code, stdout: running.stdout, stderr: running.stderr };
}
