import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { nodeName } from "../../src/api/brands.ts";
import {
  L2_ADVERTISEMENTS,
  NODES,
  PODS,
  type Resource,
  SERVICE_BGP_STATUSES,
  SERVICE_L2_STATUSES,
  SERVICES,
} from "../../src/kubernetes/resource.ts";
import { seconds } from "../../src/net/micros.ts";
import { SpeakerPods } from "../../src/speaker/members-pods.ts";
import { systemClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import type { WatchNumbers } from "../../src/telemetry/shared-metrics.ts";
import { ApiProxy } from "../support/api-proxy.ts";
import { silentLog } from "../support/silent-log.ts";
import { until, untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { through } from "./daemons.ts";
import { type Member, type MemberExtra, startMember, TestMembers } from "./layer2-members.ts";
import { Site } from "./site.ts";

interface Status {
  readonly metadata: {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
  readonly status?: {
    readonly node?: string;
    readonly serviceName?: string;
    readonly interfaces?: readonly { readonly name: string }[];
    readonly peers?: readonly string[];
  };
}

const IP = "198.51.100.1";

let cluster: Cluster;
let site: Site;
let members: TestMembers;
const speakers: Member[] = [];

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  site = await Site.create(cluster);
  members = new TestMembers();
  await site.pool("a", ["198.51.100.0/24", "2001:db8::/120"]);
  await site.put(L2_ADVERTISEMENTS, site.system, "all", { spec: {} });
  for (const node of ["n1", "n2", "n3"]) await site.node(node);
});
afterEach(async () => {
  await Promise.all(speakers.splice(0).map(({ running }) => running.stop()));
  await site[Symbol.asyncDispose]();
});

async function start(node: string, extra: MemberExtra = {}): Promise<Member> {
  const member = await startMember(site, members, node, extra);
  speakers.push(member);
  return member;
}

async function startAll(): Promise<void> {
  members.alive = ["n1", "n2", "n3"].map((node) => site.nodeName(node));
  for (const node of ["n1", "n2", "n3"]) await start(node);
  await until("status watches", () => speakers.every((one) => watchOfStatuses(one)?.synced === true));
}

function watchOfStatuses({ running }: Member): WatchNumbers | undefined {
  return running.speaker
    .readings()
    .watches()
    .find(({ resource }) => resource === SERVICE_L2_STATUSES.plural);
}

/** Resolves when every speaker has heard of the only status: that it was made, and what it says. */
async function heardByAll(): Promise<void> {
  await until("everyone knows the status", () => speakers.every((one) => (watchOfStatuses(one)?.events ?? 0) >= 2));
}

async function announced(name: string, ips: readonly string[] = [IP]): Promise<void> {
  await site.service(name, {});
  await site.merge(SERVICES, name, { status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } } }, "status");
  await site.endpoints(name, [site.nodeName("n1")]);
}

async function statuses(resource: Resource = SERVICE_L2_STATUSES): Promise<readonly Status[]> {
  return (await site.client.list<Status>(resource, { namespace: site.system })).items;
}

/** The only status of the only Service, once there is one. */
async function theStatus(): Promise<Status> {
  await until("one status", async () => {
    const all = await statuses();
    return all.length === 1 && all[0]?.status?.node !== undefined;
  });
  const [status] = await statuses();
  if (status === undefined) throw new Error("gone again");
  return status;
}

async function owner(): Promise<Member> {
  const { status } = await theStatus();
  const found = speakers.find(({ name }) => name === status?.node);
  if (found === undefined) throw new Error(`no speaker ${status?.node}`);
  return found;
}

/** Waits until another node than this one says that it answers. */
async function movedFrom(before: Member): Promise<Member> {
  await until("another node", async () => {
    const all = await statuses();
    return all.length === 1 && all[0]?.status?.node !== undefined && all[0].status.node !== before.name;
  });
  return await owner();
}

