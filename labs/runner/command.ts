import { execFile } from "node:child_process";
import { CommandError } from "./errors.ts";

export interface CommandOptions {
  readonly input?: string;
  /** Milliseconds until the command is killed. */
  readonly timeout?: number;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; a non-zero exit is an answer here, not an error. */
export function attempt(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    const limits = { timeout: options.timeout ?? 30_000, killSignal: "SIGKILL", maxBuffer: 64 << 20 } as const;
    const child = execFile(program, args, limits, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (typeof error.code === "number") resolve({ code: error.code, stdout, stderr });
      else
        reject(
          new CommandError(`${argv.join(" ")}: ${error.killed === true ? "took too long" : error.message}`, {
            cause: error,
          }),
        );
    });
    // A program that ends without reading its input closes the pipe: its exit code is what counts.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
  });
}

/** Runs a program and returns what it printed. @throws CommandError with what it said when it fails. */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await attempt(argv, options);
  if (code === 0) return stdout;
  const said = (stderr.trim() || stdout.trim()).slice(0, 2000);
  throw new CommandError(`${argv.join(" ").slice(0, 300)}: exit ${code}${said === "" ? "" : `: ${said}`}`);
}

/** Waits for all, then throws the first failure: nothing is left running behind the caller's back. */
export async function allDone<T>(tasks: readonly Promise<T>[]): Promise<readonly T[]> {
  const settled = await Promise.allSettled(tasks);
  return settled.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}
