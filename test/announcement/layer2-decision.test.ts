import { describe, expect, test } from "vitest";
import { type Decision, prepareNode } from "../../src/announcement/decision.ts";
import { formatRefusal } from "../../src/announcement/refusal.ts";
import { nodeName } from "../../src/api/brands.ts";
import type { Config } from "../../src/api/config.ts";
import type { Node, Service } from "../../src/api/core.ts";
import type { EndpointSummary } from "../../src/api/endpoints.ts";
import { seconds } from "../../src/net/micros.ts";
import {
  base,
  bgpAd,
  config,
  decide,
  decideService,
  l2Ad,
  labels,
  local,
  main,
  node,
  on,
  onNodes,
  pool,
  refusalsIn,
  service,
} from "./cluster.ts";

/** By the vectors of rule 6.2 iris2 wins 10.20.30.1 and iris1 wins 10.20.30.2. */
const irises = pool("main", "10.20.30.0/24", "fc00:f853:ccd:e799::/64");
const at1 = service("web", { ips: ["10.20.30.1"], labels: { app: "web" } });
const at2 = service("web", { ips: ["10.20.30.2"], labels: { app: "web" } });
const EXCLUDE = { "node.kubernetes.io/exclude-from-external-load-balancers": "true" };

interface Cluster {
  readonly config: Config;
  readonly nodes?: readonly Node[];
  readonly members?: readonly string[];
  readonly endpoints?: EndpointSummary;
  readonly ignoreExcludeLb?: boolean;
  readonly interfaces?: readonly string[];
}

/** What every node decides. */
function decideAll(cluster: Cluster, what: Service): ReadonlyMap<string, Decision> {
  const { nodes = [node("iris1"), node("iris2")], members, interfaces, endpoints = on("iris1", "iris2") } = cluster;
  const input = {
    ...base,
    config: cluster.config,
    nodes,
    ignoreExcludeLb: cluster.ignoreExcludeLb ?? false,
    members: members && new Set(members.map(nodeName)),
    ...(interfaces === undefined ? {} : { interfaces: new Set(interfaces) }),
  };
  const decideOn = (name: string): Decision =>
    decideService(prepareNode({ ...input, nodeName: nodeName(name) }), what, endpoints);
  return new Map(["iris1", "iris2"].map((name) => [name, decideOn(name)]));
}

/** Who answers, then each node's refusals. */
function outcome(cluster: Cluster, what: Service): readonly string[] {
  return [...decideAll(cluster, what)].flatMap(([name, decision]) =>
    decision.layer2.length > 0
      ? [`${name} answers`]
      : refusalsIn(decision, "layer2").map((r) => `${name} ${r.split(" ")[1]}`),
  );
}

const lan = config(irises, l2Ad("lan"));
const unselected = [node("iris1"), node("iris2", EXCLUDE)];

