import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { LabCheckError } from "./errors.ts";

export interface ProcessSpec {
  readonly node: string;
  readonly name: string;
  /** The whole command line, namespace included. */
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Takes what it prints line by line, instead of the log; its input is then open for {@link LabProcess.write}. */
  readonly onLine?: (line: string) => void;
  /** It ends when it has done what it is for: only a failure is a death. */
  readonly task?: boolean;
}

/** One long-running program of a lab. It can be started again after it ended; its log file goes on. */
export class LabProcess {
  readonly spec: ProcessSpec;
  readonly logFile: string;
  readonly #onDeath: (message: string) => void;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #closed: Promise<void> = Promise.resolve();
  #expected = false;

  constructor(spec: ProcessSpec, logFile: string, onDeath: (message: string) => void) {
    this.spec = spec;
    this.logFile = logFile;
    this.#onDeath = onDeath;
  }

  get title(): string {
    return `${this.spec.node} ${this.spec.name}`;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** It has ended, and all it printed was taken. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** @throws LabCheckError when it runs already. */
  start(): void {
    if (this.#child !== undefined) throw new LabCheckError(`${this.title} runs already`);
    const [program = "", ...args] = this.spec.argv;
    const log = openSync(this.logFile, "a");
    // Its own process group: Ctrl-C in the terminal goes to the runner alone, which then ends everything in order.
    const { onLine } = this.spec;
    const child = spawn(program, args, {
      detached: true,
      stdio: onLine === undefined ? ["ignore", log, log] : ["pipe", "pipe", log],
      env: { ...process.env, ...this.spec.env },
    });
    closeSync(log);
    if (onLine !== undefined && child.stdout !== null) createInterface({ input: child.stdout }).on("line", onLine);
    // A program that ended does not read: its exit is what counts.
    child.stdin?.on("error", () => {});
    this.#child = child;
    this.#expected = false;
    this.#closed = new Promise((resolve) => child.once("close", () => resolve()));
    this.#exited = new Promise((resolve) => {
      const ended = (how: string, well: boolean): void => {
        this.#child = undefined;
        const expected = this.#expected || (well && this.spec.task === true);
        if (!expected) this.#onDeath(this.#lastWords(how));
        resolve();
      };
      child.once("exit", (code, signal) => ended(signal ?? `exit ${code}`, code === 0));
      child.once("error", (error) => ended(error.message, false));
    });
  }

  /** One line into its input; nothing when it does not run or takes none. */
  write(line: string): void {
    this.#child?.stdin?.write(`${line}\n`);
  }

  /** Sends a signal that does not end it (SIGSTOP, SIGCONT). */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** As {@link signal}, for the programs that it started as well. */
  signalGroup(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid;
    if (pid !== undefined) process.kill(-pid, signal);
  }

  /** Ends it with `signal` and waits; after `within` milliseconds with SIGKILL. Returns whether the signal was enough. */
  async stop(signal: NodeJS.Signals = "SIGTERM", within = 10_000): Promise<boolean> {
    const child = this.#child;
    if (child === undefined) return true;
    this.#expected = true;
    child.kill(signal);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, within);
    await this.#exited;
    clearTimeout(timer);
    return !late;
  }

  /** Where only the record of a run is left, the log that it names is not. */
  #lastWords(how: string): string {
    // It may be gone already: a run that went well leaves none.
    const said = (existsSync(this.logFile) ? this.tail(3) : []).map((line) => `\n      ${line}`);
    return `${this.title} ended by itself (${how}), see ${this.logFile}${said.join("")}`;
  }

  /** The last lines of its log. */
  tail(lines: number): readonly string[] {
    return readFileSync(this.logFile, "utf8").trimEnd().split("\n").slice(-lines);
  }
}

/** All long-running programs of a run; knows which ended without being asked to. */
export class Processes {
  readonly #folder: string;
  readonly #all: LabProcess[] = [];
  readonly #deaths: string[] = [];

  constructor(logFolder: string) {
    this.#folder = logFolder;
  }

  get all(): readonly LabProcess[] {
    return this.#all;
  }

  /** What ended by itself, in words. */
  get deaths(): readonly string[] {
    return this.#deaths;
  }

  start(spec: ProcessSpec): LabProcess {
    const log = join(this.#folder, `${spec.node}-${spec.name}.log`);
    const started = new LabProcess(spec, log, (message) => this.#deaths.push(message));
    this.#all.push(started);
    started.start();
    return started;
  }

  /** Asks all to end and waits for them, the youngest first so that nobody loses what it depends on. */
  async stopAll(): Promise<void> {
    for (const process of this.#all) process.signal("SIGCONT");
    await Promise.all(this.#all.toReversed().map((process) => process.stop("SIGTERM", 2000)));
  }
}
