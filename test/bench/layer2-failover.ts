import { join } from "node:path";
import { allDone } from "../../labs/runner/command.ts";
import type { Lab } from "../../labs/runner/lab.ts";
import { LanTap } from "../../labs/runner/lan-tap.ts";
import { outageAfter, startLoad } from "../../labs/runner/load.ts";
import { monotonic } from "../../labs/runner/monotonic.ts";
import { pause } from "../../labs/runner/poll.ts";
import { FOLDERS, inLab } from "../../labs/runner/run-lab.ts";
import { addressesOf, vipOf } from "../../labs/runner/service-address.ts";
import { answersFrom } from "../../labs/runner/traffic.ts";
import { placeEndpoints } from "../../labs/runner/workload.ts";
import type { Bench, BenchOptions, Table } from "./bench.ts";
import { type Contender, herald, keepalived, keepalivedInstalled, VIP } from "./layer2/contenders.ts";
import { CLIENT, PODS, topologyOf, WATCH } from "./layer2/topology.ts";

const SIZES = [3, 10];
/** Requests a second while a node dies: the resolution is four milliseconds. */
const KILL_RATE = 250;
const MOVE_RATE = 1000;
const CONNECTION_RATE = 50;
const MOVE_SECONDS = 10;
/** keepalived's default takes four seconds to notice. */
const LONGEST_OUTAGE = 20;
const MOVES = 3;

type Note = (text: string) => void;

/** What came of the loads across a move and the move back. */
interface Move {
  readonly sent: number;
  readonly lost: number;
  readonly connections: number;
  readonly again: number;
  readonly failed: number;
}

interface Figures {
  readonly size: number;
  readonly name: string;
  readonly outages: readonly number[];
  readonly moves: readonly Move[];
}

interface Scene {
  readonly lab: Lab;
  readonly tap: LanTap;
  readonly nodes: readonly string[];
  readonly note: Note;
  readonly runs: number;
}

/** A node dies, or hands over: how long the client of a service notices, beside keepalived. */
export const layer2FailoverBench: Bench = {
  name: "layer2-failover",
  summary: "a node that answers for an address dies or hands over, beside keepalived (needs root and a build)",
  run: async (note, options) => {
    const figures: Figures[] = [];
    for (const size of SIZES) figures.push(...(await measureSize(size, note, options)));
    return [deathTable(figures), moveTable(figures)];
  },
};

async function measureSize(size: number, note: Note, { runs, only }: BenchOptions): Promise<readonly Figures[]> {
  const nodes = Array.from({ length: size }, (_, i) => `n${i + 1}`);
  const figures: Figures[] = [];
  const work = async (lab: Lab): Promise<void> => {
    const scene = await prepare(lab, nodes, { note, runs });
    for (const contender of contendersOf(lab, nodes)) {
      if (only !== undefined && !contender.name.includes(only)) continue;
      figures.push(await measure(scene, contender));
    }
  };
  const task = { topology: topologyOf(nodes), folder: join(FOLDERS.labs, "l2-failover"), work };
  const herald = join(FOLDERS.root, "dist/herald.js");
  const code = await inLab(task, { keep: false, logs: undefined, herald });
  if (code !== 0) throw new Error(`the lab with ${size} nodes failed`);
  return figures;
}

function contendersOf(lab: Lab, nodes: readonly string[]): readonly Contender[] {
  if (!keepalivedInstalled) return [herald(lab, nodes)];
  return [
    herald(lab, nodes),
    keepalived(lab, nodes, { name: "keepalived, 100 ms", interval: 0.1, version: 3 }),
    keepalived(lab, nodes, { name: "keepalived, default", interval: 1, version: 2 }),
  ];
}

async function prepare(
  lab: Lab,
  nodes: readonly string[],
  { note, runs }: { readonly note: Note; readonly runs: number },
): Promise<Scene> {
  await lab.up();
  for (const object of OBJECTS) await lab.api.apply(object);
  await placeEndpoints(lab, "web", { ready: PODS });
  await addressesOf(lab, "web", [4]);
  // Whoever is measured first starts them again.
  await allDone(nodes.map((node) => lab.speaker(node).stop("SIGTERM")));
  const tap = await LanTap.on(lab, WATCH);
  tap.ask(VIP);
  return { lab, tap, nodes, note, runs };
}

async function measure(scene: Scene, contender: Contender): Promise<Figures> {
  const { lab, tap, nodes, note, runs } = scene;
  await contender.start();
  const first = await tap.owner(VIP, { within: 60_000 });
  await answersFrom(lab, CLIENT, vipOf(VIP), 20);
  note(`${nodes.length} nodes, ${contender.name}: ${first.node} answers`);
  const outages: number[] = [];
  for (let run = 1; run <= runs; run++) {
    const outage = await die(scene, contender);
    // A machine too busy to cut the link while the load lasts has measured nothing.
    if (outage > 0) outages.push(outage);
    note(`${nodes.length} nodes, ${contender.name}, ${run} of ${runs}: ${Math.round(outage)} ms`);
  }
  const moves: Move[] = [];
  for (let run = 0; run < MOVES; run++) moves.push(await move(scene, contender));
  note(`${nodes.length} nodes, ${contender.name}: moves ${JSON.stringify(moves)}`);
  await contender.stop();
  await tap.silence(VIP);
  return { size: nodes.length, name: contender.name, outages, moves };
}