describe("6.1 candidate nodes and 6.2 the election", () => {
  test.each<[string, Cluster, Service, string[]]>([
    ["6.2 vectors: .1 is iris2's", { config: lan }, at1, ["iris1 lost-election", "iris2 answers"]],
    ["6.2 vectors: .2 is iris1's", { config: lan }, at2, ["iris1 answers", "iris2 lost-election"]],
    [
      "6.1.1 only members are candidates",
      { config: lan, members: ["iris1"] },
      at1,
      ["iris1 answers", "iris2 lost-election"],
    ],
    [
      "6.1.1 no member at all",
      { config: lan, members: [] },
      at1,
      ["iris1 no-candidate-node", "iris2 no-candidate-node"],
    ],
    [
      "6.1.1 a member that the API does not know",
      { config: lan, members: ["gone", "iris1"] },
      at1,
      ["iris1 answers", "iris2 lost-election"],
    ],
    [
      "6.1.2 a node without network",
      { config: lan, nodes: [node("iris1"), node("iris2", {}, "True")] },
      at1,
      ["iris1 answers", "iris2 network-unavailable"],
    ],
    ["6.1.2 an excluded node", { config: lan, nodes: unselected }, at1, ["iris1 answers", "iris2 node-excluded"]],
    [
      "6.1.2 --ignore-exclude-lb",
      { config: lan, nodes: unselected, ignoreExcludeLb: true },
      at1,
      ["iris1 lost-election", "iris2 answers"],
    ],
    [
      "6.1.2 no node is left",
      { config: lan, nodes: [node("iris1", EXCLUDE), node("iris2", {}, "True")] },
      at1,
      ["iris1 node-excluded", "iris2 network-unavailable"],
    ],
    [
      "6.1.3 the advertisement's nodes",
      { config: config(irises, l2Ad("lan", { nodeSelectors: onNodes("iris1") })) },
      at1,
      ["iris1 answers", "iris2 node-not-selected"],
    ],
    [
      "6.1.3 nodes of all matching advertisements together",
      {
        config: config(
          irises,
          l2Ad("x", { nodeSelectors: onNodes("iris1") }),
          l2Ad("y", { nodeSelectors: onNodes("iris2") }),
        ),
      },
      at1,
      ["iris1 lost-election", "iris2 answers"],
    ],
    [
      "6.1.3 an advertisement that does not match the Service lends no nodes",
      {
        config: config(
          irises,
          l2Ad("x", { nodeSelectors: onNodes("iris1") }),
          l2Ad("y", { nodeSelectors: onNodes("iris2"), serviceSelectors: [labels({ app: "db" })] }),
        ),
      },
      at1,
      ["iris1 answers", "iris2 no-matching-advertisement"],
    ],
    [
      "6.1.4 Local: only nodes with an endpoint",
      { config: lan, endpoints: on("iris1") },
      { ...at1, spec: { ...at1.spec, ...local } },
      ["iris1 answers", "iris2 no-local-endpoint"],
    ],
    [
      "6.1.4 Local: endpoints on nodes that are no candidates",
      { config: lan, endpoints: on("other") },
      { ...at1, spec: { ...at1.spec, ...local } },
      ["iris1 no-local-endpoint", "iris2 no-local-endpoint"],
    ],
    [
      "6.1.4 Local: both have one",
      { config: lan },
      { ...at1, spec: { ...at1.spec, ...local } },
      ["iris1 lost-election", "iris2 answers"],
    ],
    [
      "6.1.4 Cluster: where the endpoints are does not matter",
      { config: lan, endpoints: on("iris1") },
      at1,
      ["iris1 lost-election", "iris2 answers"],
    ],
    [
      "6.2 a preference goes before the digest",
      { config: config(irises, l2Ad("lan", { prefers: { iris1: 1 } })) },
      at1,
      ["iris1 answers", "iris2 lost-election"],
    ],
    [
      "6.2 the higher weight wins",
      { config: config(irises, l2Ad("lan", { prefers: { iris1: 10, iris2: 11 } })) },
      at2,
      ["iris1 lost-election", "iris2 answers"],
    ],
    [
      "6.2 weights of all matching advertisements add up",
      {
        config: config(irises, l2Ad("x", { prefers: { iris1: 30, iris2: 50 } }), l2Ad("y", { prefers: { iris1: 30 } })),
      },
      at1,
      ["iris1 answers", "iris2 lost-election"],
    ],
    [
      "6.2 two equal advertisements count twice",
      {
        config: config(
          irises,
          l2Ad("x", { prefers: { iris1: 30 } }),
          l2Ad("y", { prefers: { iris1: 30 } }),
          l2Ad("z", { prefers: { iris2: 50 } }),
        ),
      },
      at1,
      ["iris1 answers", "iris2 lost-election"],
    ],
    [
      "6.2 a preference counts only where its advertisement selects the node",
      { config: config(irises, l2Ad("x", { prefers: { iris1: 100 }, nodeSelectors: onNodes("iris2") }), l2Ad("y")) },
      at1,
      ["iris1 lost-election", "iris2 answers"],
    ],
    [
      "6.2 a preference for other Services does not count",
      {
        config: config(
          irises,
          l2Ad("x", { prefers: { iris1: 100 }, serviceSelectors: [labels({ app: "db" })] }),
          l2Ad("y"),
        ),
      },
      at1,
      ["iris1 lost-election", "iris2 answers"],
    ],
    [
      "6.2 the hard filter goes before the preference",
      { config: config(irises, l2Ad("lan", { prefers: { iris2: 100 } })), nodes: unselected },
      at2,
      ["iris1 answers", "iris2 node-excluded"],
    ],
    [
      "6.2 Local filters before the preference",
      { config: config(irises, l2Ad("lan", { prefers: { iris2: 100 } })), endpoints: on("iris1") },
      { ...at1, spec: { ...at1.spec, ...local } },
      ["iris1 answers", "iris2 no-local-endpoint"],
    ],
    [
      "6.2 Local: the score decides among those with endpoints",
      { config: config(irises, l2Ad("lan", { prefers: { iris1: 9 } })) },
      { ...at1, spec: { ...at1.spec, ...local } },
      ["iris1 answers", "iris2 lost-election"],
    ],
    [
      "6.2 interfaces do not move the election",
      { config: config(irises, l2Ad("lan", { interfaces: ["eth9"] })), interfaces: ["eth0"] },
      at1,
      ["iris1 lost-election", "iris2 interface-missing"],
    ],
  ])("%s", (_, cluster, what, want) => {
    expect(outcome(cluster, what)).toEqual(want);
  });

  test("6.2 a dual-stack Service elects once, by its first address", () => {
    for (const first of ["10.20.30.1", "10.20.30.2"]) {
      const ips = [first, "fc00:f853:ccd:e799::1"];
      const all = decideAll({ config: lan }, service("web", { ips }));
      const [winner] = [...all].filter(([, d]) => d.layer2.length > 0);
      expect(winner?.[0]).toBe(first === "10.20.30.1" ? "iris2" : "iris1");
      expect(winner?.[1].layer2.map((one) => one.ip.toString())).toEqual(ips);
    }
  });

  test("6.2 the first address is the one the status lists first, whatever its family", () => {
    const v6 = "fc00:f853:ccd:e799::1";
    const alone = outcome({ config: lan }, service("web", { ips: [v6] }));
    const other = alone[0]?.endsWith("answers") === true ? "10.20.30.1" : "10.20.30.2";
    expect(outcome({ config: lan }, service("web", { ips: [other] }))).not.toEqual(alone);
    const both = decideAll({ config: lan }, service("web", { ips: [v6, other] }));
    expect([...both].map(([, d]) => d.layer2.length > 0)).toEqual(alone.map((line) => line.endsWith("answers")));
  });
});

