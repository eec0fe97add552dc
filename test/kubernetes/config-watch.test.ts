import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigSource } from "../../src/kubernetes/config-source.ts";
import { ConfigWatch } from "../../src/kubernetes/config-watch.ts";
import { IP_ADDRESS_POOLS, NODES, SECRETS } from "../../src/kubernetes/resource.ts";
import { systemClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import { type Cluster, startEmbedded } from "../integration/cluster.ts";
import { Site } from "../integration/site.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";

let cluster: Cluster;
let site: Site;
let stop: AbortController;
let changes = 0;

beforeEach(async () => {
  cluster = await startEmbedded();
  site = await Site.create(cluster);
  stop = new AbortController();
  changes = 0;
});
afterEach(async () => {
  stop.abort();
  await site[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const ports = () => ({ client: site.client, clock: systemClock, random: systemRandom, log: silentLog });

async function watch(): Promise<ConfigWatch> {
  const started = new ConfigWatch(ports(), site.system);
  expect(started.unsynced()).toHaveLength(7);
  started.onChange(() => {
    changes += 1;
  });
  started.start(stop.signal);
  await started.synced();
  expect(started.unsynced()).toEqual([]);
  changes = 0;
  return started;
}

/** An object of its own shows that everything before it has arrived. */
async function marked(started: ConfigWatch, name: string): Promise<void> {
  await site.pool(name, ["203.0.113.0/32"]);
  await until(`${name}`, () => started.objects().pools.some(({ metadata }) => metadata.name === name));
}

test("ConfigWatch tells of objects that come, change and go, and not of their status", async () => {
  const started = await watch();
  await marked(started, "a");
  expect(changes).toBe(1);
  const status = { assignedIPv4: 3, assignedIPv6: 0, availableIPv4: 0, availableIPv6: 0 };
  await site.merge(IP_ADDRESS_POOLS, "a", { status }, "status");
  await site.merge(IP_ADDRESS_POOLS, "a", { metadata: { annotations: { note: "x" } } });
  await marked(started, "b");
  expect(changes).toBe(2);
  await site.merge(IP_ADDRESS_POOLS, "a", { metadata: { labels: { tier: "x" } } });
  await until("the label", () => changes === 3);
  await site.delete(IP_ADDRESS_POOLS, "a");
  await until("the deletion", () => changes === 4);
  expect(started.objects().pools.map(({ metadata }) => metadata.name)).toEqual(["b"]);
});

test("ConfigWatch sees the Secrets of its namespace", async () => {
  const started = await watch();
  await site.put(SECRETS, site.system, "s", { type: "kubernetes.io/basic-auth", stringData: { password: "x" } });
  await until("the Secret", () => changes === 1 && started.objects().secrets.length === 1);
  await site.delete(SECRETS, "s");
  await until("its deletion", () => changes === 2 && started.objects().secrets.length === 0);
});

test("ConfigSource tells once of what comes together, and of nodes that go", async () => {
  await site.node("n1");
  const source = new ConfigSource(ports(), site.system);
  source.start(stop.signal);
  await source.synced();
  await until("the first turn", () => source.unsynced().length === 0);
  source.onChange(() => {
    changes += 1;
  });
  await site.merge(NODES, site.nodeName("n1"), { status: { nodeInfo: { kubeletVersion: "v1" } } }, "status");
  await site.delete(NODES, site.nodeName("n1"));
  await until("the deletion", () => changes === 1);
  expect(source.read().nodes.some(({ metadata }) => metadata.name === site.nodeName("n1"))).toBe(false);
});

test("ConfigSource names an invalid object once, and keeps the pool as it last worked", async () => {
  const source = new ConfigSource(ports(), site.system);
  source.start(stop.signal);
  await site.pool("a", ["198.51.100.0/30"]);
  await source.synced();
  await until("the pool", () => source.read().config.pools.size === 1);
  await site.pool("z", ["203.0.113.0/30"]);
  await until("both", () => source.read().config.pools.size === 2);
  await site.pool("z", ["198.51.100.0/24"]);
  await until(
    "the complaint",
    () =>
      source
        .read()
        .news.map(({ name }) => name)
        .join() === "z",
  );
  const { config, invalid, news } = source.read();
  expect([...config.pools.keys()]).toEqual(["a", "z"]);
  expect(invalid.map(({ name }) => name)).toEqual(["z"]);
  expect(news).toEqual([]);
});
