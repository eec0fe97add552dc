import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  BGP_ADVERTISEMENTS,
  BGP_PEERS,
  IP_ADDRESS_POOLS,
  NODES,
  SECRETS,
  SERVICES,
} from "../../src/kubernetes/resource.ts";
import { until, untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Running, type RunningSpeaker, startController, startSpeaker } from "./daemons.ts";
import { TestRouter } from "./router.ts";
import { Site } from "./site.ts";

/** Where each node's speaker dials from: on loopback all nodes share one host. */
const NODE_ADDRESS = { n1: "127.0.0.21", n2: "127.0.0.22", n3: "127.0.0.23" } as const;
type NodeName = keyof typeof NODE_ADDRESS;
const { n1: N1, n2: N2, n3: N3 } = NODE_ADDRESS;

let cluster: Cluster;
let site: Site;
let router: TestRouter;
const daemons: Running[] = [];

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  site = await Site.create(cluster);
  router = await TestRouter.start({ asn: 64513, holdTime: 30 });
});
afterEach(async () => {
  await Promise.all(daemons.splice(0).map((daemon) => daemon.stop()));
  await router[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

async function peer(node: NodeName, spec: object = {}, name = `router-${node}`): Promise<void> {
  await site.peer(name, {
    myASN: 64512,
    peerASN: 64513,
    peerAddress: "127.0.0.1",
    peerPort: router.port,
    sourceAddress: NODE_ADDRESS[node],
    dualStackAddressFamily: true,
    nodeSelectors: [{ matchLabels: { "kubernetes.io/hostname": node } }],
    ...spec,
  });
}

async function nodes(...names: readonly NodeName[]): Promise<void> {
  for (const name of names) {
    await site.node(name, { "kubernetes.io/hostname": name });
    await peer(name);
  }
}

async function speaker(node: NodeName): Promise<RunningSpeaker> {
  const started = await startSpeaker(site, node);
  daemons.push(started);
  return started;
}

async function speakers(...names: readonly NodeName[]): Promise<void> {
  await nodes(...names);
  for (const name of names) await speaker(name);
  await untilEqual("sessions", () => router.peers, names.map((name) => NODE_ADDRESS[name]).toSorted());
}

async function controller(): Promise<Running> {
  const started = await startController(site);
  daemons.push(started);
  return started;
}

/** A Service that has its addresses already: what a speaker does needs no controller. */
async function announced(
  name: string,
  ips: readonly string[],
  on: readonly NodeName[],
  spec: object = {},
): Promise<void> {
  await site.service(name, { spec });
  await site.merge(SERVICES, name, { status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } } }, "status");
  await site.endpoints(
    name,
    on.map((node) => site.nodeName(node)),
  );
}

const place = (name: string, ...on: readonly NodeName[]): Promise<void> =>
  site.endpoints(
    name,
    on.map((node) => site.nodeName(node)),
  );
const table = (what: string, expected: Readonly<Record<string, readonly string[]>>): Promise<void> =>
  untilEqual(what, () => router.table(), expected);

describe("which routes are there", () => {
  beforeEach(async () => {
    await site.pool("a", ["198.51.100.0/24", "2001:db8::/120"]);
    await site.advertisement("all");
    await speakers("n1", "n2", "n3");
  });

  test("a Cluster Service goes through every node, a Local one through those with a ready endpoint", async () => {
    await announced("web", ["198.51.100.1"], ["n1"]);
    await announced("local", ["198.51.100.2"], ["n2", "n3"], { externalTrafficPolicy: "Local" });
    await table("both", { "198.51.100.1/32": [N1, N2, N3], "198.51.100.2/32": [N2, N3] });
    await place("local", "n1");
    await table("a pod that moved", { "198.51.100.1/32": [N1, N2, N3], "198.51.100.2/32": [N1] });
    await site.endpoints("local", [site.nodeName("n1")], { ready: false, serving: true, terminating: true });
    await site.endpoints("web", [site.nodeName("n1")], { ready: false, serving: false });
    await table("one that still serves, and one that does not", { "198.51.100.2/32": [N1] });
    await place("local");
    await table("no endpoint at all", {});
  });

  test("both families of a dual-stack Service, with next hops of each", async () => {
    await announced("dual", ["198.51.100.1", "2001:db8::1"], ["n1"], {
      ipFamilyPolicy: "RequireDualStack",
      ipFamilies: ["IPv4", "IPv6"],
    });
    await table("both", { "198.51.100.1/32": [N1, N2, N3], "2001:db8::1/128": [N1, N2, N3] });
    expect(router.paths("198.51.100.1/32").map(({ nextHop }) => nextHop)).toEqual([N1, N2, N3]);
  });

  test("a shared address stays until the last of its Services is gone", async () => {
    const annotations = { "metallb.io/allow-shared-ip": "k" };
    for (const [name, port] of [
      ["one", 80],
      ["two", 81],
    ] as const) {
      await announced(name, ["198.51.100.1"], ["n1"], { ports: [{ name: "p", port, protocol: "TCP" }] });
      await site.merge(SERVICES, name, { metadata: { annotations } });
    }
    await table("shared", { "198.51.100.1/32": [N1, N2, N3] });
    await site.delete(SERVICES, "one");
    await announced("witness", ["198.51.100.9"], ["n1"]);
    await table("one left", { "198.51.100.1/32": [N1, N2, N3], "198.51.100.9/32": [N1, N2, N3] });
    await site.delete(SERVICES, "two");
    await table("none left", { "198.51.100.9/32": [N1, N2, N3] });
  });

  test("none for what is not ours, has an unusable status, or is in no pool; the others go on", async () => {
    await announced("foreign", ["198.51.100.1"], ["n1"], { loadBalancerClass: "example.com/other" });
    await announced("outside", ["192.0.2.1"], ["n1"]);
    await announced("named", [], ["n1"]);
    const ingress = [{ hostname: "lb.example.com" }, { ip: "198.51.100.3" }];
    await site.merge(SERVICES, "named", { status: { loadBalancer: { ingress } } }, "status");
    await announced("good", ["198.51.100.7"], ["n1"]);
    await table("the good one", { "198.51.100.7/32": [N1, N2, N3] });
  });

  test("an event on the Service from each node that announces it", async () => {
    await announced("local", ["198.51.100.2"], ["n2"], { externalTrafficPolicy: "Local" });
    const message = `announcing from node "${site.nodeName("n2")}" with protocol "bgp"`;
    await untilEqual("the event", () => site.events("local"), [
      { type: "Normal", reason: "nodeAssigned", message, component: "metallb-speaker" },
    ]);
  });
});

describe("configuration that changes", () => {
  beforeEach(async () => {
    await site.pool("a", ["198.51.100.0/24"]);
    await site.advertisement("all");
    await speakers("n1", "n2");
    await announced("web", ["198.51.100.1"], ["n1"]);
    await table("to begin with", { "198.51.100.1/32": [N1, N2] });
  });

  test("communities of an advertisement: one UPDATE, for what changed alone", async () => {
    await site.pool("b", ["203.0.113.0/24"]);
    await site.advertisement("of-b", { ipAddressPools: ["b"] });
    await site.advertisement("all", { ipAddressPools: ["a"] });
    await announced("other", ["203.0.113.1"], ["n1"]);
    await table("both", { "198.51.100.1/32": [N1, N2], "203.0.113.1/32": [N1, N2] });
    const before = router.updates(N1);
    await site.advertisement("of-b", { ipAddressPools: ["b"], communities: ["64512:7"] });
    await untilEqual("the community", () => router.paths("203.0.113.1/32").map(({ communities }) => communities), [
      ["64512:7"],
      ["64512:7"],
    ]);
    expect(router.updates(N1)).toBe(before + 1);
    expect(router.paths("198.51.100.1/32").map(({ communities }) => communities)).toEqual([[], []]);
    expect(router.established(N1)).toBe(1);
  });

  test("an advertisement that is deleted, and one for a prefix length", async () => {
    await site.advertisement("all", { aggregationLength: 28 });
    await table("the aggregate", { "198.51.100.0/28": [N1, N2] });
    await site.delete(BGP_ADVERTISEMENTS, "all");
    await table("nothing", {});
    expect(router.established(N1)).toBe(1);
  });

  test("a label that takes a node into the selector of a peer, and out of it", async () => {
    await site.node("n3", { "kubernetes.io/hostname": "other" });
    await peer("n3");
    await speaker("n3");
    await site.node("n3", { "kubernetes.io/hostname": "n3" });
    await table("three", { "198.51.100.1/32": [N1, N2, N3] });
    await site.node("n3", { "kubernetes.io/hostname": "other" });
    await table("two again", { "198.51.100.1/32": [N1, N2] });
    expect(router.peers).toEqual([N1, N2]);
  });

  test("a node that is excluded, becomes unreachable, or is deleted", async () => {
    const labels = { "kubernetes.io/hostname": "n2" };
    await site.node("n2", { ...labels, "node.kubernetes.io/exclude-from-external-load-balancers": "" });
    await table("excluded", { "198.51.100.1/32": [N1] });
    await site.node("n2", labels);
    await table("back", { "198.51.100.1/32": [N1, N2] });
    const condition = (status: string): object => ({ type: "NetworkUnavailable", status });
    await site.merge(NODES, site.nodeName("n2"), { status: { conditions: [condition("True")] } }, "status");
    await table("without network", { "198.51.100.1/32": [N1] });
    await site.merge(NODES, site.nodeName("n2"), { status: { conditions: [condition("False")] } }, "status");
    await table("with network", { "198.51.100.1/32": [N1, N2] });
    await site.delete(NODES, site.nodeName("n2"));
    await table("deleted", { "198.51.100.1/32": [N1] });
  });

  test("a peer that is deleted and made again", async () => {
    await site.delete(BGP_PEERS, "router-n2");
    await table("one", { "198.51.100.1/32": [N1] });
    expect(router.endings.join()).toContain("Peer De-configured");
    await peer("n2");
    await table("two", { "198.51.100.1/32": [N1, N2] });
    expect(router.established(N1)).toBe(1);
  });

  test("a peer that changes gets a new session with all routes; the others keep theirs", async () => {
    await peer("n2", { holdTime: "45s" });
    await until("the new session", () => router.established(N2) === 2);
    await table("all routes", { "198.51.100.1/32": [N1, N2] });
    expect(router.established(N1)).toBe(1);
  });

  test("a second peer to the same router from another address", async () => {
    await peer("n1", { sourceAddress: "127.0.0.31" }, "second");
    await table("two sessions of one node", { "198.51.100.1/32": [N1, N2, "127.0.0.31"] });
  });

  test("an edit that makes a peer invalid keeps its session, and says so", async () => {
    await peer("n2", { bfdProfile: "missing", holdTime: "45s" });
    const state = `speaker-${site.nodeName("n2")}`;
    await until("the complaint", async () =>
      JSON.stringify(await site.configurationState(state)).includes("non existing bfd profile missing"),
    );
    await announced("later", ["198.51.100.2"], ["n1"]);
    await table("it goes on", { "198.51.100.1/32": [N1, N2], "198.51.100.2/32": [N1, N2] });
    expect(router.established(N2)).toBe(1);
    await peer("n2", { holdTime: "45s" });
    await until("the mended peer", () => router.established(N2) === 2);
  });

  test("a peer that the node can have no session with: what only it would get is not announced, and says so", async () => {
    await peer("n2", { ttlSecurity: {} });
    const state = `speaker-${site.nodeName("n2")}`;
    await until("the complaint", async () =>
      JSON.stringify(await site.configurationState(state)).includes("spec.ttlSecurity is not supported on this node"),
    );
    const warning = "no session with BGPPeer router-n2: this node does not support its spec.ttlSecurity";
    await until("the warning", async () => (await site.nodeEventTexts("n2")).includes(`PeerNotSupported: ${warning}`));
    await announced("later", ["198.51.100.2"], ["n1"]);
    await table("the other node", { "198.51.100.1/32": [N1], "198.51.100.2/32": [N1] });
    const from = (await site.events("later")).map(({ message }) => message);
    expect(from).toEqual([`announcing from node "${site.nodeName("n1")}" with protocol "bgp"`]);
    await peer("n2", {});
    await table("mended", { "198.51.100.1/32": [N1, N2], "198.51.100.2/32": [N1, N2] });
  });

  test("a Secret that is missing leaves out its peer alone", async () => {
    await peer("n2", { passwordSecret: { name: "bgp-password" }, sourceAddress: "127.0.0.32" }, "secret");
    const state = `speaker-${site.nodeName("n2")}`;
    await until("the complaint", async () =>
      JSON.stringify(await site.configurationState(state)).includes("bgp-password"),
    );
    await announced("later", ["198.51.100.2"], ["n1"]);
    await table("the others go on", { "198.51.100.1/32": [N1, N2], "198.51.100.2/32": [N1, N2] });
    await site.put(SECRETS, site.system, "bgp-password", {
      type: "kubernetes.io/basic-auth",
      stringData: { password: "sesame" },
    });
    await until(
      "the Secret to be found",
      async () => !JSON.stringify(await site.configurationState(state)).includes("bgp-password"),
    );
  });

  test("4.8 addresses of a deleted pool stay announced until the controller has moved the Service", async () => {
    await site.delete(IP_ADDRESS_POOLS, "a");
    await site.pool("b", ["203.0.113.1/32"]);
    await announced("witness", ["203.0.113.1"], ["n1"]);
    await table("the old one is still there", { "198.51.100.1/32": [N1, N2], "203.0.113.1/32": [N1, N2] });
    await site.delete(SERVICES, "witness");
    await controller();
    await table("the new address", { "203.0.113.1/32": [N1, N2] });
  });

  test("a Service whose address changes: the new one replaces the old", async () => {
    const status = { status: { loadBalancer: { ingress: [{ ip: "198.51.100.77" }] } } };
    await site.merge(SERVICES, "web", status, "status");
    await table("the new one", { "198.51.100.77/32": [N1, N2] });
  });
});

describe("life of a speaker", () => {
  beforeEach(async () => {
    await site.pool("a", ["198.51.100.0/24"]);
    await site.advertisement("all");
  });

  test("a clean stop says Cease, and its routes are gone at once", async () => {
    await speakers("n1", "n2");
    await announced("web", ["198.51.100.1"], ["n1"]);
    await table("both", { "198.51.100.1/32": [N1, N2] });
    await daemons.pop()?.stop();
    await table("one", { "198.51.100.1/32": [N1] });
    expect(router.endings.join()).toMatch(/127\.0\.0\.22: .*[Cc]ease.*speaker is stopping/);
  });

  test("a new one starts with everything there is", async () => {
    await nodes("n1");
    for (let i = 1; i <= 20; i++) await announced(`web-${i}`, [`198.51.100.${i}`], ["n1"]);
    await speaker("n1");
    await until("all routes", () => Object.keys(router.table()).length === 20);
    // All in one UPDATE, and an End-of-RIB for each family.
    expect(router.updates(N1)).toBe(3);
  });

  test("a router that comes later, or goes away for a while", async () => {
    await nodes("n1");
    await announced("web", ["198.51.100.1"], ["n1"]);
    const { port } = router;
    await router[Symbol.asyncDispose]();
    await speaker("n1");
    await announced("second", ["198.51.100.2"], ["n1"]);
    router = await TestRouter.start({ asn: 64513 });
    expect(router.port).not.toBe(port);
    await peer("n1");
    await table("both", { "198.51.100.1/32": [N1], "198.51.100.2/32": [N1] });
  });

  test("an iBGP router gets the local preference", async () => {
    const inside = await TestRouter.start({ asn: 64512 });
    try {
      await nodes("n1");
      await peer("n1", { peerASN: 64512, peerPort: inside.port }, "inside");
      await site.advertisement("all", { localPref: 250 });
      await announced("web", ["198.51.100.1"], ["n1"]);
      await speaker("n1");
      await untilEqual("local preference inside", () => inside.paths("198.51.100.1/32").map((p) => p.localPref), [250]);
      await untilEqual("none outside", () => router.paths("198.51.100.1/32").map((p) => p.localPref ?? 0), [0]);
    } finally {
      await Promise.all(daemons.splice(0).map((daemon) => daemon.stop()));
      await inside[Symbol.asyncDispose]();
    }
  });
});
