import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  BGP_ADVERTISEMENTS,
  ENDPOINT_SLICES,
  IP_ADDRESS_POOLS,
  type Resource,
  SERVICE_BGP_STATUSES,
  SERVICES,
} from "../../src/kubernetes/resource.ts";
import { untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Running, startController, startSpeaker } from "./daemons.ts";
import { Site } from "./site.ts";

/** ServiceBGPStatus and the status of pools say the truth, whatever happens to them or to those who write them. */
let cluster: Cluster;
let site: Site;
const running: Running[] = [];

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  site = await Site.create(cluster);
  for (const node of ["n1", "n2"]) await site.node(node);
  await site.pool("a", ["198.51.100.0/28"]);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  await site[Symbol.asyncDispose]();
});

interface RawStatus {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly status?: Readonly<Record<string, unknown>>;
}

describe("a ServiceBGPStatus", () => {
  const resource = SERVICE_BGP_STATUSES;
  const lie = { peers: ["r2"] };
  const moveAway = (): Promise<void> => {
    const nodeSelectors = [{ matchLabels: { "kubernetes.io/hostname": "elsewhere" } }];
    return site.put(BGP_ADVERTISEMENTS, site.system, "all", { spec: { nodeSelectors } });
  };
  const list = async (): Promise<readonly RawStatus[]> =>
    (await site.client.list<RawStatus>(resource, { namespace: site.system })).items;
  const is = (wanted: readonly object[]): Promise<void> =>
    untilEqual(
      "what is said",
      async () => (await list()).map(({ status }) => sorted(status)),
      wanted.map(sorted),
      12_000,
    );
  const n1 = (): object => ({
    node: site.nodeName("n1"),
    serviceName: "web",
    serviceNamespace: site.apps,
    peers: ["r1"],
  });
  const own = async (): Promise<string> => (await list())[0]?.metadata.name ?? "";

  beforeEach(async () => {
    // Nobody listens there: what is said is what a node announces, not to whom it got through.
    await site.peer("r1", { myASN: 64512, peerASN: 64513, peerAddress: "127.0.0.1", peerPort: 1179 });
    await site.advertisement("all");
    await serve();
  });

  test("is there while the node announces, and goes when it is another's turn", async () => {
    await speaker("n1");
    await is([n1()]);
    await moveAway();
    await is([]);
  });

  test.each<[string, (name: string) => Promise<void>]>([
    ["was deleted", (name) => site.delete(resource, name)],
    ["says something else", (name) => site.merge(resource, name, { status: lie }, "status")],
    ["has lost its status", (name) => site.merge(resource, name, { status: null }, "status")],
    ["has lost its labels", (name) => site.merge(resource, name, { metadata: { labels: null } })],
  ])("is put right when it %s by hand", async (_what, harm) => {
    await speaker("n1");
    await is([n1()]);
    await harm(await own());
    await untilEqual("it is whole", async () => (await labelled(resource)).map(({ status }) => sorted(status)), [
      sorted(n1()),
    ]);
  });

  test("outlives a restart of the speaker, and is not written again", async () => {
    const first = await speaker("n1");
    await is([n1()]);
    const before = (await list())[0]?.metadata;
    await first.stop();
    await is([n1()]);
    await speaker("n1");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect((await list())[0]?.metadata).toMatchObject({
      uid: before?.uid,
      resourceVersion: before?.resourceVersion,
    });
  });

  test.each<[string, () => Promise<void>]>([
    ["the Service was deleted", () => site.delete(SERVICES, "web")],
    ["the Service lost its endpoints", () => site.delete(ENDPOINT_SLICES, "web-1")],
    ["another node's turn came", moveAway],
  ])("goes within seconds of the start of a speaker that was down when %s", async (_what, happens) => {
    const first = await speaker("n1");
    await is([n1()]);
    await first.stop();
    await happens();
    await is([n1()]);
    await speaker("n1");
    await is([]);
  });
});

describe("the status of a pool", () => {
  const one = { assignedIPv4: 1, assignedIPv6: 0, availableIPv4: 15, availableIPv6: 0 };
  const none = { assignedIPv4: 0, assignedIPv6: 0, availableIPv4: 16, availableIPv6: 0 };
  const is = (wanted: object): Promise<void> =>
    untilEqual("the counters", async () => sorted(await site.poolStatus("a")), sorted(wanted));
  const controller = async (): Promise<Running> => {
    const started = await startController(site);
    running.push(started);
    return started;
  };

  beforeEach(() => site.service("web"));

  test.each<[string, () => Promise<void>]>([
    ["says something else", () => site.merge(IP_ADDRESS_POOLS, "a", { status: { assignedIPv4: 7 } }, "status")],
    ["was taken away", () => site.merge(IP_ADDRESS_POOLS, "a", { status: null }, "status")],
  ])("is put right when it %s by hand", async (_what, harm) => {
    await controller();
    await is(one);
    await harm();
    await is(one);
  });

  test("is true after a restart: of a Service that was deleted meanwhile nothing is counted", async () => {
    const first = await controller();
    await is(one);
    await first.stop();
    await site.delete(SERVICES, "web");
    await is(one);
    await controller();
    await is(none);
  });

  test("of a pool that was deleted and made again counts what still has its addresses", async () => {
    await controller();
    await is(one);
    await site.delete(IP_ADDRESS_POOLS, "a");
    await site.pool("a", ["198.51.100.0/28"]);
    await is(one);
  });
});

async function speaker(node: string): Promise<Running> {
  const started = await startSpeaker(site, node);
  running.push(started);
  return started;
}

/** A Service with an address and an endpoint on n1. */
async function serve(): Promise<void> {
  await site.service("web");
  const status = { loadBalancer: { ingress: [{ ip: "198.51.100.1" }] } };
  await site.merge(SERVICES, "web", { status }, "status");
  await site.endpoints("web", [site.nodeName("n1")]);
}

/** Those that MetalLB's users find by label. */
async function labelled(resource: Resource): Promise<readonly RawStatus[]> {
  const labelSelector = "metallb.io/service-name=web";
  return (await site.client.list<RawStatus>(resource, { namespace: site.system, labelSelector })).items;
}

function sorted(value: unknown): object {
  return Object.fromEntries(Object.entries(Object(value)).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
