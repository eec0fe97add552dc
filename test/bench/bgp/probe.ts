import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** What the kernel says of one process. */
export class Probe {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Milliseconds on a processor since it started, all threads, those that ended too; in steps of 10. */
  cpu(): number {
    const stat = readFileSync(`/proc/${this.#pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** Resident MiB now. */
  rss(): number {
    return this.#status("VmRSS");
  }

  /** The most resident MiB since the last `forgetPeak`. */
  peak(): number {
    return this.#status("VmHWM");
  }

  forgetPeak(): void {
    writeFileSync(`/proc/${this.#pid}/clear_refs`, "5");
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
    const folder = `/proc/${this.#pid}/task`;
    let total = 0;
    for (const task of readdirSync(folder)) {
      try {
        total += Number(readFileSync(`${folder}/${task}/schedstat`, "utf8").split(" ")[0]);
      } catch {
        // The thread ended between the two looks.
      }
    }
    return total / 1e6;
  }

  #status(field: string): number {
    const line = readFileSync(`/proc/${this.#pid}/status`, "utf8")
      .split("\n")
      .find((one) => one.startsWith(field));
    return Number(/\d+/.exec(line ?? "")?.[0]) / 1024;
  }
}

/** Milliseconds of work in two that a process at rest still does. */
const IDLE = 0.3;
