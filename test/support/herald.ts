import { type ChildProcess, execFile, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { until } from "./until.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The program as it is shipped, built for one test file. */
export class Build implements Disposable {
  /** The bundle. It lies in dist/, from where it finds the CRDs. */
  readonly file = join(ROOT, "dist", `test-${process.pid}`, "herald.js");

  static async make(): Promise<Build> {
    const build = new Build();
    await promisify(execFile)(process.execPath, [join(ROOT, "test/tooling/build.mjs"), build.file], { cwd: ROOT });
    return build;
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Herald {
    return new Herald(this.file, args, env);
  }

  /** Runs to the end. */
  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Herald> {
    const herald = this.start(args, env);
    await herald.exited;
    return herald;
  }

  [Symbol.dispose](): void {
    rmSync(join(this.file, ".."), { recursive: true, force: true });
  }
}

/** A running process, with an environment that has nothing of ours but what the test gives. */
export class Herald implements AsyncDisposable {
  readonly #child: ChildProcess;
  stdout = "";
  stderr = "";
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;

  constructor(file: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    const clean = { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env };
    this.#child = spawn(process.execPath, [file, ...args], { env: clean, stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.exited = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
    });
  }

  /** Waits for a line on stdout or stderr. */
  async says(text: string | RegExp, limitMs?: number): Promise<void> {
    const found = (): boolean => {
      const all = this.stdout + this.stderr;
      return typeof text === "string" ? all.includes(text) : text.test(all);
    };
    await until(`${text} from the process`, found, limitMs);
  }

  /** Suspends the process, or lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  /** Sends a signal and waits for the end. */
  async end(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number | string> {
    this.#child.kill(signal);
    return await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.end("SIGKILL");
  }
}
