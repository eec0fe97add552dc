import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CodedError, ConfigError } from "../../src/wire/errors.ts";
import { catcherOf } from "./captures.ts";
import { clabFile, listLabs, noteFile, orphanedLabs } from "./catalogue.ts";
import { type ChaosField, runChaos } from "./chaos/run-chaos.ts";
import { parseClab, type Topology } from "./clab.ts";
import { kubeconfigOf } from "./control-plane.ts";
import { InterruptedError, LabConfigError } from "./errors.ts";
import { at, isObject } from "./json.ts";
import { Lab, type LabCaptures } from "./lab.ts";
import { namespaceOf } from "./names.ts";
import { Namespaces } from "./namespaces.ts";
import { type CaptureGoal, type ChaosGoal, requireNodes } from "./options.ts";
import { Processes } from "./processes.ts";
import { messageOf, Report, seconds } from "./report.ts";
import { RunGuard, sweepRun, unusedRunName } from "./run-guard.ts";

const LABS = dirname(import.meta.dirname);
const ROOT = dirname(LABS);

/** Where things are. */
export const FOLDERS = {
  root: ROOT,
  labs: LABS,
  runs: join(ROOT, "dist/lab"),
  captures: join(ROOT, "dist/captures"),
  graphs: join(ROOT, "dist/graphs"),
} as const;

const TAIL_LINES = 15;

export interface RunOptions {
  /** Leave the lab up after the check, until it is interrupted. */
  readonly keep: boolean;
  /** Where logs go and stay. */
  readonly logs: string | undefined;
  /** The built program. */
  readonly herald: string;
  /** Interfaces of which all packets are written down. */
  readonly captures?: readonly CaptureGoal[];
  /** Faults for a time, in place of the check. */
  readonly chaos?: ChaosGoal;
}

/** A topology, the folder of its files, and what is done when it is up. */
export interface LabWork {
  readonly topology: Topology;
  readonly folder: string;
  /** `logs` is a folder that stays when it fails. */
  work(lab: Lab, logs: string): Promise<void>;
}

/** Brings a lab up, checks it and takes it down again, whatever happens. Returns the exit code: 0 held, 1 did not, 2 bad lab file. */
export async function runLab(name: string, options: RunOptions): Promise<number> {
  const folder = join(LABS, name);
  const topology = loadTopology(name);
  requireNodes(topology, options.captures ?? []);
  const work = await workOf(name, options.chaos);
  return await inLab({ topology, folder, work }, options);
}

/** Brings a topology up, works in it and takes it down again, whatever happens. Returns the exit code, as {@link runLab}. */
export async function inLab(task: LabWork, options: RunOptions): Promise<number> {
  requireMachine(task.topology, options.herald);
  for (const { run, state } of orphanedLabs(FOLDERS.runs)) sweepRun(run, [state, noteFile(FOLDERS.runs, run)]);
  return await new LabRun(task, options).toTheEnd();
}

/** What is done in a lab: its check, or chaos. @throws LabConfigError when it has no such thing. */
async function workOf(name: string, chaos: ChaosGoal | undefined): Promise<LabWork["work"]> {
  const { check, prepareChaos } = await readCheck(join(LABS, name));
  if (chaos === undefined) {
    return async (lab) => {
      await lab.up();
      await check(lab);
    };
  }
  if (prepareChaos === undefined) {
    const fit = listLabs(LABS).filter((lab) => existsSync(join(LABS, lab.name, "chaos.ts")));
    const names = fit.map((lab) => lab.name).join(", ");
    throw new LabConfigError(name, {
      problems: [`nobody has said what chaos may do here; it can be had in: ${names}`],
    });
  }
  return async (lab, logs) => {
    await lab.up();
    await runChaos(lab, await prepareChaos(lab), { ...chaos, logs });
  };
}

/** What a lab's `check.ts` exports. */
interface LabCheck {
  check(lab: Lab): Promise<void>;
  prepareChaos?(lab: Lab): Promise<ChaosField>;
}

async function readCheck(folder: string): Promise<LabCheck> {
  const file = join(folder, "check.ts");
  const module: unknown = await import(pathToFileURL(file).href);
  if (isLabCheck(module)) return module;
  throw new LabConfigError(file, { problems: ["exports no function check(lab)"] });
}

function isLabCheck(module: unknown): module is LabCheck {
  if (!isObject(module)) return false;
  const prepare = at({ ...module }, "prepareChaos");
  return typeof at({ ...module }, "check") === "function" && (prepare === undefined || typeof prepare === "function");
}

/** @throws LabConfigError with the labs that there are. */
export function loadTopology(name: string): Topology {
  const file = clabFile(LABS, name);
  const known = listLabs(LABS).map((lab) => lab.name);
  if (!known.includes(name))
    throw new LabConfigError(name, { problems: [`no such lab; there are: ${known.join(", ")}`] });
  return parseClab(readFileSync(file, "utf8"), file);
}

/** Says what is missing before anything is made. */
function requireMachine(topology: Topology, herald: string): void {
  const problems: string[] = [];
  if (process.getuid?.() !== 0) problems.push("network namespaces need root");
  const programs = ["ip", "nsenter", "sysctl", "nft", "curl"];
  if (topology.nodes.some((node) => node.role === "frr")) programs.push("vtysh");
  const missing = programs.filter((program) => !isOnPath(program));
  if (missing.length > 0) {
    problems.push(`missing: ${missing.join(", ")}; apt-get install frr iproute2 nftables curl procps util-linux`);
  }
  if (topology.nodes.some((node) => node.role === "speaker") && !existsSync(herald))
    problems.push(`${herald}: no such file`);
  if (problems.length > 0) throw new LabConfigError("this machine cannot run the lab", { problems });
}

