import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { runName } from "./names.ts";
import { listNamespaces } from "./namespaces.ts";

const SWEEP = join(import.meta.dirname, "sweep.sh");
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Sees to it that nothing of a run is left, whatever its end: done, failed, Ctrl-C, a crash, or killed. */
export class RunGuard {
  readonly #sweep: readonly string[];
  readonly #interrupt = new AbortController();
  readonly #watchdog: ChildProcess;
  #clean = false;

  /** @param leftovers files and folders to remove with the namespaces */
  constructor(run: string, leftovers: readonly string[]) {
    this.#sweep = [SWEEP, run, ...leftovers];
    this.#watchdog = this.#startWatchdog();
  }

  /** Fires when the run has to end. */
  get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  /** Ctrl-C ends the run in order; so does a second one, only sooner. The returned function lets go of the signals again. */
  catchSignals(): () => void {
    const onSignal = (): void => {
      if (this.#interrupt.signal.aborted) process.exit(1);
      this.#interrupt.abort();
    };
    const onCrash = (error: unknown): void => {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exit(1);
    };
    const onExit = (): void => this.cleanUp();
    for (const signal of SIGNALS) process.on(signal, onSignal);
    process.on("uncaughtException", onCrash).on("unhandledRejection", onCrash).on("exit", onExit);
    return () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
      process.off("uncaughtException", onCrash).off("unhandledRejection", onCrash).off("exit", onExit);
    };
  }

  /** Synchronous: the last thing that runs, also when the process is on its way out. All programs are in the namespaces. */
  cleanUp(): void {
    if (this.#clean) return;
    this.#clean = true;
    spawnSync("sh", this.#sweep, { stdio: "ignore" });
    this.#watchdog.stdin?.end();
  }

  /** For the one end that nobody can catch, SIGKILL: a shell that cleans up when our end of its input closes. */
  #startWatchdog(): ChildProcess {
    const child = spawn("sh", this.#sweep, { detached: true, stdio: ["pipe", "ignore", "ignore"] });
    child.unref();
    return child;
  }
}

/** Removes what a run left whose runner and watchdog are gone. */
export function sweepRun(run: string, leftovers: readonly string[]): void {
  spawnSync("sh", [SWEEP, run, ...leftovers], { stdio: "ignore" });
}

/** A name for a run that no other run of this machine has. */
export function unusedRunName(): string {
  for (;;) {
    const candidate = runName(randomBytes(2));
    if (!listNamespaces().some((name) => name.startsWith(`${candidate}-`))) return candidate;
  }
}
