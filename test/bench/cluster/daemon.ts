import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { Probe } from "../bgp/probe.ts";

/** How often the turns of the process under test are looked at, in milliseconds: it counts that as a turn. */
const RESOLUTION = 5;
/** Loaded before the program: says on SIGUSR2 how long its turns were since the last time. */
const TURNS = `data:text/javascript,${encodeURIComponent(`
import { monitorEventLoopDelay } from "node:perf_hooks";
const turns = monitorEventLoopDelay({ resolution: ${RESOLUTION} });
turns.enable();
process.on("SIGUSR2", () => {
  process.stderr.write("turns " + turns.max / 1e6 + " " + turns.percentile(99) / 1e6 + "\\n");
  turns.reset();
});`)}`;
const SETTLED_BELOW = 30;

/** What a process used since the last look. */
export interface Usage {
  readonly cpuSeconds: number;
  readonly peakMib: number;
  readonly turns: Turns;
  /** Requests to the API by verb. */
  readonly requests: ReadonlyMap<string, number>;
}

/** How long something that comes up has to wait for a turn of the event loop, in milliseconds. */
export interface Turns {
  readonly longest: number;
  /** Of a hundred moments, 99 wait no longer. */
  readonly p99: number;
}

export interface DaemonOptions {
  readonly bundle: string;
  readonly args: readonly string[];
  /** Where it serves its metrics; without, its requests are not counted. */
  readonly metricsPort?: number;
}

/** A process of the bundle, with what the kernel and its own metrics say of it. */
export class Daemon {
  readonly #child: ChildProcess;
  readonly #metricsPort: number | undefined;
  readonly #messages = new Map<string, number>();
  readonly #exited: Promise<void>;
  readonly probe: Probe;
  #rest = "";
  #said = "";
  #cpu = 0;
  #requests: ReadonlyMap<string, number> = new Map();

  constructor({ bundle, args, metricsPort }: DaemonOptions) {
    this.#metricsPort = metricsPort;
    const env = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
    this.#child = spawn(process.execPath, ["--import", TURNS, bundle, ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => this.#count(chunk.toString()));
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-10_000);
    });
    this.#exited = new Promise((resolve) => this.#child.once("close", () => resolve()));
    this.probe = new Probe(this.#child.pid ?? 0);
  }

  /** Resolves when it has logged something: from now on its turns are those of the program, and not of loading it. */
  async begun(): Promise<void> {
    while (this.#messages.size === 0 && this.#child.exitCode === null) await pause(1);
    await this.#turns();
  }

  /** How many lines with this message it logged. */
  logged(message: string): number {
    return this.#messages.get(message) ?? 0;
  }

  /** What it used since the last call, or since it started. */
  async usage(): Promise<Usage> {
    const cpu = this.probe.cpu();
    const requests = await this.#countRequests();
    const before = this.#requests;
    const fresh = [...requests].map(([verb, count]) => [verb, count - (before.get(verb) ?? 0)] as const);
    const usage = {
      cpuSeconds: (cpu - this.#cpu) / 1000,
      peakMib: this.probe.peak(),
      turns: await this.#turns(),
      requests: new Map(fresh.filter(([, count]) => count > 0)),
    };
    this.probe.forgetPeak();
    this.#requests = requests;
    this.#cpu = this.probe.cpu();
    return usage;
  }

  /** Resolves when it has done next to nothing for two seconds, or after the limit. */
  async settled(limitMs = 60_000): Promise<void> {
    const end = performance.now() + limitMs;
    let calm = 0;
    while (calm < 4 && performance.now() < end) {
      const before = this.probe.cpu();
      await pause(500);
      calm = this.probe.cpu() - before < SETTLED_BELOW ? calm + 1 : 0;
    }
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const patience = setTimeout(() => this.#child.kill("SIGKILL"), 15_000);
    await this.#exited;
    clearTimeout(patience);
  }

  #count(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const message = /"msg":"([^"]*)"/.exec(line)?.[1] ?? "";
      this.#messages.set(message, (this.#messages.get(message) ?? 0) + 1);
    }
  }

  async #turns(): Promise<Turns> {
    this.#said = "";
    this.#child.kill("SIGUSR2");
    const wait = (ms: string | undefined): number => Math.max(0, Number(ms) - RESOLUTION);
    for (let waited = 0; waited < 20_000; waited += 5) {
      const [, longest, p99] = /turns ([\d.]+) ([\d.]+)\n/.exec(this.#said) ?? [];
      if (longest !== undefined) return { longest: wait(longest), p99: wait(p99) };
      await pause(5);
    }
    return { longest: Number.NaN, p99: Number.NaN };
  }

  async #countRequests(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    if (this.#metricsPort === undefined) return counts;
    const text = await (await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`)).text();
    for (const [, labels = "", count] of text.matchAll(/^herald_api_requests_total\{([^}]*)\} (\d+)/gm)) {
      const verb = /verb="([^"]*)"/.exec(labels)?.[1] ?? "";
      counts.set(verb, (counts.get(verb) ?? 0) + Number(count));
    }
    return counts;
  }
}