describe("6.3 announce rules, in order", () => {
  const shared = { "metallb.io/allow-shared-ip": "key" };
  const web = labels({ app: "web" });
  const one = (annotations: Record<string, string>): Service =>
    service("web", { ips: ["10.20.30.1"], labels: { app: "web" }, annotations });
  test.each<[string, Cluster, Service, string[]]>([
    ["1 no endpoint", { config: lan, endpoints: on() }, at1, ["iris1 no-endpoint", "iris2 no-endpoint"]],
    [
      "1 before 2 and 3",
      { config: config(irises), endpoints: on() },
      one(shared),
      ["iris1 no-endpoint", "iris2 no-endpoint"],
    ],
    [
      "1 before 4: Local without any endpoint",
      { config: lan, endpoints: on() },
      { ...at1, spec: { ...at1.spec, ...local } },
      ["iris1 no-endpoint", "iris2 no-endpoint"],
    ],
    [
      "2 sharing and a serviceSelector",
      { config: config(irises, l2Ad("x", { serviceSelectors: [web] })) },
      one(shared),
      ["iris1 shared-ip-with-service-selector", "iris2 shared-ip-with-service-selector"],
    ],
    [
      "2 one mixed advertisement is enough",
      { config: config(irises, l2Ad("x"), l2Ad("y", { serviceSelectors: [web] })) },
      one(shared),
      ["iris1 shared-ip-with-service-selector", "iris2 shared-ip-with-service-selector"],
    ],
    [
      "2 present but empty",
      { config: config(irises, l2Ad("x", { serviceSelectors: [web] })) },
      one({ "metallb.io/allow-shared-ip": "" }),
      ["iris1 shared-ip-with-service-selector", "iris2 shared-ip-with-service-selector"],
    ],
    [
      "2 the deprecated spelling",
      { config: config(irises, l2Ad("x", { serviceSelectors: [web] })) },
      one({ "metallb.universe.tf/allow-shared-ip": "k" }),
      ["iris1 shared-ip-with-service-selector", "iris2 shared-ip-with-service-selector"],
    ],
    [
      "2 before 3: also where the advertisement selects other nodes",
      { config: config(irises, l2Ad("x", { serviceSelectors: [web], nodeSelectors: onNodes("iris1") })) },
      one(shared),
      ["iris1 shared-ip-with-service-selector", "iris2 shared-ip-with-service-selector"],
    ],
    [
      "2 an advertisement that does not match does no harm",
      { config: config(irises, l2Ad("x"), l2Ad("y", { serviceSelectors: [labels({ app: "db" })] })) },
      one(shared),
      ["iris1 lost-election", "iris2 answers"],
    ],
    [
      "2 without serviceSelectors sharing is fine",
      { config: lan },
      one(shared),
      ["iris1 lost-election", "iris2 answers"],
    ],
    [
      "2 without sharing serviceSelectors are fine",
      { config: config(irises, l2Ad("x", { serviceSelectors: [web] })) },
      at1,
      ["iris1 lost-election", "iris2 answers"],
    ],
    [
      "3 the pool has no advertisement",
      { config: config(irises, l2Ad("x", { pools: ["other"] }), bgpAd("b")) },
      at1,
      ["iris1 no-matching-advertisement", "iris2 no-matching-advertisement"],
    ],
    [
      "3 none matches the labels",
      { config: config(irises, l2Ad("x", { serviceSelectors: [labels({ app: "db" })] })) },
      at1,
      ["iris1 no-matching-advertisement", "iris2 no-matching-advertisement"],
    ],
    [
      "3 before 4: an excluded node that nothing selects",
      { config: config(irises, l2Ad("x", { nodeSelectors: onNodes("iris1") })), nodes: unselected },
      at1,
      ["iris1 answers", "iris2 node-not-selected"],
    ],
    [
      "3 a node that the API does not know",
      { config: lan, nodes: [node("iris1")] },
      at1,
      ["iris1 answers", "iris2 node-not-selected"],
    ],
  ])("%s", (_, cluster, what, want) => {
    expect(outcome(cluster, what)).toEqual(want);
  });

  test("4 the loser names the winner, and what its preferences were", () => {
    const says = (cluster: Config, what: Service): string[] =>
      [...decideAll({ config: cluster }, what).values()].flatMap((d) =>
        d.refusals.filter((r) => r.protocol === "layer2").map(formatRefusal),
      );
    expect(says(lan, at1)).toEqual([
      "Node iris2 answers for Service default/web: its digest with the address comes before that of Node iris1",
    ]);
    expect(says(config(irises, l2Ad("lan", { prefers: { iris1: 7 } })), at1)).toEqual([
      "Node iris1 answers for Service default/web: spec.preferredNodeSelectors give it 7 and Node iris2 0",
    ]);
  });
});

