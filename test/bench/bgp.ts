import type { ChildProcess } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { type Bench, type BenchOptions, median, type Table } from "./bench.ts";
import { bundleSubject } from "./bgp/bundle.ts";
import type { ChangeFigures } from "./bgp/changes.ts";
import {
  bird,
  type Daemon,
  exabgp,
  FEEDER,
  frr,
  gobgp,
  herald,
  openbgpd,
  ROUTER,
  type Running,
  subject,
} from "./bgp/daemons.ts";
import { dump } from "./bgp/feed.ts";
import { Probe } from "./bgp/probe.ts";
import { CountingRouter } from "./bgp/router.ts";

const ROUTES = 100_000;
const MANY = 1_000_000;
const PER_SET = 100;
const FIRST_PORT = 17_900;
const QUIET = 700;

type Note = (text: string) => void;
type Figures = Readonly<Record<string, number>>;

/** Each run has ports of its own: a closed one is not to be had again at once. */
class Ports {
  #next = FIRST_PORT + (process.pid % 500) * 50;

  take(): number {
    this.#next += 2;
    return this.#next;
  }
}

async function withDaemon<T>(running: Running, measure: (probe: Probe) => Promise<T>): Promise<T> {
  try {
    return await measure(new Probe(running.pid));
  } finally {
    await running.stop();
  }
}

/** A daemon that has its table tells it to a router that was not there before. */
function announce(daemon: Daemon, port: number, perSet: number | undefined): Promise<Figures> {
  return withDaemon(daemon.start(port, { routes: ROUTES, perSet }), async (probe) => {
    const feeder = daemon.fed ? await CountingRouter.dial(port, FEEDER) : undefined;
    await feeder?.write(dump(FEEDER.asn, { routes: ROUTES, perSet }));
    await pause(daemon.name === exabgp.name ? 10_000 : 1_000);
    await probe.settled(QUIET);
    const before = probe.cpu();
    const router = await CountingRouter.dial(port, ROUTER);
    router.wanted = ROUTES;
    await Promise.race([router.until(() => router.announced >= ROUTES || router.closed), pause(20_000)]);
    const figures = {
      first: router.firstUpdateAt - router.establishedAt,
      most: router.mostAt - router.establishedAt,
      last: router.lastUpdateAt - router.establishedAt,
      updates: router.updates,
      octets: router.octets,
      missing: ROUTES - router.announced,
    };
    await probe.settled(QUIET);
    const cpu = { cpu: (probe.cpu() - before) / 1000, total: probe.cpu() / 1000, peak: probe.peak() };
    router.close();
    feeder?.close();
    return { ...figures, ...cpu };
  });
}

/** A router tells a daemon that has nothing. */
function takeIn(
  daemon: Daemon,
  port: number,
  table: { readonly routes: number; readonly perSet?: number },
): Promise<Figures> {
  const bytes = dump(ROUTER.asn, table);
  return withDaemon(daemon.start(port, { routes: 0, perSet: undefined }), async (probe) => {
    await pause(500);
    const router = await CountingRouter.dial(port, ROUTER);
    await pause(1_000);
    await probe.settled(QUIET);
    const cpu = probe.cpu();
    const idle = probe.rss();
    probe.forgetPeak();
    const start = performance.now();
    void router.write(bytes);
    const done = (await probe.settled(QUIET)) - start;
    const figures = {
      done,
      cpu: (probe.cpu() - cpu) / 1000,
      idle,
      growth: probe.peak() - idle,
      lost: router.closed ? 1 : 0,
    };
    router.close();
    return figures;
  });
}

/** One process, many sessions, one table. */
async function fleet(
  bundle: string,
  port: number,
  size: { readonly peers: number; readonly routes: number },
): Promise<Figures> {
  const routers: CountingRouter[] = [];
  const servers = await Promise.all(
    Array.from({ length: size.peers }, (_, n) =>
      CountingRouter.listen(port, { asn: ROUTER.asn, address: `127.0.${1 + (n >>> 8)}.${n & 255}` }, (router) => {
        routers.push(router);
      }),
    ),
  );
  const start = performance.now();
  return withDaemon(subject(bundle, { type: "dial", port, ...size }), async (probe) => {
    const complete = (router: CountingRouter): boolean => router.announced >= size.routes && router.ended;
    while (routers.filter(complete).length < size.peers) {
      await pause(5);
      if (performance.now() - start > 120_000) {
        for (const server of servers) server.close();
        throw new Error(`not converged: ${routers.map((router) => router.standing).join(", ")}`);
      }
    }
    const converged = Math.max(...routers.filter(complete).map(({ lastUpdateAt }) => lastUpdateAt)) - start;
    const wire = converged - (Math.min(...routers.filter(complete).map(({ establishedAt }) => establishedAt)) - start);
    const cpu = probe.cpu() / 1000;
    const peak = probe.peak();
    await pause(2_000);
    const rest = probe.cpu();
    await pause(10_000);
    const idle = (probe.cpu() - rest) / 100;
    const rss = probe.rss();
    for (const server of servers) server.close();
    for (const router of routers) router.close();
    return { converged, wire, cpu, peak, idle, rss };
  });
}