function isOnPath(program: string): boolean {
  const folders = `${process.env["PATH"] ?? ""}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch (error) {
      if (error instanceof Error && "code" in error) return false;
      throw error;
    }
  });
}

/** One run from the first namespace to the last removed one. */
class LabRun {
  readonly #options: RunOptions;
  readonly #task: LabWork;
  readonly #topology: Topology;
  readonly #run: string;
  readonly #state: string;
  readonly #logs: string;
  readonly #namespaces: Namespaces;
  readonly #processes: Processes;
  readonly #report = new Report((line) => process.stderr.write(`${line}\n`));
  readonly #guard: RunGuard;

  constructor(task: LabWork, options: RunOptions) {
    const { topology } = task;
    this.#options = options;
    this.#task = task;
    this.#topology = topology;
    this.#run = unusedRunName();
    this.#state = mkdtempSync(join(tmpdir(), `${this.#run}-`));
    // FRR's daemons run as their own user.
    chmodSync(this.#state, 0o755);
    this.#logs = options.logs === undefined ? join(FOLDERS.runs, this.#run) : resolve(options.logs);
    mkdirSync(this.#logs, { recursive: true });
    this.#namespaces = new Namespaces(this.#run, topology);
    this.#processes = new Processes(this.#logs);
    this.#guard = new RunGuard(this.#run, [this.#state, noteFile(FOLDERS.runs, this.#run)]);
  }

  async toTheEnd(): Promise<number> {
    const start = performance.now();
    const forget = this.#guard.catchSignals();
    this.#report.line(`lab ${this.#topology.name}, run ${this.#run}, logs in ${this.#logs}`);
    this.#writeNote();
    const lab = this.#makeLab();
    let failure: unknown;
    try {
      await this.#work(lab);
    } catch (error) {
      failure = error;
      this.#showFailure(error);
    }
    try {
      if (this.#options.keep && !(failure instanceof InterruptedError)) await this.#wait();
      await lab.down();
    } finally {
      this.#guard.cleanUp();
      forget();
    }
    this.#conclude(failure, performance.now() - start);
    if (failure !== undefined && !(failure instanceof CodedError)) throw failure;
    if (failure === undefined) return 0;
    return failure instanceof ConfigError ? 2 : 1;
  }

  /** Logs are kept when they can tell something, or were asked for. */
  #conclude(failure: unknown, took: number): void {
    const interrupted = failure instanceof InterruptedError;
    const useless = failure === undefined || interrupted || this.#options.logs !== undefined;
    if (useless) rmSync(join(FOLDERS.runs, this.#run), { recursive: true, force: true });
    const ended = interrupted ? "was interrupted after" : "FAILED in";
    const verdict = failure === undefined ? "passed in" : ended;
    const kept = failure === undefined || interrupted ? "" : `, the logs are in ${this.#logs}`;
    this.#report.line(`lab ${this.#topology.name} ${verdict} ${seconds(took).trim()}${kept}`);
  }

  #makeLab(): Lab {
    const paths = {
      root: ROOT,
      lab: this.#task.folder,
      state: this.#state,
      herald: resolve(this.#options.herald),
    };
    const ports = {
      report: this.#report,
      namespaces: this.#namespaces,
      processes: this.#processes,
      signal: this.#guard.signal,
    };
    return new Lab(this.#topology, paths, ports, this.#captures());
  }

  #captures(): LabCaptures | undefined {
    const { captures: goals = [], logs } = this.#options;
    if (goals.length === 0) return undefined;
    const folder = logs === undefined ? FOLDERS.captures : this.#logs;
    return { goals, catcher: catcherOf(isOnPath), folder, run: this.#run };
  }

  async #work(lab: Lab): Promise<void> {
    await this.#task.work(lab, this.#logs);
    lab.expectAlive();
  }

  #writeNote(): void {
    const file = noteFile(FOLDERS.runs, this.#run);
    mkdirSync(dirname(file), { recursive: true });
    const note = { lab: this.#topology.name, run: this.#run, pid: process.pid, state: this.#state };
    writeFileSync(file, `${JSON.stringify(note)}\n`);
  }

  async #wait(): Promise<void> {
    const { name, nodes } = this.#topology;
    const [first] = nodes;
    this.#report.line(`the lab is up until Ctrl-C
  npm run lab -- ${name} --shell ${first?.name ?? "NODE"}        a shell on a node
  ip netns exec ${namespaceOf(this.#run, first?.name ?? "NODE")} ip route
  KUBECONFIG=${kubeconfigOf(this.#state)} works on nodes with a management address`);
    const { signal } = this.#guard;
    if (signal.aborted) return;
    // The programs of the lab keep this process alive meanwhile.
    await new Promise<void>((wake) => signal.addEventListener("abort", () => wake(), { once: true }));
  }

  #showFailure(error: unknown): void {
    if (error instanceof InterruptedError) return;
    if (!this.#report.wasTold(error)) this.#report.line(messageOf(error));
    const dead = this.#processes.all.filter((p) => !p.running && p.spec.task !== true);
    const telling = this.#processes.all.filter((p) =>
      ["controller", "speaker", "apiserver", "bgpd"].includes(p.spec.name),
    );
    for (const process of new Set([...dead, ...telling])) {
      this.#report.line(`--- ${process.title}, last lines of ${process.logFile}`);
      for (const line of process.tail(TAIL_LINES)) this.#report.line(`    ${line.slice(0, 400)}`);
    }
  }
}
