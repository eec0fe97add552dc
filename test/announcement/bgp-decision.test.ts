import { describe, expect, test } from "vitest";
import { type Drain, type DrainPhase, NO_DRAIN } from "../../src/announcement/drain.ts";
import { formatRefusal } from "../../src/announcement/refusal.ts";
import { combineRoutes } from "../../src/announcement/route-table.ts";
import { nodeName, peerName } from "../../src/api/brands.ts";
import type { BgpAdvertisement, Config, PeerName } from "../../src/api/config.ts";
import type { Node, Service } from "../../src/api/core.ts";
import type { EndpointSummary } from "../../src/api/endpoints.ts";
import { formatCommunity, formatLargeCommunity } from "../../src/net/community.ts";
import {
  bgpAd,
  config,
  decide,
  ip,
  l2Ad,
  labels,
  local,
  main,
  node,
  on,
  onNodes,
  peer,
  pool,
  refusalsIn,
  routesIn,
  service,
} from "./cluster.ts";

const web = service("web", { labels: { app: "web" } });
const conflict = [
  bgpAd("one", { localPref: 100 }),
  bgpAd("two", { localPref: 200, serviceSelectors: [labels({ app: "web" })] }),
];
const excluded = node("a", { "node.kubernetes.io/exclude-from-external-load-balancers": "" });

interface Case {
  readonly config: Config;
  readonly service?: Service;
  readonly endpoints?: EndpointSummary;
  readonly nodes?: readonly Node[];
  readonly unsupportedPeers?: ReadonlyMap<PeerName, string>;
}

const passwords = (...names: string[]) => new Map(names.map((name) => [peerName(name), "spec.password"]));