async function change(bundle: string, port: number): Promise<ChangeFigures> {
  const peers = 4;
  const servers = await Promise.all(
    Array.from({ length: peers }, (_, n) =>
      CountingRouter.listen(port, { asn: ROUTER.asn, address: `127.0.1.${n}` }, () => {}),
    ),
  );
  const running = subject(bundle, { type: "change", port, peers, services: 10_000, changes: 3_000 });
  try {
    return JSON.parse(await firstLine(running.child)) as ChangeFigures;
  } finally {
    await running.stop();
    for (const server of servers) server.close();
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (chunk) => {
      text += chunk;
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
    });
    child.once("close", () => reject(new Error("the process under test ended without an answer")));
  });
}

/** Medians, column by column, of runs whose order goes round, so that a busy minute is not one daemon's. */
async function rounds(
  { daemons, runs, note }: { readonly daemons: readonly Daemon[]; readonly runs: number; readonly note: Note },
  measure: (daemon: Daemon) => Promise<Figures>,
): Promise<ReadonlyMap<string, Figures>> {
  const all = new Map<string, Figures[]>(daemons.map(({ name }) => [name, []]));
  for (let round = 0; round < runs; round++) {
    for (const daemon of daemons) {
      note(`${daemon.name}, round ${round + 1} of ${runs}`);
      try {
        const figures = await measure(daemon);
        all.get(daemon.name)?.push(figures);
        note(JSON.stringify(figures));
      } catch (error) {
        note(`${daemon.name} failed: ${error}`);
      }
    }
  }
  return new Map([...all].map(([name, figures]) => [name, medians(figures)]));
}

function medians(figures: readonly Figures[]): Figures {
  const keys = Object.keys(figures[0] ?? {});
  return Object.fromEntries(keys.map((key) => [key, median(figures.map((one) => one[key] ?? Number.NaN))]));
}

function rows(
  results: ReadonlyMap<string, Figures>,
  columns: readonly (readonly [key: string, digits: number])[],
): readonly (readonly string[])[] {
  return [...results].map(([name, figures]) => [name, ...columns.map(([key, digits]) => number(figures[key], digits))]);
}

