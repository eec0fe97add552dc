import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { BfdInspection, BfdSessionReport } from "../../src/speaker/bfd-messages.ts";
import type { ProgramSession } from "./bfd-program.ts";

/** Every run has namespaces of its own, and removes what runs that are no more have left behind. */
const PREFIX = "hbfd";
const name = (node: string): string => `${PREFIX}${process.pid}${node}`;
const SPEAKER = name("a");
const ROUTER = name("r");
const MIDDLE = name("m");

/** Whether this machine can run them: as root, with the routers' Debian packages and the native sockets. */
export const possible =
  process.getuid?.() === 0 &&
  ["/usr/lib/frr/bfdd", "/usr/sbin/bird", "src/system/native/netraw.node"].every((file) => existsSync(file));

function ip(...words: readonly string[]): string {
  return execFileSync("ip", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function batch(lines: string): void {
  execFileSync("ip", ["-batch", "-"], { input: lines });
}

function inside(namespace: string, argv: readonly string[]): readonly string[] {
  return ["nsenter", `--net=/run/netns/${namespace}`, "--", ...argv];
}

/** Where it may be had: a router that is real-time answers however busy the machine is, as one with a processor of its own does. */
const REAL_TIME = ["chrt", "--rr", "2"];

function realTime(argv: readonly string[]): readonly string[] {
  const { status } = spawnSync("chrt", [...REAL_TIME.slice(1), "true"], { stdio: "ignore" });
  return status === 0 ? [...REAL_TIME, ...argv] : argv;
}

/**
 * A process of its own session, which the scheduler puts before whatever else the machine is doing: a router without CPU is a
 * dead peer, and rightly said so. Within our own process nothing is changed.
 */
function start(namespace: string, argv: readonly string[]): ChildProcess {
  const [program = "", ...rest] = inside(namespace, argv);
  const child = spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"], detached: true });
  const group = `/proc/${child.pid}/autogroup`;
  if (existsSync(group)) writeFileSync(group, "-20");
  return child;
}

/** Microseconds of the clock that BFD's thread uses too. */
export function monotonic(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/**
 * A speaker and a router on one link (10.77.0.1 and .2, fd77::1 and ::2, fe80::1 and ::2 on `e0`), and once more with a hop
 * between them (10.77.1.1 and 10.77.2.2 on `e1`).
 */
export function makeNamespaces(): void {
  removeNamespaces();
  for (const namespace of [SPEAKER, ROUTER, MIDDLE]) {
    ip("netns", "add", namespace);
    const off = ["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv4.ip_forward=1"];
    execFileSync("nsenter", [`--net=/run/netns/${namespace}`, "--", "sysctl", "-qw", ...off]);
  }
  batch(`link add e0 netns ${SPEAKER} type veth peer name e0 netns ${ROUTER}
link add e1 netns ${SPEAKER} type veth peer name e0 netns ${MIDDLE}
link add e1 netns ${ROUTER} type veth peer name e1 netns ${MIDDLE}
`);
  for (const [namespace, v4, v6] of [
    [SPEAKER, "10.77.0.1/24 10.77.1.1/24", "fd77::1/64 fe80::1/64"],
    [ROUTER, "10.77.0.2/24 10.77.2.2/24", "fd77::2/64 fe80::2/64"],
  ] as const) {
    const [near = "", far = ""] = v4.split(" ");
    const lines = [
      "link set lo up",
      "link set e0 up",
      "link set e1 up",
      `addr add ${near} dev e0`,
      `addr add ${far} dev e1`,
    ];
    lines.push(...v6.split(" ").map((address) => `addr add ${address} dev e0`));
    for (const line of lines) ip("-n", namespace, ...line.split(" "));
  }
  const middle = ["link set e0 up", "link set e1 up", "addr add 10.77.1.3/24 dev e0", "addr add 10.77.2.3/24 dev e1"];
  for (const line of middle) ip("-n", MIDDLE, ...line.split(" "));
  ip("-n", SPEAKER, "route", "add", "10.77.2.0/24", "via", "10.77.1.3");
  ip("-n", ROUTER, "route", "add", "10.77.1.0/24", "via", "10.77.2.3");
}

/** The router drops packets of ours that this nftables expression fits; undefined takes that back. */
export function dropAtRouter(expression: string | undefined): void {
  const table = `add table inet test; delete table inet test;`;
  const rules =
    expression === undefined
      ? ""
      : `table inet test {\n chain c {\n type filter hook prerouting priority raw; policy accept;\n ${expression} drop\n }\n }`;
  execFileSync("nsenter", [`--net=/run/netns/${ROUTER}`, "--", "nft", "-f", "-"], { input: `${table}\n${rules}\n` });
}

export function removeNamespaces(): void {
  for (const found of existsSync("/run/netns") ? readdirSync("/run/netns") : []) {
    const owner = new RegExp(`^${PREFIX}(\\d+)[arm]$`).exec(found)?.[1];
    if (owner !== undefined && (owner === `${process.pid}` || !existsSync(`/proc/${owner}`))) ip("netns", "del", found);
  }
}

async function until(what: string, within: number, holds: () => boolean): Promise<void> {
  const end = performance.now() + within;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${within} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A router's daemon, its own view, and what a test does to it. */
export interface Router {
  readonly daemon: ChildProcess;
  /** What it calls the state of its session with a peer, in lower case, with its word for why. */
  sees(peer: string): { readonly state: string; readonly why: string };
  stop(): void;
}

export interface FrrRouter extends Router {
  /** Takes lines of its configuration. */
  configure(lines: string): void;
  /** All it says about a session. */
  session(peer: string): Readonly<Record<string, unknown>>;
}

export async function waitFor(router: Router, peer: string, state: string): Promise<void> {
  await until(`the router sees ${peer} ${state}`, 5000, () => router.sees(peer).state === state);
}

/** FRR's bfdd with zebra. `configure` takes lines of its configuration. */
export async function startFrr(config: string): Promise<FrrRouter> {
  const folder = mkdtempSync(join(tmpdir(), "hbfd-frr-"));
  execFileSync("chown", ["frr:frr", folder]);
  const common = ["--vty_socket", folder, "-z", join(folder, "zserv.api"), "-u", "frr", "-g", "frr", "-P", "0"];
  const rest = ["-f", "/dev/null", "--log", "stdout"];
  const run = (program: string, ...more: string[]): ChildProcess => {
    const options = [...common, "-i", join(folder, `${program}.pid`), ...more, ...rest];
    const daemon = start(ROUTER, realTime([`/usr/lib/frr/${program}`, ...options]));
    daemon.stdout?.resume();
    return daemon;
  };
  const vtysh = (...words: string[]): string =>
    execFileSync("vtysh", ["--vty_socket", folder, "--config_dir", folder, ...words], { encoding: "utf8" });
  writeFileSync(join(folder, "vtysh.conf"), "");
  const zebra = run("zebra");
  await until("zebra listens", 10_000, () => existsSync(join(folder, "zebra.vty")));
  const daemon = run("bfdd", "--bfdctl", join(folder, "bfdd.sock"));
  await until("bfdd listens", 10_000, () => existsSync(join(folder, "bfdd.vty")));
  const configure = (lines: string): void => {
    const file = join(folder, "lines.conf");
    writeFileSync(file, lines);
    vtysh("-f", file);
  };
  const session = (peer: string): Readonly<Record<string, unknown>> => {
    const peers = JSON.parse(vtysh("-c", "show bfd peers json")) as Record<string, unknown>[];
    return peers.find((entry) => entry["peer"] === peer) ?? {};
  };
  configure(config);
  return {
    daemon,
    configure,
    session,
    sees: (peer) => {
      const found = session(peer);
      return { state: `${found["status"]}`, why: `${found["diagnostic"]}, ${found["remote-diagnostic"]}` };
    },
    stop: () => {
      for (const child of [daemon, zebra]) child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function startBird(config: string): Promise<Router> {
  const folder = join(mkdtempSync(join(tmpdir(), "hbfd-bird-")), "run");
  mkdirSync(folder);
  const file = join(folder, "bird.conf");
  const control = join(folder, "bird.ctl");
  writeFileSync(file, config);
  const daemon = start(ROUTER, realTime(["/usr/sbin/bird", "-f", "-c", file, "-s", control]));
  await until("bird listens", 10_000, () => existsSync(control));
  return {
    daemon,
    sees: (peer) => {
      const table = execFileSync("birdc", ["-s", control, "show bfd sessions"], { encoding: "utf8" });
      const row = table.split("\n").find((line) => line.startsWith(`${peer} `));
      return { state: row?.split(/\s+/)[2]?.toLowerCase() ?? "unknown", why: "" };
    },
    stop: () => {
      daemon.kill("SIGKILL");
      rmSync(join(folder, ".."), { recursive: true, force: true });
    },
  };
}

/** A line of our program. */
export interface ProgramEvent {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  readonly at: number;
  readonly heard: number;
}

interface ProgramInspection {
  readonly inspection: BfdInspection;
}

/** Our service in a process of its own. */
export class Program {
  readonly events: ProgramEvent[] = [];
  /** The answer to the last "inspect". */
  inspection: BfdInspection | undefined;
  /** When the sessions were asked for. */
  opened: number | undefined;
  readonly #child: ChildProcess;

  constructor(sessions: readonly ProgramSession[], options: { readonly stall?: boolean } = {}) {
    const words = sessions.map((session) => JSON.stringify(session));
    const stall = options.stall === true ? ["--stall"] : [];
    this.#child = start(SPEAKER, ["node", "--import", "tsx", "test/speaker/bfd-program.ts", ...stall, ...words]);
    if (this.#child.stdout === null) throw new Error("no output to read");
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const said = JSON.parse(line) as ProgramEvent | { readonly opened: number } | ProgramInspection;
      if ("opened" in said) this.opened = said.opened;
      else if ("id" in said) this.events.push(said);
      else this.inspection = said.inspection;
    });
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The first such change of a session, from now on or since `after`. */
  async change(id: number, to: string, { within = 5000, after = 0 } = {}): Promise<ProgramEvent> {
    const find = (): ProgramEvent | undefined => this.events.find((e) => e.id === id && e.to === to && e.at > after);
    await until(`session ${id} ${to}`, within, () => find() !== undefined);
    const found = find();
    if (found === undefined) throw new Error("lost");
    return found;
  }

  /** The first session once its path is tested by echo packets. */
  async echoing(): Promise<BfdSessionReport> {
    for (let attempt = 0; attempt < 100; attempt++) {
      await this.#inspect();
      const session = this.inspection?.sessions[1];
      if (session?.echoInterval !== undefined) return session;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("no echo packet came back");
  }

  /** The most that a timer of BFD's thread was late, in microseconds. */
  async worstLateness(): Promise<number> {
    await this.#inspect();
    return this.inspection?.worstLateness ?? Number.NaN;
  }

  async #inspect(): Promise<void> {
    const before = this.inspection;
    this.say("inspect 0");
    await until("an inspection", 5000, () => this.inspection !== before);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
