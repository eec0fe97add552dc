import { spawn } from "node:child_process";
import { setMaxListeners } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Controller } from "../../src/controller/controller.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { EVENTS, SERVICES } from "../../src/kubernetes/resource.ts";
import { systemClock, systemWallClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import type { Log } from "../../src/telemetry/log.ts";
import { type Cluster, joinCluster, startCluster } from "../integration/cluster.ts";
import { Site } from "../integration/site.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";
import { type Bench, median, rate, type Table } from "./bench.ts";

const SIZES = [500, 2_000];
const RUNS = 3;
const IN_FLIGHT = 32;

/** How many of `count` jobs are done a second, so many at a time. */
async function perSecond(count: number, job: (i: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) await job(i);
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return count / ((performance.now() - start) / 1000);
}

/** What the API takes without a controller: the very patch that the controller sends, on every Service, and back. */
async function measurePlain(site: Site, count: number): Promise<number> {
  const send = (i: number, ip: string | null): Promise<void> => {
    const annotations = { "metallb.io/ip-allocated-from-pool": ip === null ? null : "bench" };
    const ingress = ip === null ? null : [{ ip }];
    return site.merge(
      SERVICES,
      `s-${i}`,
      { metadata: { annotations }, status: { loadBalancer: { ingress } } },
      "status",
    );
  };
  const plain = await perSecond(count, (i) => send(i, `10.0.${i >> 8}.${i & 255}`));
  await perSecond(count, (i) => send(i, null));
  return plain;
}

interface Figures {
  readonly plain: number;
  readonly assigned: number;
  readonly firstMs: number;
  readonly eventsMs: number;
}

/** Counts the controller's own reports: a second watch in this process would cost what it measures. */
function countingLog(count: () => void): Log {
  const log: Log = {
    ...silentLog,
    info: (msg) => {
      if (msg === "service addresses changed") count();
    },
    child: () => log,
  };
  return log;
}

async function measureController(site: Site, count: number): Promise<Omit<Figures, "plain">> {
  let [served, firstMs] = [0, 0];
  const start = performance.now();
  const since = (): number => performance.now() - start;
  const log = countingLog(() => {
    served += 1;
    if (served === 1) firstMs = since();
  });
  const ports = { clock: systemClock, wallClock: systemWallClock, random: systemRandom, log };
  const client = new KubernetesClient(ports, site.cluster.config);
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const controller = new Controller({ ...ports, client }, { namespace: site.system, loadBalancerClass: site.lbClass });
  controller.start(stop.signal);
  const leading = controller.lead(stop.signal);
  await until("every address", () => served >= count, 120_000);
  const assigned = count / (since() / 1000);
  await until("every event", async () => (await countEvents(site)) >= count, 120_000);
  const eventsMs = since();
  stop.abort();
  await leading;
  client.close();
  return { assigned, firstMs, eventsMs };
}

async function countEvents(site: Site): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 200));
  return (await site.client.list<unknown>(EVENTS, { namespace: site.apps, limit: 5000 })).items.length;
}

async function measure(cluster: Cluster, count: number): Promise<Figures> {
  const site = await Site.create(cluster);
  try {
    await perSecond(count, (i) => site.service(`s-${i}`));
    const plain = await measurePlain(site, count);
    await site.pool("bench", ["10.0.0.0/16"]);
    return { plain, ...(await measureController(site, count)) };
  } finally {
    await site[Symbol.asyncDispose]();
  }
}

/** The embedded API in a process of its own, as an API server is one; a real one where the environment names one. */
async function startApi(): Promise<Cluster> {
  if (process.env["KUBECONFIG"] !== undefined || process.env["KUBEBUILDER_ASSETS"] !== undefined) {
    return await startCluster();
  }
  const folder = mkdtempSync(join(tmpdir(), "herald-bench-"));
  const kubeconfig = join(folder, "kubeconfig");
  const flags = ["apiserver", "--log-level", "error", "--kubeconfig-out", kubeconfig];
  const main = join(import.meta.dirname, "../../src/main.ts");
  const child = spawn(process.execPath, ["--import", "tsx", main, ...flags], { stdio: "ignore" });
  await until("the API server", () => existsSync(kubeconfig), 30_000);
  const cluster = await joinCluster(kubeconfig);
  return {
    ...cluster,
    async [Symbol.asyncDispose]() {
      child.kill();
      await new Promise((resolve) => child.once("exit", resolve));
      rmSync(folder, { recursive: true });
    },
  };
}

async function run(note: (text: string) => void): Promise<readonly Table[]> {
  const cluster = await startApi();
  const rows: (readonly string[])[] = [];
  try {
    for (const size of SIZES) {
      const figures: Figures[] = [];
      for (let i = 1; i <= RUNS; i++) {
        note(`${size} pending Services, run ${i} of ${RUNS}`);
        figures.push(await measure(cluster, size));
      }
      rows.push(rowOf(size, figures));
    }
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
  return [
    {
      title: "Controller, pending Services",
      columns: ["Services", "plain patches/s", "assigned/s", "share", "first address", "last event"],
      rows,
      remark:
        `Medians of ${RUNS} runs against ${cluster.kind === "kubeconfig" && process.env["KUBECONFIG"] === undefined ? "the embedded API in a process of its own" : cluster.kind}. ` +
        `"Plain patches" are the very patches the controller sends, ${IN_FLIGHT} in flight, from this process and with nothing ` +
        'else to do: what the API takes. "Assigned" counts from a cold start, the lists included, to the last answer. Every ' +
        "Service gets its event too, which the API has to take as well.",
    },
  ];
}

function rowOf(size: number, figures: readonly Figures[]): readonly string[] {
  const of = (pick: (one: Figures) => number): number => median(figures.map(pick));
  const share = of(({ plain, assigned }) => assigned / plain);
  return [
    size.toLocaleString("en-US"),
    rate(of(({ plain }) => plain)),
    rate(of(({ assigned }) => assigned)),
    `${Math.round(share * 100)} %`,
    `${Math.round(of(({ firstMs }) => firstMs))} ms`,
    `${(of(({ eventsMs }) => eventsMs) / 1000).toFixed(1)} s`,
  ];
}

export const controllerBench: Bench = {
  name: "controller",
  summary: "2,000 pending Services: addresses assigned a second, beside plain status patches",
  run,
};