describe("who answers", () => {
  test("one node, which says so: status, its addresses, one event", async () => {
    await startAll();
    await announced("web", [IP, "2001:db8::1"]);
    const { status, metadata } = await theStatus();
    expect(status).toMatchObject({ serviceName: "web", serviceNamespace: site.apps });
    expect(status?.interfaces).toBeUndefined();
    await untilEqual(
      "the addresses",
      async () => (await theStatus()).metadata.annotations?.["herald.io/addresses"],
      `${IP},2001:db8::1`,
    );
    expect(metadata.ownerReferences).toBeUndefined();
    const message = `announcing from node "${status?.node}" with protocol "layer2"`;
    await untilEqual("the event", () => site.eventTexts("web"), [`nodeAssigned: ${message}`]);
    const holding = speakers.filter(({ engine }) => engine.commands.some(({ type }) => type === "hold"));
    expect(holding.map(({ name }) => name)).toEqual([status?.node]);
  });

  test("looks for strangers before the first announcement of all, and never on a fail-over", async () => {
    await startAll();
    await announced("web");
    const first = await owner();
    expect(first.engine.taken().filter((line) => line.startsWith("hold"))).toEqual([`hold ${IP} all 60s probe`]);
    await heardByAll();
    members.set(members.alive.filter((name) => name !== first.name));
    const second = await movedFrom(first);
    expect(second.engine.taken().filter((line) => line.startsWith("hold"))).toEqual([`hold ${IP} all 60s`]);
  });

  test("a node that is drained hands over; it is undone, and it has it again", async () => {
    await startAll();
    await announced("web");
    const first = await owner();
    first.engine.taken();
    await site.merge(NODES, first.name, { metadata: { annotations: { "herald.io/drain": "test" } } });
    await movedFrom(first);
    expect(first.engine.taken()).toContain(`release ${IP} handover`);
    await site.merge(NODES, first.name, { metadata: { annotations: { "herald.io/drain": null } } });
    await untilEqual("back", async () => (await statuses()).map(({ status }) => status?.node), [first.name]);
  });

  test("a Service that is deleted, or has no endpoint, is let go at once; its status goes", async () => {
    await startAll();
    await announced("web");
    const first = await owner();
    first.engine.taken();
    await site.endpoints("web", []);
    await untilEqual("no status", async () => (await statuses()).length, 0);
    expect(first.engine.taken()).toEqual([`release ${IP} now`]);
    await site.endpoints("web", [site.nodeName("n1")]);
    await owner();
    await site.delete(SERVICES, "web");
    await untilEqual("no status", async () => (await statuses()).length, 0);
  });

  test("not a node without an interface for it, until it has one", async () => {
    members.alive = [site.nodeName("n1")];
    await site.advertisement("all");
    await site.peer("r1", { myASN: 64512, peerASN: 64513, peerAddress: "127.0.0.1", peerPort: 1 });
    const node = await start("n1", { interfaces: [] });
    await announced("web");
    // What is decided by BGP is decided at layer 2 in the same pass.
    await until("a decision", async () => (await statuses(SERVICE_BGP_STATUSES)).length === 1);
    expect(node.engine.taken().filter((line) => line.startsWith("hold"))).toEqual([]);
    node.engine.report({ type: "interfaces", names: ["eth0"] });
    await theStatus();
  });
});