describe("4.2 the first reason that fails, in order", () => {
  test.each<[string, Case, string]>([
    [
      "1 the pool has no advertisement",
      { config: config(main, peer("tor"), bgpAd("x", { pools: ["other"] })) },
      "no-matching-advertisement",
    ],
    [
      "1 none selects this node",
      { config: config(main, peer("tor"), bgpAd("x", { nodeSelectors: onNodes("b") })) },
      "node-not-selected",
    ],
    [
      "1 before 2: other nodes' advertisements and other Services'",
      {
        config: config(
          main,
          peer("tor"),
          bgpAd("x", { nodeSelectors: onNodes("b"), serviceSelectors: [labels({ app: "db" })] }),
        ),
      },
      "node-not-selected",
    ],
    [
      "2 none matches the labels",
      { config: config(main, peer("tor"), bgpAd("x", { serviceSelectors: [labels({ app: "db" })] })) },
      "no-matching-advertisement",
    ],
    [
      "2 one matches the node, the other the labels",
      {
        config: config(
          main,
          peer("tor"),
          bgpAd("x", { serviceSelectors: [labels({ app: "db" })] }),
          bgpAd("y", { nodeSelectors: onNodes("b") }),
        ),
      },
      "no-matching-advertisement",
    ],
    ["3 contradicting localPrefs", { config: config(main, peer("tor"), ...conflict) }, "conflicting-local-pref"],
    [
      "3 before 4: contradiction on a node without network",
      { config: config(main, peer("tor"), ...conflict), nodes: [node("a", {}, "True")] },
      "conflicting-local-pref",
    ],
    [
      "4 the network is unavailable",
      { config: config(main, peer("tor"), bgpAd("x")), nodes: [node("a", {}, "True")] },
      "network-unavailable",
    ],
    [
      "4 before 5: unavailable and excluded",
      {
        config: config(main, peer("tor"), bgpAd("x")),
        nodes: [node("a", { "node.kubernetes.io/exclude-from-external-load-balancers": "" }, "True")],
      },
      "network-unavailable",
    ],
    [
      "5 the node is excluded, whatever the value",
      { config: config(main, peer("tor"), bgpAd("x")), nodes: [excluded] },
      "node-excluded",
    ],
    [
      "5 before 7",
      { config: config(main, peer("tor"), bgpAd("x")), nodes: [excluded], endpoints: on() },
      "node-excluded",
    ],
    [
      "6 Local without an endpoint here",
      { config: config(main, peer("tor"), bgpAd("x")), service: service("web", { spec: local }), endpoints: on("b") },
      "no-local-endpoint",
    ],
    [
      "6 before 7: Local without any endpoint",
      { config: config(main, peer("tor"), bgpAd("x")), service: service("web", { spec: local }), endpoints: on() },
      "no-local-endpoint",
    ],
    ["7 no endpoint anywhere", { config: config(main, peer("tor"), bgpAd("x")), endpoints: on() }, "no-endpoint"],
    ["then peers: none at all", { config: config(main, bgpAd("x")) }, "no-matching-peer"],
    [
      "then peers: none runs here",
      { config: config(main, peer("tor", { nodeSelectors: onNodes("b") }), bgpAd("x")) },
      "no-matching-peer",
    ],
    [
      "then peers: the names are unknown",
      { config: config(main, peer("tor"), bgpAd("x", { peers: ["gone"] })) },
      "no-matching-peer",
    ],
    [
      "then families",
      { config: config(main, peer("tor", { address: "2001:db8:1::1" }), bgpAd("x")) },
      "family-not-carried",
    ],
    [
      "then what the node can do",
      { config: config(main, peer("tor"), bgpAd("x")), unsupportedPeers: passwords("tor") },
      "peer-not-supported",
    ],
    [
      "families before what the node can do",
      {
        config: config(main, peer("tor", { address: "2001:db8:1::1" }), bgpAd("x")),
        unsupportedPeers: passwords("tor"),
      },
      "family-not-carried",
    ],
    ["endpoints before peers", { config: config(main, bgpAd("x")), endpoints: on() }, "no-endpoint"],
  ])("%s", (_, { service: what = web, endpoints, ...cluster }, reason) => {
    const decision = decide(cluster, what, endpoints);
    expect(decision.bgp).toEqual([]);
    expect(refusalsIn(decision, "bgp")).toEqual([`10.0.0.1 ${reason}`]);
  });

  test("an unknown node is selected by nothing", () => {
    const decision = decide({ config: config(main, peer("tor"), bgpAd("x")), nodes: [node("b")] }, web);
    expect(refusalsIn(decision, "bgp")).toEqual(["10.0.0.1 node-not-selected"]);
    const without = decide({ config: config(main, peer("tor")), nodes: [] }, web);
    expect(refusalsIn(without, "bgp")).toEqual(["10.0.0.1 no-matching-advertisement"]);
  });

  test.each<[string, Case & { ignoreExcludeLb?: boolean }]>([
    [
      "--ignore-exclude-lb takes an excluded node",
      { config: config(main, peer("tor"), bgpAd("x")), nodes: [excluded], ignoreExcludeLb: true },
    ],
    [
      "NetworkUnavailable False is fine",
      { config: config(main, peer("tor"), bgpAd("x")), nodes: [node("a", {}, "False")] },
    ],
    [
      "NetworkUnavailable Unknown is fine",
      { config: config(main, peer("tor"), bgpAd("x")), nodes: [node("a", {}, "Unknown")] },
    ],
    [
      "Local with an endpoint here",
      { config: config(main, peer("tor"), bgpAd("x")), service: service("web", { spec: local }), endpoints: on("a") },
    ],
    ["Cluster with endpoints elsewhere only", { config: config(main, peer("tor"), bgpAd("x")), endpoints: on("b") }],
    [
      "Cluster with endpoints of no known node",
      { config: config(main, peer("tor"), bgpAd("x")), endpoints: { any: true, nodes: new Map() } },
    ],
    [
      "serviceSelectors are alternatives",
      {
        config: config(
          main,
          peer("tor"),
          bgpAd("x", { serviceSelectors: [labels({ app: "db" }), labels({ app: "web" })] }),
        ),
      },
    ],
    ["membership is layer 2's affair", { config: config(main, peer("tor"), bgpAd("x")) }],
  ])("announces: %s", (_, { service: what = web, endpoints, ...cluster }) => {
    const decision = decide({ members: new Set([nodeName("b")]), ...cluster }, what, endpoints);
    expect(routesIn(decision)).toEqual(["tor 10.0.0.1/32"]);
    expect(refusalsIn(decision, "bgp")).toEqual([]);
  });
});

