import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import {
  apiVersionOf,
  L2_ADVERTISEMENTS,
  NODES,
  SERVICE_L2_STATUSES,
  SERVICES,
} from "../../src/kubernetes/resource.ts";
import { serviceStatusName } from "../../src/kubernetes/status-names.ts";
import { ApiProxy } from "../support/api-proxy.ts";
import { until, untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { through } from "./daemons.ts";
import { type Member, type MemberExtra, startMember, TestMembers } from "./layer2-members.ts";
import { Site } from "./site.ts";

/** Whatever moves: a ServiceL2Status says of a node what the engine of its speaker was told, and there is none beside it. */
let cluster: Cluster;
let site: Site;
let members: TestMembers;
let speakers: Member[];

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  site = await Site.create(cluster);
  members = new TestMembers();
  speakers = [];
  await site.pool("a", ["198.51.100.0/24"]);
  await advertise({});
  for (const node of ["n1", "n2"]) await site.node(node);
});
afterEach(async () => {
  await Promise.all(speakers.map(({ running }) => running.stop()));
  await site[Symbol.asyncDispose]();
});

interface Status {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status?: {
    readonly node?: string;
    readonly serviceName?: string;
    readonly interfaces?: readonly { readonly name: string }[];
  };
}

/** `node service addresses on interfaces`. */
type Words = readonly string[];

function advertise(spec: object): Promise<void> {
  return site.put(L2_ADVERTISEMENTS, site.system, "all", { spec });
}

async function start(node: string, extra: MemberExtra = {}): Promise<Member> {
  const member = await startMember(site, members, node, { interfaces: ["eth0", "eth1"], ...extra });
  speakers.push(member);
  return member;
}

function alive(...nodes: readonly string[]): void {
  members.set(nodes.map((node) => site.nodeName(node)));
}

async function stored(): Promise<readonly Status[]> {
  return (await site.client.list<Status>(SERVICE_L2_STATUSES, { namespace: site.system })).items;
}

async function said(): Promise<Words> {
  return (await stored()).map(({ metadata, status }) => {
    const on = status?.interfaces?.map(({ name }) => name).join("+") ?? "all";
    const whole = metadata.labels?.["metallb.io/service-name"] === "web";
    return `${status?.node} ${status?.serviceName} ${metadata.annotations?.["herald.io/addresses"]} on ${on}${whole ? "" : " unlabelled"}`;
  });
}

/** What the engines do: of the one Service. */
function done(): Words {
  return speakers.flatMap(({ name, engine: { held, fenced } }) => {
    if (fenced || held.size === 0) return [];
    const [interfaces = []] = held.values();
    const on = interfaces.length === 0 ? "all" : interfaces.join("+");
    return [`${name} web ${[...held.keys()].toSorted()} on ${on}`];
  });
}

async function address(...ips: readonly string[]): Promise<void> {
  await site.merge(SERVICES, "web", { status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } } }, "status");
}

async function serve(): Promise<void> {
  await site.service("web");
  await address("198.51.100.1");
  await site.endpoints("web", [site.nodeName("n1"), site.nodeName("n2")]);
}

async function agree(ask: (words: Words) => boolean): Promise<void> {
  await until("what is done and what is said to be the same", async () => {
    const [does, says] = [done(), await said()];
    return ask(does) && does.join() === says.join();
  });
}

function owner(): Member {
  const found = speakers.find(({ engine }) => engine.held.size > 0);
  if (found === undefined) throw new Error("nobody answers");
  return found;
}

const one = (words: Words): boolean => words.length === 1;
const none = (words: Words): boolean => words.length === 0;
const by = (name: string) => (words: Words) => words.length === 1 && words[0]?.startsWith(`${name} `) === true;
const on = (names: string) => (words: Words) => words.length === 1 && words[0]?.endsWith(` on ${names}`) === true;

async function harm(patch: object, subresource?: "status"): Promise<void> {
  const [status] = await stored();
  await site.merge(SERVICE_L2_STATUSES, status?.metadata.name ?? "", patch, subresource);
}

