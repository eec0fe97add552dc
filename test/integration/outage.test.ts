import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { SERVICES } from "../../src/kubernetes/resource.ts";
import { ApiProxy } from "../support/api-proxy.ts";
import { until, untilEqual } from "../support/until.ts";
import { type Cluster, startCluster, startEmbedded } from "./cluster.ts";
import { type Running, startController, startSpeaker, through } from "./daemons.ts";
import { TestRouter } from "./router.ts";
import { Site } from "./site.ts";

/** An API server that is away, or comes back as another one than it was: routers hear nothing of it. */
const NODE = "127.0.0.44";
const ROUTES = ["198.51.100.0/32", "198.51.100.1/32"];

let cluster: Cluster;
let empty: Cluster;
let site: Site;
let line: ApiProxy;
let router: TestRouter;
let running: Running[] = [];

beforeAll(async () => {
  cluster = await startCluster();
  empty = await startEmbedded();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await empty[Symbol.asyncDispose]();
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
  for (const name of ["web-1", "web-2"]) {
    await site.service(name);
    await site.endpoints(name, [site.nodeName("n1")]);
  }
  running = [await startController(site, through(line)), await startSpeaker(site, "n1", through(line))];
  await untilEqual("routes", () => Object.keys(router.table()), ROUTES);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  await router[Symbol.asyncDispose]();
  await line[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

test.each<[string, () => void]>([
  ["is away", () => line.cut()],
  ["is a black hole", () => line.silence()],
  [
    "comes back without any object",
    () => {
      line.retarget(empty.config);
      line.cut();
      line.heal();
    },
  ],
])(
  "an API that %s for six seconds: no UPDATE, no address lost, and what comes after is served",
  async (_name, strike) => {
    const before = router.updates(NODE);
    strike();
    await new Promise((resolve) => setTimeout(resolve, 6000));
    expect(Object.keys(router.table())).toEqual(ROUTES);
    line.retarget(cluster.config);
    line.cut();
    line.heal();
    await until("the watches", () => line.watches >= 15, 40_000);
    expect(router.updates(NODE)).toBe(before);
    expect([await site.ips("web-1"), await site.ips("web-2")].flat().toSorted()).toEqual([
      "198.51.100.0",
      "198.51.100.1",
    ]);
    await site.delete(SERVICES, "web-1");
    await untilEqual("the other route", () => Object.keys(router.table()).length, 1);
    expect(router.established(NODE)).toBe(1);
  },
  60_000,
);
