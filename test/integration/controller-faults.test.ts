import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { IP_ADDRESS_POOLS, SERVICES } from "../../src/kubernetes/resource.ts";
import { ApiProxy } from "../support/api-proxy.ts";
import { until, untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { launchController, type Running, startController, through } from "./daemons.ts";
import { AddressMonitor } from "./monitor.ts";
import { Site } from "./site.ts";

let cluster: Cluster;
let site: Site;
let line: ApiProxy;
let monitor: AddressMonitor;
let controller: Running | undefined;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  site = await Site.create(cluster);
  line = await ApiProxy.start(cluster.config);
  monitor = await AddressMonitor.start(site);
  await site.pool("a", ["198.51.100.0/28"]);
});
afterEach(async () => {
  line.heal();
  line.clear();
  await controller?.stop();
  controller = undefined;
  monitor[Symbol.dispose]();
  await line[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

const PATCHES = { method: "PATCH", path: /\/services\/.*\/status/ };
const SERVICES_LIST = { method: "GET", path: /\/services\?/, watch: false };
const SERVICES_WATCH = { method: "GET", path: /\/services\?/, watch: true };

async function served(count: number): Promise<void> {
  await untilEqual("Services with an address", () => site.served(), count);
  expect([...monitor.violations]).toEqual([]);
}

async function add(prefix: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => site.service(`${prefix}-${i}`)));
}

describe("writes that fail", () => {
  beforeEach(async () => {
    controller = await startController(site, through(line));
  });

  test.each([
    ["429 with Retry-After", { type: "status", status: 429, reason: "TooManyRequests", retryAfter: 1 }],
    ["500", { type: "status", status: 500, reason: "InternalError" }],
    ["503", { type: "status", status: 503, reason: "ServiceUnavailable", retryAfter: 1 }],
    ["409", { type: "status", status: 409, reason: "Conflict" }],
    ["an answer that is lost after the write was done", { type: "lose-answer" }],
    ["an answer that comes late", { type: "delay", ms: 300 }],
  ] as const)("%s: every Service is served in the end, once", async (_name, fault) => {
    line.strike(8, fault, PATCHES);
    await add("web", 10);
    await served(10);
    expect(line.armed).toBe(0);
  });

  test("a pause that the API asks for is kept by all", async () => {
    line.strike(1, { type: "status", status: 429, reason: "TooManyRequests", retryAfter: 1 }, PATCHES);
    await site.service("first");
    await until("the refusal", () => line.struck === 1);
    const refused = performance.now();
    await site.service("second");
    await served(2);
    expect(performance.now() - refused).toBeGreaterThan(900);
  });

  test("a status that somebody else writes meanwhile is not overwritten but decided anew", async () => {
    line.strike(1, { type: "delay", ms: 400 }, PATCHES);
    await site.service("web");
    await until("the write to be under way", () => line.struck === 1);
    await site.service("web", { annotations: { "metallb.io/loadBalancerIPs": "198.51.100.9" } });
    await untilEqual("the address asked for last", () => site.ips("web"), ["198.51.100.9"]);
  });
});

describe("watches and lists that fail", () => {
  test.each([
    ["dropped", () => line.dropWatches()],
    ["cut in the middle of an event", () => line.tearWatches(/services/)],
    [
      "expired with a status",
      () => {
        line.strike(1, { type: "status", status: 410, reason: "Expired" }, SERVICES_WATCH);
        return line.dropWatches();
      },
    ],
    [
      "expired with an event",
      () => {
        line.strike(1, { type: "expired-event" }, SERVICES_WATCH);
        return line.dropWatches();
      },
    ],
    [
      "expired and followed by slow and failing lists",
      () => {
        line.strike(1, { type: "status", status: 410, reason: "Expired" }, SERVICES_WATCH);
        line.strike(1, { type: "delay", ms: 500 }, SERVICES_LIST);
        line.strike(2, { type: "status", status: 500, reason: "InternalError" }, SERVICES_LIST);
        return line.dropWatches();
      },
    ],
  ])("watches %s: what happened meanwhile is caught up with", async (_name, strike) => {
    controller = await startController(site, through(line));
    await add("web", 3);
    await served(3);
    await until("the watches", () => line.watches >= 9);
    expect(strike()).toBeGreaterThan(0);
    await site.delete(SERVICES, "web-0");
    await add("late", 3);
    await served(5);
    await until("the pool's count", async () =>
      /"assignedIPv4":5/.test(String(JSON.stringify(await site.poolStatus("a")))),
    );
  });

  test("slow and failing first lists: nothing is decided on half a picture", async () => {
    await site.service("old");
    await site.merge(SERVICES, "old", { status: { loadBalancer: { ingress: [{ ip: "198.51.100.0" }] } } }, "status");
    await site.service("new");
    line.strike(2, { type: "status", status: 500, reason: "InternalError" }, SERVICES_LIST);
    line.strike(1, { type: "delay", ms: 500 }, { method: "GET", path: /\/ipaddresspools\?/, watch: false });
    controller = await startController(site, through(line));
    await served(2);
    expect(await site.ips("old")).toEqual(["198.51.100.0"]);
  });
});

describe("an API that is away", () => {
  test.each([
    ["down", () => line.cut()],
    ["in a black hole", () => line.silence()],
  ])("%s for a while: changes made meanwhile are caught up with, and nobody moves", async (_name, strike) => {
    controller = await startController(site, through(line));
    await add("web", 4);
    await served(4);
    const before = await site.ips("web-3");
    strike();
    await site.delete(SERVICES, "web-0");
    await site.service("web-1", { annotations: { "metallb.io/loadBalancerIPs": "198.51.100.15" } });
    await site.pool("a", ["198.51.100.0/28"], { avoidBuggyIPs: true });
    await site.delete(IP_ADDRESS_POOLS, "a");
    await site.pool("b", ["198.51.100.0/28"]);
    await add("late", 2);
    line.heal();
    await served(5);
    await untilEqual("the address asked for meanwhile", () => site.ips("web-1"), ["198.51.100.15"]);
    expect(await site.ips("web-3")).toEqual(before);
  });

  test("without the definitions installed it waits, and can be stopped", async () => {
    line.strike(10_000, { type: "status", status: 404, reason: "NotFound" }, { path: /ipaddresspools/ });
    controller = launchController(site, through(line));
    await until("it to ask in vain", () => line.struck > 1);
    await controller.stop();
  });

  test("it can be stopped while nothing answers", async () => {
    controller = await startController(site, through(line));
    await until("the watches", () => line.watches >= 9);
    line.silence();
    await site.service("web");
    await controller.stop();
  });
});