describe("4.3 what is advertised to whom", () => {
  const dual = service("web", { ips: ["10.0.0.77", "2001:db8::77"] });
  test.each<[string, Config, string[], string[]]>([
    [
      "a host route to every peer",
      config(main, peer("p1"), peer("p2"), bgpAd("x")),
      ["p1 10.0.0.77/32", "p2 10.0.0.77/32"],
      ["2001:db8::77 family-not-carried"],
    ],
    [
      "aggregates by family",
      config(main, peer("p1", { dualStack: true }), bgpAd("x", { lengths: [26, 64] })),
      ["p1 10.0.0.64/26", "p1 2001:db8::/64"],
      [],
    ],
    [
      "an IPv6 session carries IPv6",
      config(main, peer("p1", { address: "2001:db8:1::1" }), bgpAd("x")),
      ["p1 2001:db8::77/128"],
      ["10.0.0.77 family-not-carried"],
    ],
    [
      "one session per family",
      config(main, peer("p4"), peer("p6", { address: "2001:db8:1::1" }), bgpAd("x")),
      ["p4 10.0.0.77/32", "p6 2001:db8::77/128"],
      [],
    ],
    [
      "an unnumbered session carries both",
      config(main, peer("p1", { endpoint: { type: "interface", name: "eth1" } }), bgpAd("x")),
      ["p1 10.0.0.77/32", "p1 2001:db8::77/128"],
      [],
    ],
    [
      "only the peers the advertisement names",
      config(main, peer("p1"), peer("p2"), bgpAd("x", { peers: ["p2", "gone"] })),
      ["p2 10.0.0.77/32"],
      ["2001:db8::77 family-not-carried"],
    ],
    [
      "only peers that run here",
      config(
        main,
        peer("p1", { nodeSelectors: onNodes("b") }),
        peer("p2", { nodeSelectors: onNodes("a") }),
        bgpAd("x"),
      ),
      ["p2 10.0.0.77/32"],
      ["2001:db8::77 family-not-carried"],
    ],
    [
      "two lengths are two routes",
      config(
        main,
        peer("p1", { dualStack: true }),
        bgpAd("x"),
        bgpAd("y", { lengths: [24, 128], communities: ["1:1"] }),
      ),
      ["p1 10.0.0.77/32", "p1 10.0.0.0/24 1:1", "p1 2001:db8::77/128 1:1"],
      [],
    ],
    [
      "an advertisement of another pool adds nothing",
      config(
        main,
        pool("other", "10.1.0.0/24"),
        peer("p4"),
        peer("p6", { address: "2001:db8:1::1" }),
        bgpAd("x"),
        bgpAd("y", { pools: ["other"], communities: ["1:1"] }),
      ),
      ["p4 10.0.0.77/32", "p6 2001:db8::77/128"],
      [],
    ],
  ])("%s", (_, cluster, routes, refusals) => {
    const decision = decide({ config: cluster }, dual);
    expect(routesIn(decision)).toEqual(routes);
    expect(refusalsIn(decision, "bgp")).toEqual(refusals);
  });
});

describe("peers that a node can have no session with", () => {
  test("the others get the route, and nothing is refused", () => {
    const cluster = config(main, peer("p1"), peer("p2"), bgpAd("x"));
    const decision = decide({ config: cluster, unsupportedPeers: passwords("p1") }, web);
    expect(routesIn(decision)).toEqual(["p2 10.0.0.1/32"]);
    expect(refusalsIn(decision, "bgp")).toEqual([]);
  });

  test("when there is no other, the refusal names them all, and the fields", () => {
    const cluster = config(main, peer("p1"), peer("p2"), peer("unnamed"), bgpAd("x", { peers: ["p1", "p2"] }));
    const [refusal] = decide({ config: cluster, unsupportedPeers: passwords("p1", "p2") }, web).refusals;
    expect(refusal === undefined ? "" : formatRefusal(refusal)).toBe(
      "Node a can have no session: it does not support spec.password of BGPPeer p1, spec.password of BGPPeer p2",
    );
  });
});