describe("statuses stay true", () => {
  test("what somebody deletes or edits is put right, and other nodes' words for our Service go", async () => {
    await startAll();
    await announced("web");
    const { metadata, status } = await theStatus();
    await site.client.delete(SERVICE_L2_STATUSES, metadata.name, { namespace: site.system });
    await untilEqual("made again", async () => (await statuses()).map((one) => one.status?.node), [status?.node]);
    await site.client.patch<unknown>(
      SERVICE_L2_STATUSES,
      metadata.name,
      { status: { interfaces: [{ name: "eth9" }] } },
      { namespace: site.system, type: "merge", subresource: "status" },
    );
    await until("put right", async () => (await statuses())[0]?.status?.interfaces === undefined);
    const labels = { "metallb.io/node": "gone", "metallb.io/service-name": "web" };
    await site.client.create<unknown>(
      SERVICE_L2_STATUSES,
      {
        apiVersion: "metallb.io/v1beta1",
        kind: "ServiceL2Status",
        metadata: { name: "l2-stale", labels: { ...labels, "metallb.io/service-namespace": site.apps } },
      },
      { namespace: site.system },
    );
    await untilEqual("the stale one gone", async () => (await statuses()).length, 1);
  });

  test("they belong to the speaker's pod", async () => {
    await site.put(PODS, site.system, "speaker-1", {
      spec: { nodeName: site.nodeName("n1"), containers: [{ name: "speaker", image: "herald" }] },
    });
    members.alive = [site.nodeName("n1")];
    await start("n1", { podName: "speaker-1" });
    await announced("web");
    const { metadata } = await theStatus();
    expect(metadata.ownerReferences?.map(({ kind, name }) => `${kind} ${name}`)).toEqual(["Pod speaker-1"]);
  });

  test("ServiceBGPStatus: every node that means to announce, with its peers", async () => {
    await site.advertisement("all");
    for (const [name, peerAddress] of [
      ["r2", "127.0.0.2"],
      ["r1", "127.0.0.1"],
    ] as const) {
      await site.peer(name, { myASN: 64512, peerASN: 64513, peerAddress, peerPort: 1 });
    }
    members.alive = [site.nodeName("n1"), site.nodeName("n2")];
    await start("n1");
    await start("n2");
    await announced("web");
    const read = async (): Promise<readonly string[]> =>
      (await statuses(SERVICE_BGP_STATUSES)).map(({ status }) => `${status?.node} ${status?.peers}`).toSorted();
    await untilEqual("both", read, [`${site.nodeName("n1")} r1,r2`, `${site.nodeName("n2")} r1,r2`]);
    await site.endpoints("web", []);
    await untilEqual("none", read, []);
  });
});

describe("a stranger", () => {
  test("is the Service's condition until he is gone; others' conditions stay", async () => {
    await startAll();
    const other = { type: "example.com/Other", status: "True", reason: "Mine", message: "" };
    const conditions = [{ ...other, lastTransitionTime: "2026-01-01T00:00:00Z" }];
    await announced("web");
    await site.merge(SERVICES, "web", { status: { conditions } }, "status");
    const node = await owner();
    const at = seconds(0);
    const where = { ip: IP, interface: "eth0", mac: "02:00:00:00:00:99" };
    node.engine.report({ type: "conflict", ...where, found: "announced", quarantined: true, at });
    const said = async (): Promise<readonly (string | undefined)[]> =>
      ((await site.get("web"))?.status?.conditions ?? []).map(({ type, message }) => `${type} ${message}`);
    await untilEqual("the condition", said, [
      "example.com/Other ",
      `herald.io/AddressConflict ${IP} is in use by 02:00:00:00:00:99 on interface eth0 of Node ${node.name}`,
    ]);
    await untilEqual("no status", async () => (await statuses()).length, 0);
    node.engine.report({ type: "cleared", ip: IP, at });
    await untilEqual("cleared", said, ["example.com/Other "]);
    await owner();
    const reasons = async (): Promise<readonly string[]> => [
      ...new Set((await site.events("web")).map(({ reason }) => reason).toSorted()),
    ];
    await untilEqual("events", reasons, ["AddressConflict", "AddressConflictCleared", "nodeAssigned"]);
  });
});

