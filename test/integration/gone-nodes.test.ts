import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import {
  apiVersionOf,
  CONFIGURATION_STATES,
  NODES,
  PODS,
  type Resource,
  SERVICE_BGP_STATUSES,
  SERVICE_L2_STATUSES,
} from "../../src/kubernetes/resource.ts";
import { serviceStatusName } from "../../src/kubernetes/status-names.ts";
import { millis } from "../../src/net/micros.ts";
import { until, untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Running, startController, startSpeaker } from "./daemons.ts";
import { Site } from "./site.ts";

/** The statuses of a node that is gone for good are removed by the controller, whoever leads. */
let cluster: Cluster;
let site: Site;
const running: Running[] = [];
const grace = millis(1500);

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
  await site.peer("r1", { myASN: 64512, peerASN: 64513, peerAddress: "127.0.0.1", peerPort: 1179 });
  await site.advertisement("all");
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  await site[Symbol.asyncDispose]();
});

interface Raw {
  readonly metadata: { readonly name: string; readonly uid: string };
}

async function names(resource: Resource): Promise<readonly string[]> {
  const { items } = await site.client.list<Raw>(resource, { namespace: site.system });
  return items.map(({ metadata }) => metadata.name).toSorted();
}

async function controller(): Promise<Running> {
  const started = await startController(site, cluster.config, undefined, grace);
  running.push(started);
  return started;
}

/** A speaker that wrote its statuses and died without a word. */
async function deadSpeaker(node: string, podName?: string): Promise<void> {
  await site.service("web");
  await site.endpoints("web", [site.nodeName("n1"), site.nodeName("n2")]);
  await until("an address", async () => (await site.ips("web")).length === 1);
  const speaker = await startSpeaker(site, node, cluster.config, { podName });
  await until("its words", async () => (await names(SERVICE_BGP_STATUSES)).length === 1);
  await until("its state", async () => (await names(CONFIGURATION_STATES)).includes(stateOf(node)));
  await speaker.stop();
}

function stateOf(node: string): string {
  return `speaker-${site.nodeName(node)}`;
}

const wait = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time));

test("they stay while the Node is there, and go when it was away for long enough", async () => {
  await controller();
  await deadSpeaker("n2");
  await wait(2500);
  expect(await names(SERVICE_BGP_STATUSES)).toHaveLength(1);
  await site.delete(NODES, site.nodeName("n2"));
  await wait(700);
  expect(await names(SERVICE_BGP_STATUSES)).toHaveLength(1);
  await untilEqual("no words", () => names(SERVICE_BGP_STATUSES), [], 10_000);
  await untilEqual("the controller's state", () => names(CONFIGURATION_STATES), ["controller"]);
});

test("a controller that starts later finds what an earlier one did not live to remove", async () => {
  const first = await controller();
  await deadSpeaker("n2");
  await site.delete(NODES, site.nodeName("n2"));
  await first.stop();
  await wait(2000);
  expect(await names(SERVICE_BGP_STATUSES)).toHaveLength(1);
  await controller();
  await untilEqual("no words", () => names(SERVICE_BGP_STATUSES), [], 10_000);
});

test("a node that comes back under its name in time finds its statuses as they were", async () => {
  await controller();
  await deadSpeaker("n2");
  const before = (await site.client.list<Raw>(SERVICE_BGP_STATUSES, { namespace: site.system })).items[0]?.metadata.uid;
  await site.delete(NODES, site.nodeName("n2"));
  await wait(700);
  await site.node("n2");
  await wait(3000);
  const after = (await site.client.list<Raw>(SERVICE_BGP_STATUSES, { namespace: site.system })).items[0]?.metadata.uid;
  expect(after).toBe(before);
});

test("while the speaker's pod is there, they are its own", async () => {
  const spec = { containers: [{ name: "speaker", image: "herald" }] };
  await site.put(PODS, site.system, "speaker-2", { spec });
  await controller();
  await deadSpeaker("n2", "speaker-2");
  await site.delete(NODES, site.nodeName("n2"));
  await wait(4000);
  expect(await names(SERVICE_BGP_STATUSES)).toHaveLength(1);
});

test("what MetalLB's speaker said of such a node is left to MetalLB", async () => {
  await controller();
  const service = serviceKey(site.apps, "web");
  const node = "never-there";
  const status = { node, serviceName: "web", serviceNamespace: site.apps };
  const [ours, theirs] = [serviceStatusName("l2", service, nodeName(node)), "l2-x7k2p"];
  for (const name of [ours, theirs]) {
    const kind = { apiVersion: apiVersionOf(SERVICE_L2_STATUSES), kind: SERVICE_L2_STATUSES.kind };
    await site.client.create<unknown>(SERVICE_L2_STATUSES, { ...kind, metadata: { name } }, { namespace: site.system });
    await site.merge(SERVICE_L2_STATUSES, name, { status }, "status");
  }
  await untilEqual("MetalLB's alone", () => names(SERVICE_L2_STATUSES), [theirs], 10_000);
});