describe("4.4 advertisements that meet on one prefix and peer", () => {
  test("communities unite, sorted and each once", () => {
    const ads = [
      bgpAd("x", { communities: ["65000:2", "large:9:0:1", "large:1:2:3"], localPref: 200 }),
      bgpAd("y", { communities: ["65000:1", "65000:2", "large:1:2:3"], localPref: 200 }),
    ];
    const decision = decide({ config: config(main, peer("tor"), ...ads) }, web);
    const { bgp } = decision;
    expect(bgp).toHaveLength(1);
    expect(bgp[0]?.attributes).toMatchObject({ localPref: 200, advertisements: ["x", "y"] });
    expect(routesIn(decision)).toEqual(["tor 10.0.0.1/32 65000:1 65000:2"]);
    expect(bgp[0]?.attributes.largeCommunities.map(formatLargeCommunity)).toEqual(["1:2:3", "9:0:1"]);
  });

  test("each peer hears only what is sent to it", () => {
    const ads = [bgpAd("x", { communities: ["1:1"], peers: ["p1"] }), bgpAd("y", { communities: ["2:2"] })];
    const decision = decide({ config: config(main, peer("p1"), peer("p2"), ...ads) }, web);
    expect(routesIn(decision)).toEqual(["p1 10.0.0.1/32 1:1 2:2", "p2 10.0.0.1/32 2:2"]);
  });

  const many = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `64512:${from + i}`);
  test.each([
    ["63 fit", [bgpAd("x", { communities: many(0, 63) })], []],
    ["64 do not", [bgpAd("x", { communities: many(0, 64) })], ["10.0.0.1 too-many-communities"]],
    [
      "64 after uniting do not",
      [bgpAd("x", { communities: many(0, 40) }), bgpAd("y", { communities: many(40, 24) })],
      ["10.0.0.1 too-many-communities"],
    ],
    ["the same 63 twice fit", [bgpAd("x", { communities: many(0, 63) }), bgpAd("y", { communities: many(0, 63) })], []],
    [
      "large ones count too",
      [bgpAd("x", { communities: [...many(0, 63), "large:1:1:1"] })],
      ["10.0.0.1 too-many-communities"],
    ],
    [
      "another route of the address still goes",
      [bgpAd("x", { communities: many(0, 64) }), bgpAd("y", { lengths: [24, 128] })],
      [],
    ],
  ])("%s", (_, ads, want) => {
    const decision = decide({ config: config(main, peer("tor"), ...ads) }, web);
    expect(refusalsIn(decision, "bgp")).toEqual(want);
    expect(decision.bgp).toHaveLength(want.length === 0 ? 1 : 0);
  });
});

