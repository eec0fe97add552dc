import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** What the kernel says of a daemon: of one process and of those that it has started, together. */
export class Probe {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Milliseconds on a processor since it started, all threads, those that ended too; in steps of 10. */
  cpu(): number {
    return this.#sum((pid) => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) * 10;
    });
  }

  /** Resident MiB now; what processes share counts for each. */
  rss(): number {
    return this.#status("VmRSS");
  }

  /** The most resident MiB since the last `forgetPeak`. */
  peak(): number {
    return this.#status("VmHWM");
  }

  forgetPeak(): void {
    for (const pid of this.#pids()) writeFileSync(`/proc/${pid}/clear_refs`, "5");
  }

  /** Resolves when the process has done next to nothing for `quiet` milliseconds, with the moment it last did anything. */
  async settled(quiet: number): Promise<number> {
    let last = performance.now();
    let seen = this.#running();
    while (performance.now() - last < quiet) {
      await pause(2);
      const now = this.#running();
      if (now - seen > IDLE) last = performance.now();
      seen = now;
    }
    return last;
  }

  /** Milliseconds on a processor, exactly, of the threads that live. */
  #running(): number {
    const tasks = this.#pids().flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((task) => `${pid}/task/${task}`));
    let total = 0;
    for (const task of tasks) {
      try {
        total += Number(readFileSync(`/proc/${task}/schedstat`, "utf8").split(" ")[0]);
      } catch {
        // The thread ended between the two looks.
      }
    }
    return total / 1e6;
  }

  #status(field: string): number {
    return this.#sum((pid) => {
      const line = readFileSync(`/proc/${pid}/status`, "utf8")
        .split("\n")
        .find((one) => one.startsWith(field));
      return Number(/\d+/.exec(line ?? "")?.[0]) / 1024;
    });
  }

  #sum(of: (pid: number) => number): number {
    return this.#pids().reduce((sum, pid) => sum + of(pid), 0);
  }

  /** OpenBGPD is four processes. */
  #pids(): readonly number[] {
    const children = readFileSync(`/proc/${this.#pid}/task/${this.#pid}/children`, "utf8").split(" ");
    return [this.#pid, ...children.filter((word) => word !== "").map(Number)];
  }
}

/** Milliseconds of work in two that a process at rest still does. */
const IDLE = 0.3;