/** Each does something, and says what must be true of the one line afterwards. */
const MOVES: readonly (readonly [string, () => Promise<(words: Words) => boolean>])[] = [
  [
    "the owner dies: the other one's, alone",
    async () => {
      const [first, other] = [owner(), speakers.find((one) => one !== owner())];
      await first.running.stop();
      speakers = speakers.filter((one) => one !== first);
      members.set([other?.name ?? ""]);
      return by(other?.name ?? "");
    },
  ],
  [
    "the advertisement is restricted to one interface",
    async () => {
      await advertise({ interfaces: ["eth0"] });
      return on("eth0");
    },
  ],
  [
    "the advertisement is widened again",
    async () => {
      await advertise({ interfaces: ["eth0"] });
      await agree(on("eth0"));
      await advertise({});
      return on("all");
    },
  ],
  [
    "the advertisement is restricted to another interface",
    async () => {
      await advertise({ interfaces: ["eth0"] });
      await agree(on("eth0"));
      await advertise({ interfaces: ["eth1"] });
      return on("eth1");
    },
  ],
  [
    "the advertisement is restricted to interfaces that no node has",
    async () => {
      await advertise({ interfaces: ["eth7"] });
      return none;
    },
  ],
  [
    "the advertisement goes",
    async () => {
      await site.delete(L2_ADVERTISEMENTS, "all");
      return none;
    },
  ],
  [
    "the Service is deleted",
    async () => {
      await site.delete(SERVICES, "web");
      return none;
    },
  ],
  [
    "the Service is no load balancer any more",
    async () => {
      await site.service("web", {
        spec: { type: "ClusterIP", loadBalancerClass: null, allocateLoadBalancerNodePorts: null },
      });
      return none;
    },
  ],
  [
    "the Service loses its address",
    async () => {
      await site.merge(SERVICES, "web", { status: { loadBalancer: { ingress: null } } }, "status");
      return none;
    },
  ],
  [
    "the Service gets another address",
    async () => {
      await address("198.51.100.2");
      return (words) => words[0]?.includes(" 198.51.100.2 ") === true;
    },
  ],
  [
    "the Service gets one more address",
    async () => {
      await address("198.51.100.1", "198.51.100.3");
      return (words) => words[0]?.includes(" 198.51.100.1,198.51.100.3 ") === true;
    },
  ],
  [
    "its speaker starts anew",
    async () => {
      const first = owner();
      await first.running.stop();
      speakers = speakers.filter((one) => one !== first);
      await start(first.name.endsWith("-n1") ? "n1" : "n2");
      return by(first.name);
    },
  ],
  [
    "somebody writes another status",
    async () => {
      await harm({ status: { interfaces: [{ name: "eth9" }] } }, "status");
      return one;
    },
  ],
  [
    "somebody takes its status away",
    async () => {
      await harm({ status: null }, "status");
      return one;
    },
  ],
  [
    "somebody takes its labels and annotations away",
    async () => {
      await harm({ metadata: { labels: null, annotations: null } });
      return one;
    },
  ],
  [
    "somebody deletes it",
    async () => {
      const [status] = await stored();
      await site.delete(SERVICE_L2_STATUSES, status?.metadata.name ?? "");
      return one;
    },
  ],
  [
    "its node is drained",
    async () => {
      const first = owner();
      await site.merge(NODES, first.name, { metadata: { annotations: { "herald.io/drain": "test" } } });
      return (words) => one(words) && !by(first.name)(words);
    },
  ],
  [
    "its node is taken back",
    async () => {
      const first = owner();
      await site.merge(NODES, first.name, { metadata: { annotations: { "herald.io/drain": "test" } } });
      await agree((words) => one(words) && !by(first.name)(words));
      await site.merge(NODES, first.name, { metadata: { annotations: { "herald.io/drain": null } } });
      return by(first.name);
    },
  ],
  [
    "the interfaces of its node go",
    async () => {
      await advertise({ interfaces: ["eth0"] });
      await agree(on("eth0"));
      owner().engine.report({ type: "interfaces", names: ["eth1"] });
      return none;
    },
  ],
];

describe("the ServiceL2Status of a Service that one of two nodes answers for", () => {
  beforeEach(async () => {
    alive("n1", "n2");
    await start("n1");
    await start("n2");
    await serve();
    await agree(one);
  });

  test.each(MOVES)("is true after: %s", async (_name, move) => {
    const isRight = await move();
    await agree(isRight);
  });
});

test("a node that is fenced is spoken for by the one that took over, and speaks for itself when it is back", async () => {
  await site.node("n3");
  const names = ["n1", "n2", "n3"];
  const all = names.map((node) => site.nodeName(node));
  const lines = await Promise.all(names.map(() => ApiProxy.start(cluster.config)));
  const views = names.map(() => new TestMembers());
  for (const [i, node] of names.entries()) {
    const [proxy, view] = [lines[i], views[i]];
    if (proxy === undefined || view === undefined) continue;
    view.alive = all;
    speakers.push(await startMember(site, view, node, { config: through(proxy), fenceAfter: 1 }));
  }
  await serve();
  await agree(one);
  const first = owner();
  const at = speakers.indexOf(first);
  lines[at]?.cut();
  for (const [i, view] of views.entries())
    view.set(i === at ? [first.name] : all.filter((name) => name !== first.name));
  await until("the fence", () => first.engine.fenced);
  await agree((words) => one(words) && !by(first.name)(words));
  lines[at]?.heal();
  for (const view of views) view.set(all);
  await agree(by(first.name));
  for (const { running } of speakers.splice(0)) await running.stop();
  for (const proxy of lines) await proxy[Symbol.asyncDispose]();
}, 40_000);

test.each([
  ["another node", { node: "nowhere", serviceName: "web" }],
  ["another Service", { node: "n1", serviceName: "other" }],
])(
  "one under its name that says %s, which no write can change, is made anew",
  async (_what, words) => {
    const service = serviceKey(site.apps, "web");
    const name = serviceStatusName("l2", service, nodeName(site.nodeName("n1")));
    const kind = { apiVersion: apiVersionOf(SERVICE_L2_STATUSES), kind: SERVICE_L2_STATUSES.kind };
    await site.client.create<unknown>(SERVICE_L2_STATUSES, { ...kind, metadata: { name } }, { namespace: site.system });
    const node = words.node === "n1" ? site.nodeName("n1") : words.node;
    await site.merge(SERVICE_L2_STATUSES, name, { status: { ...words, node, serviceNamespace: site.apps } }, "status");
    alive("n1");
    await start("n1");
    await serve();
    await agree(one);
  },
  30_000,
);

test.each([
  ["before", true],
  ["after", false],
])("restricted to an interface that the engine names %s anything was decided, it comes", async (_when, atOnce) => {
  await advertise({ interfaces: ["eth0"] });
  await serve();
  alive("n1");
  const node = await start("n1", { interfaces: atOnce ? ["eth0"] : [] });
  if (!atOnce) {
    expect(await said()).toEqual([]);
    node.engine.report({ type: "interfaces", names: ["eth0"] });
  }
  await untilEqual("the status", said, [`${node.name} web 198.51.100.1 on eth0`]);
});