function number(value: number | undefined, digits: number): string {
  return (value ?? Number.NaN).toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

interface Setting {
  readonly daemons: readonly Daemon[];
  readonly runs: number;
  readonly note: Note;
  readonly ports: Ports;
  readonly bundle: string;
  readonly skipped: string;
}

async function announceTable(setting: Setting, perSet: number | undefined): Promise<Table> {
  const results = await rounds(setting, (daemon) => announce(daemon, setting.ports.take(), perSet));
  const sets = perSet === undefined ? "one attribute set" : `one attribute set per ${perSet}`;
  return {
    title: `BGP: announce 100,000 IPv4 /32, ${sets}`,
    columns: [
      "daemon",
      "first UPDATE ms",
      "99 % ms",
      "last ms",
      "UPDATEs",
      "octets",
      "CPU s",
      "CPU s since start",
      "peak RSS MiB",
      "not sent",
    ],
    rows: rows(results, [
      ["first", 0],
      ["most", 0],
      ["last", 0],
      ["updates", 0],
      ["octets", 0],
      ["cpu", 2],
      ["total", 2],
      ["peak", 0],
      ["missing", 0],
    ]),
    remark: `Milliseconds after Established, at a receiver that only counts, over loopback; medians of ${setting.runs}. The table is there before the router comes: Herald, BIRD and ExaBGP have it from their own, OpenBGPD, GoBGP and FRR from a feeder.${setting.skipped}`,
  };
}

async function intakeTable(
  setting: Setting,
  title: string,
  table: { readonly routes: number; readonly perSet?: number },
): Promise<Table> {
  const results = await rounds(setting, (daemon) => takeIn(daemon, setting.ports.take(), table));
  return {
    title: `BGP: take in ${title}`,
    columns: ["daemon", "done ms", "CPU s", "idle RSS MiB", "growth to peak MiB", "session lost"],
    rows: rows(results, [
      ["done", 0],
      ["cpu", 2],
      ["idle", 0],
      ["growth", 0],
      ["lost", 0],
    ]),
    remark: `From the first octet sent to the last moment the daemon used a processor; medians of ${setting.runs}.${setting.skipped}`,
  };
}

async function fleetTable({ bundle, ports, note, runs }: Setting): Promise<Table> {
  const sizes = [
    { peers: 1, routes: ROUTES },
    { peers: 10, routes: ROUTES },
    { peers: 50, routes: ROUTES },
    { peers: 200, routes: 1_000 },
  ];
  const lines: string[][] = [];
  for (const size of sizes) {
    note(`${size.peers} session(s) with ${size.routes} routes`);
    const figures: Figures[] = [];
    for (let run = 0; run < Math.min(runs, 3); run++) figures.push(await fleet(bundle, ports.take(), size));
    const [figure] = [medians(figures)];
    const cells = (["converged", "wire", "cpu", "idle", "peak", "rss"] as const).map((key, i) =>
      number(figure[key], i === 2 || i === 3 ? 2 : 0),
    );
    lines.push([number(size.peers, 0), number(size.routes, 0), ...cells]);
  }
  return {
    title: "BGP: many sessions in one process",
    columns: [
      "sessions",
      "routes each",
      "start to converged ms",
      "of that after the first Established ms",
      "CPU s",
      "CPU idle %",
      "peak RSS MiB",
      "RSS after 12 s MiB",
    ],
    rows: lines,
    remark:
      "From the start of the process, Node's own and the making of the routes included, to the last UPDATE at the last of the routers, which all run in the measuring process; CPU idle over 10 s.",
  };
}

async function changeTable({ bundle, ports, note }: Setting): Promise<Table> {
  note("endpoint changes");
  const { latencies } = await change(bundle, ports.take());
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))], 3);
  return {
    title: "BGP: one endpoint change to its UPDATEs written, 10,000 Services announced to 4 peers",
    columns: ["changes", "p50 ms", "p99 ms", "worst ms"],
    rows: [[number(latencies.length, 0), at(0.5), at(0.99), at(1)]],
    remark:
      "From the change of a Service's endpoints being known to the write of the fourth UPDATE: decision, route table, adj-rib-out and encoding.",
  };
}

async function run(note: Note, { runs, only }: BenchOptions): Promise<readonly Table[]> {
  const { file: bundle, remove } = await bundleSubject();
  try {
    const everyone = [herald(bundle), bird, openbgpd, frr, gobgp, exabgp];
    const daemons = everyone.filter(({ program }) => program !== undefined);
    const missing = everyone.filter(({ program }) => program === undefined).map(({ name }) => name);
    const skipped = missing.length === 0 ? "" : ` Not installed, so not measured: ${missing.join(", ")}.`;
    const setting: Setting = { daemons, runs, note, ports: new Ports(), bundle, skipped };
    const ours = { ...setting, daemons: daemons.slice(0, 1) };
    const parts: Readonly<Record<string, () => Promise<Table>>> = {
      announce: () => announceTable(setting, undefined),
      "announce-sets": () => announceTable(setting, PER_SET),
      intake: () => intakeTable(setting, "100,000 IPv4 /32, one attribute set", { routes: ROUTES }),
      "intake-sets": () =>
        intakeTable(setting, "100,000 IPv4 /32, one attribute set per 100", { routes: ROUTES, perSet: PER_SET }),
      million: () => intakeTable(ours, "1,000,000 IPv4 /32 with the limit off", { routes: MANY, perSet: PER_SET }),
      sessions: () => fleetTable(setting),
      change: () => changeTable(setting),
    };
    const tables: Table[] = [];
    for (const [name, table] of Object.entries(parts))
      if (only === undefined || name === only) tables.push(await table());
    return tables;
  } finally {
    remove();
  }
}

export const bgpBench: Bench = {
  name: "bgp",
  summary: "routes announced, taken in and changed, beside BIRD, FRR, GoBGP and ExaBGP; many sessions at once",
  run,
};