describe("6.4 interfaces", () => {
  const solo = [node("iris1")];
  test.each<[string, Config, string[] | undefined, string[] | string]>([
    ["no list answers everywhere", config(irises, l2Ad("x")), ["eth0"], []],
    ["no list and no interface known", config(irises, l2Ad("x")), [], []],
    [
      "a list is kept, sorted",
      config(irises, l2Ad("x", { interfaces: ["eth1", "eth0"] })),
      ["eth0", "eth1"],
      ["eth0", "eth1"],
    ],
    [
      "lists unite",
      config(irises, l2Ad("x", { interfaces: ["eth1"] }), l2Ad("y", { interfaces: ["eth0", "eth1"] })),
      ["eth1"],
      ["eth0", "eth1"],
    ],
    [
      "one advertisement without a list opens all",
      config(irises, l2Ad("x", { interfaces: ["eth1"] }), l2Ad("y")),
      ["eth0"],
      [],
    ],
    [
      "advertisements of other nodes do not count",
      config(irises, l2Ad("x", { interfaces: ["eth1"] }), l2Ad("y", { nodeSelectors: onNodes("iris2") })),
      ["eth1"],
      ["eth1"],
    ],
    [
      "advertisements of other Services do not count",
      config(irises, l2Ad("x", { interfaces: ["eth1"] }), l2Ad("y", { serviceSelectors: [labels({ app: "db" })] })),
      ["eth1"],
      ["eth1"],
    ],
    [
      "one of the named is enough",
      config(irises, l2Ad("x", { interfaces: ["eth1", "eth2"] })),
      ["eth2"],
      ["eth1", "eth2"],
    ],
    [
      "none of the named exists",
      config(irises, l2Ad("x", { interfaces: ["eth1", "eth2"] })),
      ["eth0"],
      "10.20.30.1 interface-missing",
    ],
    [
      "interfaces that are not known are not judged",
      config(irises, l2Ad("x", { interfaces: ["eth1"] })),
      undefined,
      ["eth1"],
    ],
  ])("%s", (_, cluster, interfaces, want) => {
    const all = decideAll({ config: cluster, nodes: solo, ...(interfaces && { interfaces }) }, at1);
    const decision = all.get("iris1");
    if (typeof want === "string") expect(decision && refusalsIn(decision, "layer2")).toEqual([want]);
    else expect(decision?.layer2).toMatchObject([{ interfaces: want }]);
  });
});

