import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { SERVICES } from "../../src/kubernetes/resource.ts";
import { ApiProxy } from "../support/api-proxy.ts";
import { until, untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Candidate, startCandidate, through } from "./daemons.ts";
import { AddressMonitor } from "./monitor.ts";
import { Site } from "./site.ts";

/** Two controllers with a Lease, each with a line of its own to the API that can be cut. */
let cluster: Cluster;
let site: Site;
let lines: readonly [ApiProxy, ApiProxy];
let candidates: Candidate[] = [];
let monitor: AddressMonitor;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  site = await Site.create(cluster);
  lines = [await ApiProxy.start(cluster.config), await ApiProxy.start(cluster.config)];
  monitor = await AddressMonitor.start(site);
});
afterEach(async () => {
  for (const line of lines) line.heal();
  await Promise.all(candidates.splice(0).map((candidate) => candidate.stop()));
  monitor[Symbol.dispose]();
  for (const line of lines) await line[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

async function startTwo(): Promise<{
  leader: Candidate;
  standBy: Candidate;
  leaderLine: ApiProxy;
  standByLine: ApiProxy;
}> {
  const [a, b] = [startCandidate(site, through(lines[0]), "a"), startCandidate(site, through(lines[1]), "b")];
  candidates = [a, b];
  await until("one of them to lead", () => a.lease.isLeader() || b.lease.isLeader());
  return a.lease.isLeader()
    ? { leader: a, standBy: b, leaderLine: lines[0], standByLine: lines[1] }
    : { leader: b, standBy: a, leaderLine: lines[1], standByLine: lines[0] };
}

const STATUS_OF = (name: string) => ({ method: "PATCH", path: new RegExp(`/services/${name}/status`) });

async function addServices(prefix: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => site.service(`${prefix}-${i}`)));
}

test.each([
  ["is cut off", (line: ApiProxy) => line.cut()],
  ["is in a black hole", (line: ApiProxy) => line.silence()],
])("a leader that %s is followed by the other, and no address has two owners at any time", async (_name, strike) => {
  await site.pool("a", ["198.51.100.0/26"]);
  const { leader, standBy, leaderLine } = await startTwo();
  await addServices("early", 15);
  await until("the first half to be served", async () => (await site.served()) > 5);
  strike(leaderLine);
  await addServices("late", 15);
  await until("the other to lead", () => standBy.lease.isLeader());
  expect(leader.lease.isLeader()).toBe(false);
  await untilEqual("Services with an address", () => site.served(), 30);
  leaderLine.heal();
  await addServices("after", 5);
  await untilEqual("Services with an address", () => site.served(), 35);
  expect([...monitor.violations]).toEqual([]);
  expect(monitor.looked).toBeGreaterThan(35);
});

test("a stand-by whose watch is dead does not give away what the last leader gave", async () => {
  const annotations = { "metallb.io/loadBalancerIPs": "198.51.100.9" };
  const selectors = [{ matchLabels: { tier: "gold" } }];
  await site.pool("p", ["198.51.100.9/32"], { serviceAllocation: { serviceSelectors: selectors } });
  const { leader, standBy, standByLine } = await startTwo();
  await site.service("waiting", { annotations });
  await until("the refusal", async () => (await site.eventTexts("waiting")).join().includes("not compatible"));
  // It hears nothing of Services from here on, and may not list them for a while either.
  standByLine.strike(1000, { type: "status", status: 500, reason: "InternalError" }, { path: /\/services\?/ });
  standByLine.dropWatches(/\/services\?/);
  await site.service("silent", { annotations, labels: { tier: "gold" } });
  await untilEqual("the address", () => site.ips("silent"), ["198.51.100.9"]);
  await leader.stop();
  await until("the other to lead", () => standBy.lease.isLeader());
  // Now the one that waits could have the address, if nobody had it.
  await site.pool("p", ["198.51.100.9/32"]);
  const { struck } = standByLine;
  await until("another list in vain", () => standByLine.struck > struck);
  standByLine.clear();
  await until("the other refusal", async () =>
    (await site.eventTexts("waiting")).join().includes("change sharing key"),
  );
  expect([await site.ips("silent"), await site.ips("waiting")]).toEqual([["198.51.100.9"], []]);
  expect([...monitor.violations]).toEqual([]);
});

test("a stand-by whose watch is dead gives nothing away of a pool that is another one by now", async () => {
  await site.pool("p", ["198.51.100.1/32"]);
  const { leader, standBy, standByLine } = await startTwo();
  standByLine.strike(1000, { type: "status", status: 500, reason: "InternalError" }, { path: /\/ipaddresspools/ });
  standByLine.dropWatches(/\/ipaddresspools/);
  await until("its watch to be gone", () => standByLine.struck > 0);
  await site.pool("p", ["198.51.100.2/32"]);
  await leader.stop();
  await site.service("new");
  await until("the other to lead", () => standBy.lease.isLeader());
  const { struck } = standByLine;
  await until("another list in vain", () => standByLine.struck > struck);
  expect(await site.ips("new")).toEqual([]);
  standByLine.clear();
  await untilEqual("an address of the pool as it is", () => site.ips("new"), ["198.51.100.2"]);
  expect([...monitor.violations]).toEqual([]);
});

test("a leader that stops lets the Lease go, and the other goes on at once", async () => {
  await site.pool("a", ["198.51.100.1/32"]);
  const { leader, standBy } = await startTwo();
  await site.service("first");
  await untilEqual("first", () => site.ips("first"), ["198.51.100.1"]);
  await leader.stop();
  await until("the other to lead", () => standBy.lease.isLeader());
  await site.service("second");
  await until("the refusal", async () => (await site.eventTexts("second")).length > 0);
  await site.delete(SERVICES, "first");
  await untilEqual("second", () => site.ips("second"), ["198.51.100.1"]);
  expect([...monitor.violations]).toEqual([]);
});

test("a write of a dead leader that arrives after all gives nobody an address that the next leader gave away", async () => {
  await site.pool("p", ["198.51.100.1/32", "198.51.100.2/32"]);
  const { standBy, leaderLine, standByLine } = await startTwo();
  // Both Services of one second: the next leader goes by name, and the dead one went by what it saw first.
  await until("the beginning of a second", () => Date.now() % 1000 < 300);
  leaderLine.strike(1, { type: "delay", ms: 4500 }, STATUS_OF("z"));
  await site.service("z");
  await until("the write to be under way", () => leaderLine.struck === 1);
  leaderLine.silence();
  await site.service("a");
  standByLine.strike(2, { type: "delay", ms: 3000 }, STATUS_OF("z"));
  await until("the other to lead", () => standBy.lease.isLeader());
  await untilEqual("Services with an address", () => site.served(), 2);
  await until("the other's write", () => standByLine.armed === 0);
  expect([...monitor.violations]).toEqual([]);
});
