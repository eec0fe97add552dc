import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { LEASES } from "../../src/kubernetes/resource.ts";
import { systemRandom } from "../../src/system/random.ts";
import { Build } from "../support/herald.ts";
import { until, untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { ControllerProcess } from "./controller-process.ts";
import { AddressMonitor } from "./monitor.ts";
import { Site } from "./site.ts";

/** Two controllers as they are shipped, in processes of their own that can be killed and suspended. */
let build: Build;
let cluster: Cluster;
let site: Site;
let monitor: AddressMonitor;
let both: readonly [ControllerProcess, ControllerProcess];

/** How often the leader dies in one run; more of it by hand, for figures. */
const DEATHS = Number(process.env["HERALD_HA_DEATHS"] ?? 2);
const CHAOS_MS = 1000 * Number(process.env["HERALD_HA_CHAOS_SECONDS"] ?? 8);
const BETWEEN = { path: /\/status/, method: "PATCH" };

beforeAll(async () => {
  build = await Build.make();
  cluster = await startCluster();
});
afterAll(async () => {
  build[Symbol.dispose]();
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  site = await Site.create(cluster);
  monitor = await AddressMonitor.start(site);
  await site.pool("a", ["198.18.0.0/16"]);
  const create = (name: string): Promise<ControllerProcess> => ControllerProcess.create(build, site, name);
  both = [await create("ha-a"), await create("ha-b")];
  // Both at once: one of them makes the Lease.
  for (const one of both) one.start();
});
afterEach(async () => {
  for (const one of both) await one[Symbol.asyncDispose]();
  monitor[Symbol.dispose]();
  await site[Symbol.asyncDispose]();
});

interface RawLease {
  readonly spec?: { readonly holderIdentity?: string };
}

async function leader(): Promise<ControllerProcess | undefined> {
  const lease = await site.client
    .get<RawLease>(LEASES, "herald-controller", { namespace: site.system })
    .catch((): RawLease => ({}));
  return both.find(({ name }) => lease.spec?.holderIdentity?.startsWith(`${name}_`) === true);
}

/** The one that has given out an address since it leads. */
async function working(): Promise<{ leading: ControllerProcess; standBy: ControllerProcess }> {
  let leading: ControllerProcess | undefined;
  await until("a leader", async () => {
    leading = await leader();
    return leading?.runs === true && !leading.suspended;
  });
  await serve(`ready-${count++}`);
  leading = await leader();
  const standBy = both.find((one) => one !== leading);
  if (leading === undefined || standBy === undefined) throw new Error("nobody leads");
  return { leading, standBy };
}

let count = 0;

/** How many milliseconds a new Service waits for its address. */
async function serve(name: string): Promise<number> {
  const begin = performance.now();
  await site.service(name);
  await until(`an address for ${name}`, async () => (await site.ips(name)).length > 0, 30_000);
  return performance.now() - begin;
}

function report(what: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const median = sorted[Math.trunc(sorted.length / 2)] ?? 0;
  if (times.length > 2) console.log(`${what}: ${times.length} times, median ${median} ms, worst ${sorted.at(-1)} ms`);
}

test("a leader that is killed is followed within five seconds", async () => {
  const times: number[] = [];
  for (let i = 0; i < DEATHS; i++) {
    const { leading, standBy } = await working();
    if (!standBy.runs) throw new Error("there is no stand-by");
    await until("the stand-by's watches", () => standBy.line.watches >= 9);
    const died = performance.now();
    await leading.end("SIGKILL");
    await serve(`orphan-${i}`);
    times.push(performance.now() - died);
    leading.start();
    await until("the watches of the one that came back", () => leading.line.watches >= 9);
  }
  report("leader killed", times);
  expect(Math.max(...times)).toBeLessThan(5000);
  expect([...monitor.violations]).toEqual([]);
}, 300_000);

test("a leader that hangs is followed within 15 seconds, and nothing of its old term is written when it wakes", async () => {
  const times: number[] = [];
  for (let i = 0; i < DEATHS; i++) {
    const { leading, standBy } = await working();
    await until("the stand-by's watches", () => standBy.line.watches >= 9);
    // It sleeps in the middle of its work: answers on the way, requests decided and not yet sent.
    leading.line.strike(16, { type: "delay", ms: 200 }, BETWEEN);
    const before = leading.line.struck;
    const services = Array.from({ length: 60 }, (_, n) => site.service(`busy-${i}-${n}`));
    await until("writes on their way", () => leading.line.struck > before + 4);
    const slept = performance.now();
    leading.suspend();
    await Promise.all(services);
    await serve(`orphan-${i}`);
    times.push(performance.now() - slept);
    await untilEqual("Services without address", async () => (await site.services()).length - (await site.served()), 0);
    const { length } = leading.line.writes;
    leading.resume();
    // It is awake when it asks who leads, and has had time for its queue when it has asked often.
    await until("the new stand-by to look at the Lease", () => leading.output.includes('"term-ended"'));
    await serve(`awake-${i}`);
    await new Promise((resolve) => setTimeout(resolve, 700));
    const late = leading.line.writes.slice(length);
    // It may have fallen asleep between its last look at the Lease and the system call: one request, whose version is refused.
    expect(late.length).toBeLessThanOrEqual(1);
    expect(late.filter(({ status }) => status !== 409)).toEqual([]);
  }
  report("leader suspended", times);
  expect(Math.max(...times)).toBeLessThan(15_000);
  expect([...monitor.violations]).toEqual([]);
}, 300_000);

test("a Lease that is deleted or stolen by hand stops nothing for long", async () => {
  await working();
  await site.client.delete(LEASES, "herald-controller", { namespace: site.system });
  await serve("after-deletion");
  await until("another Lease", async () => (await leader()) !== undefined);
  const thief = { spec: { holderIdentity: "somebody", leaseDurationSeconds: 4 } };
  await site.client.patch(LEASES, "herald-controller", thief, { namespace: site.system, type: "merge" });
  await serve("after-theft");
  expect([...monitor.violations]).toEqual([]);
}, 60_000);

test("whatever happens to either of them, no address has two owners at any time, and all are served in the end", async () => {
  await working();
  const end = performance.now() + CHAOS_MS;
  let made = 0;
  while (performance.now() < end) {
    const victim = both[systemRandom() < 0.5 ? 0 : 1];
    await strike(victim);
    await Promise.all(Array.from({ length: 5 }, () => site.service(`chaos-${made++}`)));
    if (systemRandom() < 0.3 && made > 10) await site.service(`chaos-${made - 7}`, { spec: { type: "ClusterIP" } });
    await new Promise((resolve) => setTimeout(resolve, 300 + systemRandom() * 2500));
    expect([...monitor.violations]).toEqual([]);
  }
  for (const one of both) {
    one.line.clear();
    one.line.heal();
    one.resume();
    if (!one.runs) one.start();
  }
  const waiting = async (): Promise<number> =>
    (await site.services()).filter(({ spec, status }) => {
      return spec.type === "LoadBalancer" && (status?.loadBalancer?.ingress ?? []).length === 0;
    }).length;
  await untilEqual("Services without address", waiting, 0, 60_000);
  expect([...monitor.violations]).toEqual([]);
  expect(monitor.looked).toBeGreaterThan(made);
}, 900_000);

/** One of the things that happen to a process, its machine, or its network. */
async function strike(victim: ControllerProcess): Promise<void> {
  const { line } = victim;
  const acts: readonly (() => void | Promise<void>)[] = [
    () => victim.end("SIGKILL"),
    () => victim.end("SIGTERM"),
    () => victim.suspend(),
    () => victim.suspend(),
    () => victim.resume(),
    () => victim.resume(),
    () => line.cut(),
    () => line.silence(),
    () => line.heal(),
    () => line.heal(),
    () => line.strike(5, { type: "delay", ms: 6000 }, BETWEEN),
    () => line.strike(3, { type: "delay", ms: 9000 }, { path: /leases/ }),
    () => line.strike(5, { type: "lose-answer" }, { method: "PATCH" }),
    () => line.strike(5, { type: "status", status: 500, reason: "InternalError" }),
    () => line.strike(5, { type: "status", status: 429, reason: "TooManyRequests", retryAfter: 1 }),
    () => line.clear(),
  ];
  if (!victim.runs) victim.start();
  else await acts[Math.trunc(systemRandom() * acts.length)]?.();
}