test("6.4 the reason names the interfaces that are missing", () => {
  const cluster = config(irises, l2Ad("x", { interfaces: ["eth1", "eth2"] }));
  const decision = decideAll({ config: cluster, nodes: [node("iris1")], interfaces: ["eth0"] }, at1).get("iris1");
  expect(decision?.refusals.filter((r) => r.protocol === "layer2").map(formatRefusal)).toEqual([
    "Node iris1 has none of the interfaces that spec.interfaces of the L2Advertisements name: eth1, eth2",
  ]);
});

test("6.1.3 a node without labels is selected where nothing is asked", () => {
  const bare = { metadata: { name: "iris1" } };
  expect(outcome({ config: lan, nodes: [bare, node("iris2", EXCLUDE)] }, at1)).toEqual([
    "iris1 answers",
    "iris2 node-excluded",
  ]);
});

test("6.3 without BGP in sight the addresses of main are layer 2's alone", () => {
  const decision = decideAll({ config: config(main, l2Ad("lan")) }, service("web")).get("iris1");
  expect(decision && refusalsIn(decision, "bgp")).toEqual(["10.0.0.1 no-matching-advertisement"]);
});

describe("6.3 what the node itself knows", () => {
  const cluster = { config: config(main, l2Ad("lan")), nodes: [node("a")] };
  const dual = service("web", { ips: ["10.0.0.1", "2001:db8::1"] });
  const layer2Words = ({ refusals }: Decision): readonly string[] =>
    refusals.filter(({ protocol }) => protocol === "layer2").map(formatRefusal);

  test("a fenced node answers for nothing, and says why", () => {
    const decision = decide({ ...cluster, fenced: "the API is silent" }, dual);
    expect(decision.layer2).toEqual([]);
    expect(layer2Words(decision)).toEqual(Array(2).fill("Node a is fenced and answers for nothing: the API is silent"));
  });

  test("a node that cannot do layer 2 says so also where nobody else is known who could", () => {
    const alone = { ...cluster, members: new Set<never>(), unavailable: "none of its interfaces can be used" };
    expect(layer2Words(decide(alone, service("web")))).toEqual([
      "Node a cannot answer, its speaker cannot do layer 2: none of its interfaces can be used",
    ]);
  });

  test("of two addresses only the one that a stranger uses is quarantined", () => {
    const quarantined = new Map([["2001:db8::1", { mac: "02:00:5e:10:00:99", interface: "eth0" }]]);
    const decision = decide({ ...cluster, quarantined }, dual);
    expect(decision.layer2.map(({ ip: held }) => held.toString())).toEqual(["10.0.0.1"]);
    expect(layer2Words(decision)).toEqual([
      "2001:db8::1 is in use by 02:00:5e:10:00:99 on interface eth0 of Node a, which is none of the speakers: it is quarantined there until that is gone",
    ]);
  });

  test("a stranger is of no account in a pool that does not look for any: also one that was found before that was said", () => {
    const off = { ...main, conflictDetection: false };
    const quarantined = new Map([["10.0.0.1", { mac: "02:00:5e:10:00:99", interface: "eth0" }]]);
    const decision = decide({ ...cluster, config: config(off, l2Ad("lan")), quarantined }, dual);
    expect(decision.layer2.map(({ ip: held }) => held.toString())).toEqual(["10.0.0.1", "2001:db8::1"]);
    expect(layer2Words(decision)).toEqual([]);
  });

  test.each([
    ["the default", [60], 60],
    ["the shortest of several", [90, 30], 30],
    ["off is no wish", [0, 30], 30],
    ["off, when all say so", [0, 0], 0],
  ])("refresh: %s", (_, intervals, want) => {
    const ads = intervals.map((interval, i) => l2Ad(`ad-${i}`, { refreshInterval: seconds(interval) }));
    expect(decide({ ...cluster, config: config(main, ...ads) }, service("web")).layer2).toMatchObject([
      { refresh: seconds(want), conflictDetection: true },
    ]);
  });
});
