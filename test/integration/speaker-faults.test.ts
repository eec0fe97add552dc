import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { IP_ADDRESS_POOLS, SERVICES } from "../../src/kubernetes/resource.ts";
import { ApiProxy } from "../support/api-proxy.ts";
import { until, untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type RunningSpeaker, startSpeaker, through } from "./daemons.ts";
import { TestRouter } from "./router.ts";
import { Site } from "./site.ts";

const NODE = "127.0.0.41";
/** Services, slices, nodes, six kinds of metallb.io objects and Secrets. */
const WATCHES = 10;

let cluster: Cluster;
let site: Site;
let line: ApiProxy;
let router: TestRouter;
let speaker: RunningSpeaker | undefined;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  site = await Site.create(cluster);
  line = await ApiProxy.start(cluster.config);
  router = await TestRouter.start({ asn: 64513, holdTime: 30 });
  await site.node("n1");
  await site.pool("a", ["198.51.100.0/24"]);
  await site.advertisement("all");
  const addresses = { peerAddress: "127.0.0.1", peerPort: router.port, sourceAddress: NODE };
  await site.peer("router", { myASN: 64512, peerASN: 64513, ...addresses });
  await announced("web-1", "198.51.100.1");
  await announced("web-2", "198.51.100.2");
});
afterEach(async () => {
  line.heal();
  line.clear();
  await speaker?.stop();
  speaker = undefined;
  await router[Symbol.asyncDispose]();
  await line[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

async function announced(name: string, ip: string): Promise<void> {
  await site.service(name);
  await site.merge(SERVICES, name, { status: { loadBalancer: { ingress: [{ ip }] } } }, "status");
  await site.endpoints(name, [site.nodeName("n1")]);
}

const routes = (...expected: readonly string[]): Promise<void> =>
  untilEqual("routes", () => Object.keys(router.table()), expected);

async function start(): Promise<void> {
  speaker = await startSpeaker(site, "n1", through(line));
  await routes("198.51.100.1/32", "198.51.100.2/32");
  await until("the watches", () => line.watches >= WATCHES);
}

/** One Service goes, one comes, one loses its endpoints, one changes its address: all that can happen to a route. */
async function changeEverything(): Promise<void> {
  await site.delete(SERVICES, "web-1");
  await announced("web-3", "198.51.100.3");
  const status = { status: { loadBalancer: { ingress: [{ ip: "198.51.100.22" }] } } };
  await site.merge(SERVICES, "web-2", status, "status");
  await announced("web-4", "198.51.100.4");
  await site.endpoints("web-4", []);
}

test.each([
  ["down", () => line.cut()],
  ["in a black hole", () => line.silence()],
])("with the API %s the routes stay, and what changed meanwhile is caught up with", async (_name, strike) => {
  await start();
  const before = router.updates(NODE);
  strike();
  await changeEverything();
  expect(Object.keys(router.table())).toEqual(["198.51.100.1/32", "198.51.100.2/32"]);
  expect(router.updates(NODE)).toBe(before);
  line.heal();
  await routes("198.51.100.22/32", "198.51.100.3/32");
  expect(router.established(NODE)).toBe(1);
});

test.each([
  ["are dropped", () => line.dropWatches()],
  ["are cut in the middle of an event", () => line.tearWatches()],
  [
    "expire",
    () => {
      line.strike(WATCHES, { type: "expired-event" }, { watch: true });
      return line.dropWatches();
    },
  ],
  [
    "expire, and lists are slow and fail",
    () => {
      line.strike(WATCHES, { type: "status", status: 410, reason: "Expired" }, { watch: true });
      line.strike(4, { type: "delay", ms: 400 }, { method: "GET", watch: false });
      line.strike(4, { type: "status", status: 500, reason: "InternalError" }, { method: "GET", watch: false });
      return line.dropWatches();
    },
  ],
  [
    "are refused with 429",
    () => {
      const busy = { type: "status", status: 429, reason: "TooManyRequests", retryAfter: 1 } as const;
      line.strike(WATCHES, busy, { watch: true });
      return line.dropWatches();
    },
  ],
])("watches that %s: no route goes in between, and the end is right", async (_name, strike) => {
  await start();
  const lost: string[] = [];
  const look = setInterval(() => {
    if (!Object.hasOwn(router.table(), "198.51.100.2/32")) lost.push("198.51.100.2/32");
  }, 1);
  try {
    expect(strike()).toBeGreaterThan(0);
    await site.delete(SERVICES, "web-1");
    await announced("web-3", "198.51.100.3");
    await site.pool("a", ["198.51.100.0/25"]);
    await routes("198.51.100.2/32", "198.51.100.3/32");
  } finally {
    clearInterval(look);
  }
  expect(lost).toEqual([]);
  expect(router.established(NODE)).toBe(1);
});

test("slow and failing first lists: it announces only when it has the whole picture", async () => {
  line.strike(3, { type: "status", status: 500, reason: "InternalError" }, { method: "GET", watch: false });
  line.strike(1, { type: "delay", ms: 500 }, { path: /endpointslices/ });
  await start();
  // All routes in one UPDATE, and one End-of-RIB.
  expect(router.updates(NODE)).toBe(2);
});

test("a pool is deleted while the API is away, and its Service is cleared: the route goes", async () => {
  await start();
  line.cut();
  await site.delete(IP_ADDRESS_POOLS, "a");
  await site.merge(SERVICES, "web-1", { status: { loadBalancer: { ingress: null } } }, "status");
  line.heal();
  await routes("198.51.100.2/32");
});

test("it can be stopped while nothing answers, and says Cease", async () => {
  await start();
  line.silence();
  await speaker?.stop();
  await until("the Cease", () => router.endings.join().includes("speaker is stopping"));
});