describe("4.5 when two localPrefs contradict each other", () => {
  const v4 = pool("main", "10.0.0.0/24");
  const v6 = pool("main", "2001:db8::/64");
  const web6 = service("web", { labels: { app: "web" }, ips: ["2001:db8::1"] });
  const peers = [peer("p1", { dualStack: true }), peer("p2", { dualStack: true })];
  test.each<[string, Config, Service, boolean]>([
    [
      "equal is no contradiction",
      config(v4, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y", { localPref: 5 })),
      web,
      false,
    ],
    ["different is one", config(v4, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y", { localPref: 6 })), web, true],
    ["set and unset is one", config(v4, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y")), web, true],
    ["zero is unset", config(v4, ...peers, bgpAd("x", { localPref: 0 }), bgpAd("y")), web, false],
    [
      "peer lists that share one name",
      config(v4, ...peers, bgpAd("x", { localPref: 5, peers: ["p1", "p2"] }), bgpAd("y", { peers: ["p2"] })),
      web,
      true,
    ],
    [
      "an empty peer list meets every other",
      config(v4, ...peers, bgpAd("x", { localPref: 5, peers: ["p1"] }), bgpAd("y")),
      web,
      true,
    ],
    [
      "an empty second peer list meets the first",
      config(v4, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y", { peers: ["p1"] })),
      web,
      true,
    ],
    [
      "disjoint peer lists do not meet",
      config(v4, ...peers, bgpAd("x", { localPref: 5, peers: ["p1"] }), bgpAd("y", { peers: ["p2"] })),
      web,
      false,
    ],
    [
      "IPv4 pool: the IPv4 lengths differ",
      config(v4, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y", { lengths: [24, 128] })),
      web,
      false,
    ],
    [
      "IPv4 pool: the IPv6 lengths do not count",
      config(v4, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y", { lengths: [32, 64] })),
      web,
      true,
    ],
    [
      "IPv6 pool: the IPv6 lengths differ",
      config(v6, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y", { lengths: [32, 64] })),
      web6,
      false,
    ],
    [
      "IPv6 pool: the IPv4 lengths do not count",
      config(v6, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y", { lengths: [24, 128] })),
      web6,
      true,
    ],
    [
      "dual pool: one length is not enough",
      config(main, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y", { lengths: [24, 128] })),
      web,
      true,
    ],
    [
      "dual pool: both lengths differ",
      config(main, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y", { lengths: [24, 64] })),
      web,
      false,
    ],
    [
      "node sets that do not meet here",
      config(v4, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y", { nodeSelectors: onNodes("b") })),
      web,
      false,
    ],
    [
      "the other does not match this Service",
      config(v4, ...peers, bgpAd("x", { localPref: 5 }), bgpAd("y", { serviceSelectors: [labels({ app: "db" })] })),
      web,
      false,
    ],
    [
      "the third contradicts the second",
      config(
        v4,
        ...peers,
        bgpAd("x", { peers: ["p1"] }),
        bgpAd("y", { localPref: 5, peers: ["p2"] }),
        bgpAd("z", { localPref: 6, peers: ["p2"] }),
      ),
      web,
      true,
    ],
  ])("%s", (_, cluster, what, contradicts) => {
    const decision = decide({ config: cluster }, what);
    const address = what === web6 ? "2001:db8::1" : "10.0.0.1";
    expect(refusalsIn(decision, "bgp")).toEqual(contradicts ? [`${address} conflicting-local-pref`] : []);
    expect(decision.bgp.length > 0).toBe(!contradicts);
  });

  test("a localPref that is not set is named so", () => {
    const ads = [bgpAd("x"), bgpAd("y", { localPref: 5 }), bgpAd("z")];
    const says = (...some: typeof ads): (string | undefined)[] =>
      decide({ config: config(v4, ...peers, ...some) }, web)
        .refusals.slice(0, 1)
        .map(formatRefusal);
    const end = "contradict each other for Service default/web";
    expect(says(...ads.slice(0, 2))).toEqual([
      `BGPAdvertisements x (spec.localPref unset) and y (spec.localPref 5) ${end}`,
    ]);
    expect(says(...ads.slice(1))).toEqual([
      `BGPAdvertisements y (spec.localPref 5) and z (spec.localPref unset) ${end}`,
    ]);
  });

  test("a contradiction names both, and layer 2 goes on", () => {
    const decision = decide({ config: config(main, peer("p"), ...conflict, l2Ad("lan")), nodes: [node("a")] }, web);
    expect(decision.layer2.map((one) => one.ip)).toEqual([ip("10.0.0.1")]);
    expect(decision.refusals.map(formatRefusal)).toEqual([
      "BGPAdvertisements one (spec.localPref 100) and two (spec.localPref 200) contradict each other for Service default/web",
    ]);
  });
});

describe("what an advertisement of ours adds", () => {
  const attributesOf = (ads: readonly BgpAdvertisement[], spec: Service["spec"], endpoints: EndpointSummary) =>
    decide({ config: config(main, peer("tor"), ...ads) }, service("web", { spec }), endpoints).bgp;

  test("med and prepend are said as they are written, and not at all otherwise", () => {
    const [route] = attributesOf([bgpAd("x", { med: 0, asPathPrepend: 3 })], {}, on("a"));
    expect(route?.attributes).toMatchObject({ med: 0, asPathPrepend: 3 });
    const [plain] = attributesOf([bgpAd("x")], {}, on("a"));
    expect(plain?.attributes).toMatchObject({ med: undefined, asPathPrepend: undefined, linkBandwidth: undefined });
  });

  test.each<[string, Service["spec"], EndpointSummary, number]>([
    ["Local: the endpoints on this node", local, on("a", "a", "a", "b"), 3],
    ["Cluster: every node the same, for each passes traffic on to all", {}, on("a", "a", "b"), 1],
    ["Cluster, and no endpoint here", {}, on("b", "b"), 1],
  ])("the weight with traffic policy %s", (_, spec, endpoints, want) => {
    const [route] = attributesOf([bgpAd("x", { linkBandwidth: "endpoints" })], spec, endpoints);
    expect(route?.weight).toBe(want);
  });
});

describe("a node that is asked to drain", () => {
  const drained: Node = {
    ...node("a"),
    metadata: { ...node("a").metadata, annotations: { "herald.io/drain": "disk" } },
  };
  const cluster = {
    config: config(main, peer("tor"), bgpAd("x", { communities: ["64512:1"], localPref: 300 }), l2Ad("lan")),
    nodes: [drained, node("b")],
  };
  const phase = (name: DrainPhase): Drain => ({ ...NO_DRAIN, phase: name, why: "reboot" });

  test("announces nothing by either protocol, and says why", () => {
    const { bgp, layer2, refusals } = decide(cluster, web);
    expect([bgp, layer2]).toEqual([[], []]);
    expect(refusals.map(formatRefusal)).toEqual(["Node a is drained: disk", "Node a is drained: disk"]);
    expect(refusals.map(({ cause }) => cause.reason)).toEqual(["node-drained", "node-drained"]);
  });

  test("without a reason the sentence ends there", () => {
    const nodes = [{ ...drained, metadata: { ...drained.metadata, annotations: { "herald.io/drain": "" } } }];
    expect(decide({ ...cluster, nodes }, web).refusals.map(formatRefusal)[0]).toBe("Node a is drained");
  });

  test("hands its layer-2 addresses to the others", () => {
    expect(decide({ ...cluster, nodeName: nodeName("b") }, web).layer2).toHaveLength(1);
  });

  test.each<[DrainPhase, readonly string[], number | undefined]>([
    ["announcing", ["64512:1"], 300],
    ["draining", ["64512:1", "65535:0"], 0],
  ])("RFC 8326: while it is %s its routes stay", (name, communities, localPref) => {
    const [route] = decide({ ...cluster, drain: phase(name) }, web).bgp;
    expect(route?.attributes.communities.map(formatCommunity)).toEqual(communities);
    expect(route?.attributes.localPref).toBe(localPref);
  });

  test.each<[DrainPhase]>([["withdrawn"], ["closed"]])("when it is %s they are gone, in its own words", (name) => {
    const { bgp, refusals } = decide({ ...cluster, nodes: [node("a"), node("b")], drain: phase(name) }, web);
    expect(bgp).toEqual([]);
    expect(refusals.map(formatRefusal)[0]).toBe("Node a is drained: reboot");
  });

  test("another reason comes first", () => {
    const nodes = [{ ...drained, metadata: { ...drained.metadata, labels: excluded.metadata.labels ?? {} } }];
    expect(refusalsIn(decide({ ...cluster, nodes }, web), "bgp")).toEqual(["10.0.0.1 node-excluded"]);
  });

  test("the community of the drain fits beside 63 of the user's", () => {
    const many = Array.from({ length: 63 }, (_, i) => `64512:${i}`);
    const full = { config: config(main, peer("tor"), bgpAd("x", { communities: many })), drain: phase("draining") };
    const { bgp } = decide(full, web);
    expect(bgp[0]?.attributes.communities).toHaveLength(64);
    expect(combineRoutes([decide(full, web)]).routes).toHaveLength(1);
  });

  test("no signal but the annotation drains a node: not that it is cordoned", () => {
    const cordoned = { ...node("a"), spec: { unschedulable: true } };
    expect(decide({ ...cluster, nodes: [cordoned, node("b")] }, web).bgp).toHaveLength(1);
  });
});
