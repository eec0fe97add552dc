import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { micros } from "../../src/net/micros.ts";
import { lanChannels } from "../../src/speaker/lan-thread.ts";
import type { Layer2Channel } from "../../src/speaker/layer2-channel.ts";
import type { Layer2Inspection, Layer2Report } from "../../src/speaker/layer2-messages.ts";
import { serveCalls } from "../support/network-namespace.ts";
import { until } from "../support/until.ts";

// A node as a speaker is one: the engine in its thread, and a main thread that may be busy.
const SERVICES = 10_000;

let channel: Layer2Channel | undefined;
let reports: Layer2Report[] = [];
let parsing = false;
let parsed = 0;
let requests = 0;
let loop = performance.eventLoopUtilization();

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** A list as the API server sends it, with the fields that Services have in a cluster. */
function serviceList(): string {
  const items = Array.from({ length: SERVICES }, (_, i) => ({
    metadata: {
      name: `service-${i}`,
      namespace: `team-${i % 40}`,
      uid: `6f0b9c1e-0000-4000-8000-${i.toString(16).padStart(12, "0")}`,
      resourceVersion: `${100_000 + i}`,
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { app: `app-${i}`, "app.kubernetes.io/managed-by": "Helm" },
      annotations: { "metallb.io/ip-allocated-from-pool": "default", "meta.helm.sh/release-name": `release-${i}` },
    },
    spec: {
      type: "LoadBalancer",
      clusterIP: `10.96.${i >> 8}.${i & 255}`,
      clusterIPs: [`10.96.${i >> 8}.${i & 255}`],
      externalTrafficPolicy: "Cluster",
      ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080, nodePort: 30_000 + (i % 2768) }],
      selector: { app: `app-${i}` },
      sessionAffinity: "None",
    },
    status: { loadBalancer: { ingress: [{ ip: `10.200.${i >> 8}.${i & 255}`, ipMode: "VIP" }] } },
  }));
  return JSON.stringify({ kind: "ServiceList", apiVersion: "v1", metadata: { resourceVersion: "1" }, items });
}

function parseAgain(list: string): void {
  if (!parsing) return;
  const { items }: { items: readonly unknown[] } = JSON.parse(list);
  parsed += items.length / SERVICES;
  setImmediate(() => parseAgain(list));
}

const has = (type: Layer2Report["type"]): boolean => reports.some((report) => report.type === type);
const announced = (): number => reports.filter(({ type }) => type === "announced").length;

async function inspect(): Promise<Layer2Inspection> {
  const request = ++requests;
  channel?.post({ type: "inspect", request });
  let found: Layer2Inspection | undefined;
  await until("an inspection", () => {
    for (const report of reports)
      if (report.type === "inspected" && report.request === request) found = report.inspection;
    return found !== undefined;
  });
  if (found === undefined) throw new Error("until() saw it");
  reports = reports.filter(({ type }) => type !== "inspected");
  return found;
}

async function sentFrames(): Promise<number> {
  const { addresses } = await inspect();
  return addresses.reduce((sum, { gratuitous }) => sum + gratuitous, 0);
}

serveCalls({
  async start() {
    reports = [];
    channel = lanChannels().startLayer2(
      { node: "bench", excludedInterfaces: undefined },
      {
        report: (report) => reports.push(report),
        lost: (reason) => {
          throw new Error(`the engine is lost: ${reason}`);
        },
      },
    );
    await until("its interfaces", () => has("interfaces"));
  },
  async close() {
    await channel?.close();
    channel = undefined;
  },
  /** Milliseconds from the first command until the last address is announced. */
  async hold({ ips }: { ips: readonly string[] }) {
    const [before, began] = [announced(), Number(process.hrtime.bigint() / 1000n)];
    for (const ip of ips)
      channel?.post({ type: "hold", address: { ip, interfaces: [], refresh: micros(0), probe: false } });
    await until("all announced", () => announced() - before === ips.length);
    const last = Math.max(...reports.map((report) => (report.type === "announced" ? report.at : 0)));
    return (last - began) / 1000;
  },
  async release({ ips }: { ips: readonly string[] }) {
    for (const ip of ips) channel?.post({ type: "release", ip, how: "now" });
    await until("all released", async () => (await inspect()).addresses.length === 0);
    reports = [];
  },
  inspect,
  sentFrames,
  /** In MB, without what is only waiting to be collected. */
  memory() {
    for (let i = 0; i < 3; i++) collectGarbage();
    return process.memoryUsage.rss() / 2 ** 20;
  },
  parse({ on }: { on: boolean }) {
    parsing = on;
    if (on) parseAgain(serviceList());
    return parsed;
  },
  /** How much of its time the main thread was busy since the last call, in percent. */
  utilisation() {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, loop);
    loop = now;
    return utilization * 100;
  },
});
