import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Topology } from "../runner/clab.ts";
import { attempt, run } from "../runner/command.ts";
import { inNamespace, Namespaces } from "../runner/namespaces.ts";
import { type Look, until } from "../runner/poll.ts";
import { type LabProcess, Processes, type ProcessSpec } from "../runner/processes.ts";
import { HERALD, PORT, ROUTER } from "./addresses.ts";

/** Generous, because the machine may be busy; a case that holds takes what it takes. */
const PATIENCE = 30_000;

export interface StageOptions {
  /** Begins all names of this cell. */
  readonly run: string;
  /** Sockets and files of programs: a short path, gone afterwards. */
  readonly state: string;
  readonly logs: string;
  /** The bundled driver. */
  readonly engine: string;
  readonly signal: AbortSignal;
}

/** The two ends of one cell: a namespace for the router, one for us, and the link between them. */
export class Stage {
  readonly state: string;
  readonly engine: string;
  readonly #options: StageOptions;
  readonly #namespaces: Namespaces;
  readonly #processes: Processes;

  constructor(options: StageOptions) {
    this.#options = options;
    this.state = options.state;
    this.engine = options.engine;
    this.#namespaces = new Namespaces(options.run, TOPOLOGY);
    this.#processes = new Processes(options.logs);
  }

  async up(): Promise<void> {
    mkdirSync(this.state, { recursive: true });
    mkdirSync(this.#options.logs, { recursive: true });
    // Some routers run as a user of their own.
    chmodSync(this.state, 0o777);
    await this.#namespaces.up();
  }

  /** Ends everything at once: nobody has to be told. */
  async down(): Promise<void> {
    await attempt(["sh", SWEEP, this.#options.run, this.state]);
  }

  /** A program at one end of the link. */
  start(end: End, spec: Omit<ProcessSpec, "node">): LabProcess {
    return this.#processes.start({ ...spec, node: end, argv: inNamespace(this.#namespaces.of(end), spec.argv) });
  }

  get processes(): Processes {
    return this.#processes;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  namespaceOf(end: End): string {
    return this.#namespaces.of(end);
  }

  /** Runs a command at one end and returns what it printed. @throws CommandError when it fails. */
  async exec(end: End, argv: readonly string[], input?: string): Promise<string> {
    return await run(inNamespace(this.namespaceOf(end), argv), input === undefined ? {} : { input });
  }

  /** Looks until it sees what it wants; gives up early when a program died that nobody ended. */
  async until<T>(wanted: string, look: () => Promise<Look<T>>, within = PATIENCE): Promise<T> {
    const hopeless = (): string | undefined => this.#processes.deaths[0];
    const met = await until(wanted, { within, every: 50, signal: this.signal, hopeless }, look);
    return met.value;
  }

  /** Waits until somebody at an end listens for BGP, on one address at least. */
  async listening(end: End): Promise<void> {
    await this.until(`${end} listens for BGP`, async () => {
      const text = await this.exec(end, ["ss", "-Hltn", "sport", "=", ":179"]);
      return text.trim() === "" ? { seen: "nobody listens" } : { value: true };
    });
  }

  /** A counter of the kernel at one end, as `/proc/net/netstat` has it. */
  async kernelCounter(end: End, name: string): Promise<number> {
    const [keys = "", values = ""] = (await this.exec(end, ["grep", "^TcpExt:", "/proc/net/netstat"])).split("\n");
    return Number(values.split(" ")[keys.split(" ").indexOf(name)] ?? 0);
  }

  /** Writes a file of a program's own; returns where it is. */
  file(name: string, text: string, mode = 0o644): string {
    const path = join(this.state, name);
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    writeFileSync(path, text, { mode });
    return path;
  }
}

export type End = "router" | "herald";

const SWEEP = join(dirname(import.meta.dirname), "runner/sweep.sh");

const TOPOLOGY: Topology = {
  name: "interop",
  nodes: [
    { ...node("router", [ROUTER[4], ROUTER[6]]), sysctls: { "net.ipv4.ip_forward": "1" } },
    node("herald", [...HERALD[4], ...HERALD[6]]),
  ],
  links: [
    [
      { node: "router", port: PORT },
      { node: "herald", port: PORT },
    ],
  ],
};

function node(name: End, addresses: readonly string[]): Topology["nodes"][number] {
  const exec = addresses.map((address) =>
    `ip addr add ${address}/${address.includes(":") ? "64" : "24"} dev ${PORT}`.split(" "),
  );
  const nothing = { labels: {}, env: {}, sysctls: {}, binds: [] };
  return { name, kind: "linux", role: undefined, management: undefined, exec, ...nothing };
}