/** The owner dies at a moment that nothing is in step with; how long the client is without an answer. */
async function die({ lab, tap }: Scene, contender: Contender): Promise<number> {
  const owner = await tap.owner(VIP, { within: 60_000 });
  const load = startLoad(lab, CLIENT, { url: vipOf(VIP).echo, perSecond: KILL_RATE, seconds: LONGEST_OUTAGE });
  await load.underWay;
  await pause(300 + Math.random() * 1000);
  const moment = await contender.kill(owner.node);
  await tap.owner(VIP, { since: moment });
  await pause(300);
  load.stop();
  const outage = outageAfter(await load.done, moment);
  await contender.revive(owner.node);
  // It is one of them again when it has taken the address back.
  await tap.owner(VIP, { node: owner.node, within: 60_000 });
  await pause(500);
  return outage;
}

/** The owner hands over and takes back under a load. */
async function move({ lab, tap }: Scene, contender: Contender): Promise<Move> {
  const owner = await tap.owner(VIP, { within: 60_000 });
  const { echo, url } = vipOf(VIP);
  const loads = [
    startLoad(lab, CLIENT, { url: echo, perSecond: MOVE_RATE, seconds: MOVE_SECONDS }),
    startLoad(lab, CLIENT, { url, perSecond: CONNECTION_RATE, seconds: MOVE_SECONDS }),
  ];
  await allDone(loads.map(({ underWay }) => underWay));
  await pause(2000);
  await contender.moveAway(owner.node);
  await lab.until("another node answers", 20_000, async () => {
    const now = await tap.owner(VIP, { since: monotonic() });
    return now.node === owner.node ? { seen: now.node } : { value: now };
  });
  await pause(1000);
  await contender.moveBack(owner.node);
  const [datagrams, connections] = await allDone(loads.map(({ done }) => done));
  await tap.owner(VIP, { node: owner.node, within: 60_000 });
  return {
    sent: datagrams?.sent ?? 0,
    lost: datagrams?.lost ?? 0,
    connections: connections?.sent ?? 0,
    again: connections?.again ?? 0,
    failed: connections?.lost ?? 0,
  };
}

function deathTable(figures: readonly Figures[]): Table {
  const rows = figures.map(({ size, name, outages }) => {
    const ours = figures.find((one) => one.size === size && one.name === "Herald");
    const ratio = ours === undefined ? Number.NaN : quantile(outages, 0.5) / quantile(ours.outages, 0.5);
    const times = [quantile(outages, 0.5), quantile(outages, 0.99), Math.min(...outages)].map((ms) => ms.toFixed(0));
    return [`${size} nodes, ${name}`, `${outages.length}`, ...times, ratio.toFixed(2)];
  });
  return {
    title: "Layer 2: the node that answers dies",
    columns: ["", "deaths", "p50 ms", "p99 ms", "least ms", "p50 as a multiple of Herald's"],
    rows,
    remark: `From SIGKILL and the loss of the link to the next answer at a client on the LAN that sends ${KILL_RATE} datagrams a second; p99 is the worst of fewer than a hundred. Herald with default settings; keepalived with one VRRP instance, advertisements every 100 ms or as by default every second. Nodes are network namespaces on one bridge.${keepalivedInstalled ? "" : " keepalived is not installed."}`,
  };
}

function moveTable(figures: readonly Figures[]): Table {
  const rows = figures.map(({ size, name, moves }) => {
    const sum = (key: keyof Move): string => `${moves.reduce((total, one) => total + one[key], 0)}`;
    return [`${size} nodes, ${name}`, ...(["sent", "lost", "connections", "again", "failed"] as const).map(sum)];
  });
  return {
    title: "Layer 2: planned moves",
    columns: ["", "datagrams", "lost", "connections", "asked again", "failed"],
    rows,
    remark: `${MOVES} times ${MOVE_SECONDS} s with ${MOVE_RATE} datagrams and ${CONNECTION_RATE} HTTP connections a second across a move and the move back: Herald by the drain annotation, keepalived by stopping and starting it. A datagram is lost when it has no answer within a second, and is never sent again; a connection that is reset is made again once, as HTTP clients do.`,
  };
}

/** The smallest value that this share of all is not above. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

const POOL = { name: "bench", namespace: "metallb-system" };

const OBJECTS: readonly Parameters<Lab["api"]["apply"]>[0][] = [
  {
    apiVersion: "metallb.io/v1beta1",
    kind: "IPAddressPool",
    metadata: POOL,
    spec: { addresses: [`${VIP}/32`] },
  },
  { apiVersion: "metallb.io/v1beta1", kind: "L2Advertisement", metadata: POOL, spec: {} },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec: {
      type: "LoadBalancer",
      ipFamilyPolicy: "SingleStack",
      ipFamilies: ["IPv4"],
      selector: { app: "web" },
      ports: [
        { name: "http", port: 80, targetPort: 8080 },
        { name: "echo", port: 7, protocol: "UDP", targetPort: 8080 },
      ],
    },
  },
];