describe("a stranger's word on the Service", () => {
  const found = { type: "conflict", ip: IP, interface: "eth0", mac: "02:00:00:00:00:99", found: "probing" } as const;
  const at = seconds(0);
  const reporters = async (): Promise<readonly string[]> => {
    const conditions = (await site.get("web"))?.status?.conditions ?? [];
    const [said] = conditions.filter(({ type }) => type === "herald.io/AddressConflict");
    return [...(said?.message ?? "").matchAll(/of Node (\S+?)(?:;|$)/g)].map(([, name = ""]) => name);
  };
  const meets = async (member: Member): Promise<void> => {
    member.engine.report({ ...found, quarantined: true, at });
    await untilEqual("the condition", reporters, [member.name]);
  };

  test("is there without a gap while the speaker that met him starts anew", async () => {
    members.alive = [site.nodeName("n1")];
    const first = await start("n1");
    await announced("web");
    await owner();
    await meets(first);
    const gaps: string[] = [];
    const watch = setInterval(() => {
      void reporters().then((names) => {
        if (names.length === 0) gaps.push("no condition");
      });
    }, 5);
    await first.running.stop();
    speakers.splice(0);
    const second = await start("n1", { obliging: false });
    await until("the hold", () => second.engine.held.size === 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    second.engine.report({ ...found, quarantined: true, at });
    await new Promise((resolve) => setTimeout(resolve, 200));
    clearInterval(watch);
    expect(gaps).toEqual([]);
    second.engine.report({ type: "cleared", ip: IP, at });
    await untilEqual("no condition", reporters, []);
  });

  test("goes when the one who met him is dead and nobody is to answer any more", async () => {
    await startAll();
    await announced("web");
    const first = await owner();
    await meets(first);
    // As if it had died with its word on the Service.
    speakers.splice(speakers.indexOf(first), 1);
    await site.delete(L2_ADVERTISEMENTS, "all");
    await untilEqual("its own", reporters, []);
    const sentence = `${IP} is in use by 02:00:00:00:00:99 on interface eth0 of Node ${first.name}`;
    const condition = { type: "herald.io/AddressConflict", status: "True", reason: "AddressInUse", message: sentence };
    await first.running.stop();
    const conditions = [{ ...condition, lastTransitionTime: "2026-01-01T00:00:00Z" }];
    await site.merge(SERVICES, "web", { status: { conditions } }, "status");
    members.set(members.alive.filter((name) => name !== first.name));
    await untilEqual("nobody's", reporters, []);
  });
});

describe("when the API is away", () => {
  test("nothing changes while the members are there; with most of them gone too, the node is fenced until it is back", async () => {
    await using line = await ApiProxy.start(cluster.config);
    members.alive = ["n1", "n2", "n3"].map((node) => site.nodeName(node));
    const node = await start("n1", { config: through(line), fenceAfter: 2 });
    for (let i = 1; i <= 20; i++) await announced(`web-${i}`, [`198.51.100.${i}`]);
    await until("something to lose", () => node.engine.commands.some(({ type }) => type === "hold"));
    node.engine.taken();
    line.cut();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(node.engine.taken()).toEqual([]);
    members.set([node.name]);
    await until("the fence", () => node.engine.commands.some(({ type }) => type === "fence"));
    expect(node.engine.taken()).toContain("fence on");
    line.heal();
    await until("the end of it", () => node.engine.commands.some((one) => one.type === "fence" && !one.on));
    const told = async (): Promise<readonly string[]> =>
      (await site.nodeEventTexts("n1")).map((text) => text.split(":")[0] ?? "");
    await until("the events", async () => (await told()).includes("Layer2Unfenced"));
  });
});

describe("the speakers' pods", () => {
  test("say where others are, and where a speaker is ready", async () => {
    await using stop = {
      controller: new AbortController(),
      [Symbol.asyncDispose]() {
        this.controller.abort();
        return Promise.resolve();
      },
    };
    const ports = { client: site.client, clock: systemClock, random: systemRandom, log: silentLog };
    const pods = new SpeakerPods(ports, { namespace: site.system, labels: "app=speaker" });
    expect(pods.readyNodes()).toBeUndefined();
    const pod = async (name: string, app: string, ready: string): Promise<void> => {
      const spec = { nodeName: `node-${name}`, containers: [{ name: "speaker", image: "herald" }] };
      await site.put(PODS, site.system, name, { spec }, { labels: { app } });
      const conditions = [{ type: "Ready", status: ready }];
      await site.merge(PODS, name, { status: { podIP: `192.0.2.${name.length}`, conditions } }, "status");
    };
    await pod("a", "speaker", "True");
    await pod("bb", "speaker", "False");
    await pod("ccc", "other", "True");
    pods.start(stop.controller.signal);
    await pods.synced;
    await untilEqual("the ready ones", () => [...(pods.readyNodes() ?? [])], [nodeName("node-a")]);
    expect(pods.addressesBut(nodeName("node-a"))).toEqual(["192.0.2.2"]);
    await site.delete(PODS, "a");
    await untilEqual("none", () => [...(pods.readyNodes() ?? [])], []);
  });
});
