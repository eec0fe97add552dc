import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Config } from "../../src/api/config.ts";
import type { Node, Secret } from "../../src/api/core.ts";
import { type ConfigMemory, NO_MEMORY, parseKeepingLastGood } from "../../src/api/last-good.ts";
import { localPrefsConflict } from "../../src/api/local-pref-conflict.ts";
import type { RawObject } from "../../src/api/object.ts";
import type { ConfigObjects } from "../../src/api/parse-config.ts";
import { rangeOfPrefix, rangesOverlap } from "../../src/net/ip-range.ts";
import { bgp, l2, node, peer, pool, raw } from "./objects.ts";

const NONE: ConfigObjects = {
  pools: [],
  peers: [],
  bgpAdvertisements: [],
  l2Advertisements: [],
  communities: [],
  bfdProfiles: [],
  secrets: [],
};
type Objects = Partial<ConfigObjects> & { readonly nodes?: readonly Node[] };

const secret = (name: string, password = "sesame"): Secret => ({
  metadata: { name, namespace: "metallb-system" },
  type: "kubernetes.io/basic-auth",
  data: { password: Buffer.from(password).toString("base64") },
});
const community = (name: string, value: string): ConfigObjects["communities"][number] =>
  raw("Community", name, { communities: [{ name: "vip", value }] });

/** One line for each thing that is configured, with the part of it that the tests edit. */
function summary(steps: readonly Objects[]): { config: readonly string[]; invalid: readonly string[] } {
  let memory: ConfigMemory = NO_MEMORY;
  let result: { config: readonly string[]; invalid: readonly string[] } = { config: [], invalid: [] };
  for (const { nodes = [], ...objects } of steps) {
    const parsed = parseKeepingLastGood({ ...NONE, ...objects }, { nodes }, memory);
    memory = parsed.memory;
    const { pools, peers, bgpAdvertisements, l2Advertisements, bfdProfiles } = parsed.config;
    result = {
      config: [
        ...[...pools.values()].map((p) => `pool ${p.name} ${p.blocks.map((block) => block.text).join(",")}`),
        ...[...peers.values()].map((p) => `peer ${p.name} ${p.holdTime ?? "-"} ${p.password ?? "-"}`),
        ...bgpAdvertisements.map((a) => `bgp ${a.name} ${a.localPref ?? "-"} ${a.communities.length}`),
        ...l2Advertisements.map((a) => `l2 ${a.name} ${a.interfaces.join(",")}`),
        ...[...bfdProfiles.keys()].map((name) => `bfd ${name}`),
      ],
      invalid: parsed.invalid.map(({ kind, name }) => `${kind} ${name}`),
    };
  }
  return result;
}

const A = pool("a", ["10.0.0.0/28"], 1);
const B = pool("b", ["10.0.1.0/28"], 2);

describe("parseKeepingLastGood()", () => {
  test.each<[string, readonly Objects[], readonly string[], readonly string[]]>([
    ["nothing is nothing", [{}], [], []],
    [
      "what was never good is left out",
      [{ pools: [A, pool("b", ["nonsense"])] }],
      ["pool a 10.0.0.0/28"],
      ["IPAddressPool b"],
    ],
    [
      "a pool that breaks goes on as it was",
      [{ pools: [A, B] }, { pools: [A, pool("b", ["10.0.1.0/99"], 2)] }],
      ["pool a 10.0.0.0/28", "pool b 10.0.1.0/28"],
      ["IPAddressPool b"],
    ],
    [
      "and on, however often it is broken again",
      [{ pools: [B] }, { pools: [pool("b", ["x"], 2)] }, { pools: [pool("b", ["y"], 2)] }],
      ["pool b 10.0.1.0/28"],
      ["IPAddressPool b"],
    ],
    ["until it is deleted", [{ pools: [B] }, { pools: [pool("b", ["x"], 2)] }, { pools: [] }], [], []],
    [
      "a deleted one does not come back with a broken namesake",
      [{ pools: [B] }, {}, { pools: [pool("b", ["x"])] }],
      [],
      ["IPAddressPool b"],
    ],
    [
      "or mended",
      [{ pools: [B] }, { pools: [pool("b", ["x"], 2)] }, { pools: [pool("b", ["10.0.2.0/28"], 2)] }],
      ["pool b 10.0.2.0/28"],
      [],
    ],
    [
      "an edit of the younger that makes two overlap is not used",
      [{ pools: [A, B] }, { pools: [A, pool("b", ["10.0.0.0/24"], 2)] }],
      ["pool a 10.0.0.0/28", "pool b 10.0.1.0/28"],
      ["IPAddressPool b"],
    ],
    [
      "nor is an edit of the older: whoever was not touched stays",
      [{ pools: [A, B] }, { pools: [pool("a", ["10.0.0.0/16"], 1), B] }],
      ["pool a 10.0.0.0/28", "pool b 10.0.1.0/28"],
      ["IPAddressPool a"],
    ],
    [
      "a new one that overlaps with what a broken one goes on as is named too",
      [{ pools: [A] }, { pools: [pool("a", ["x"], 1), pool("c", ["10.0.0.8/32"], 3)] }],
      ["pool a 10.0.0.0/28"],
      ["IPAddressPool a", "IPAddressPool c"],
    ],
    [
      "a peer that breaks",
      [{ peers: [peer("p", { holdTime: "90s" })] }, { peers: [peer("p", { holdTime: "1s" })] }],
      ["peer p 90 -"],
      ["BGPPeer p"],
    ],
    [
      "a peer whose Secret goes away keeps its password",
      [
        { peers: [peer("p", { passwordSecret: { name: "s" } })], secrets: [secret("s")] },
        { peers: [peer("p", { passwordSecret: { name: "s" } })] },
      ],
      ["peer p - sesame"],
      ["BGPPeer p"],
    ],
    [
      "a Secret that was never there",
      [{ peers: [peer("p", { passwordSecret: { name: "s" } }), peer("q", { peerAddress: "192.0.2.2" })] }],
      ["peer q - -"],
      ["BGPPeer p"],
    ],
    [
      "a peer whose BFDProfile goes away",
      [
        { peers: [peer("p", { bfdProfile: "f" })], bfdProfiles: [raw("BFDProfile", "f", {})] },
        { peers: [peer("p", { bfdProfile: "f" })] },
      ],
      ["peer p - -"],
      ["BGPPeer p"],
    ],
    [
      "an advertisement whose Community goes away",
      [
        { pools: [A], bgpAdvertisements: [bgp("ad", { communities: ["vip"] })], communities: [community("c", "1:2")] },
        { pools: [A], bgpAdvertisements: [bgp("ad", { communities: ["vip"] })] },
      ],
      ["pool a 10.0.0.0/28", "bgp ad - 1"],
      ["BGPAdvertisement ad"],
    ],
    [
      "a Community that breaks keeps its value",
      [
        { pools: [A], bgpAdvertisements: [bgp("ad", { communities: ["vip"] })], communities: [community("c", "1:2")] },
        { pools: [A], bgpAdvertisements: [bgp("ad", { communities: ["vip"] })], communities: [community("c", "x")] },
      ],
      ["pool a 10.0.0.0/28", "bgp ad - 1"],
      ["BGPAdvertisement ad", "Community c"],
    ],
    [
      "an L2Advertisement that breaks",
      [
        { l2Advertisements: [l2("l", { interfaces: ["eth0"] })] },
        { l2Advertisements: [l2("l", { interfaces: "eth0" })] },
      ],
      ["l2 l eth0"],
      ["L2Advertisement l"],
    ],
    [
      "one that was good and one that never was, broken together",
      [{ pools: [A] }, { pools: [pool("a", ["x"], 1), pool("new", ["y"], 2)] }],
      ["pool a 10.0.0.0/28"],
      ["IPAddressPool a", "IPAddressPool new"],
    ],
    [
      "several peers whose Secrets go away, in name order with the others",
      [
        {
          peers: [
            peer("a", { passwordSecret: { name: "s" } }),
            peer("b", { peerAddress: "192.0.2.2" }),
            peer("c", { passwordSecret: { name: "t" }, peerAddress: "192.0.2.3" }),
          ],
          secrets: [secret("s"), secret("t", "open")],
        },
        {
          peers: [
            peer("c", { passwordSecret: { name: "t" }, peerAddress: "192.0.2.3" }),
            peer("a", { passwordSecret: { name: "s" } }),
            peer("b", { peerAddress: "192.0.2.2" }),
          ],
        },
      ],
      ["peer a - sesame", "peer b - -", "peer c - open"],
      ["BGPPeer a", "BGPPeer c"],
    ],
    [
      "others that were edited at the same time are used as they are now",
      [{ pools: [A, B] }, { pools: [pool("a", ["10.0.0.0/30"], 1), pool("b", ["x"], 2)] }],
      ["pool a 10.0.0.0/30", "pool b 10.0.1.0/28"],
      ["IPAddressPool b"],
    ],
  ])("%s", (_name, steps, config, invalid) => {
    const result = summary(steps);
    expect(result.config).toEqual(config);
    expect([...result.invalid].toSorted()).toEqual(invalid);
  });

  test("objects of the same name in two namespaces are two", () => {
    const elsewhere = { ...pool("b", ["x"]), metadata: { name: "b" } };
    expect(summary([{ pools: [B] }, { pools: [B, elsewhere] }]).config).toEqual(["pool b 10.0.1.0/28"]);
  });
});

describe("an object nobody touched wins over a changed or new one", () => {
  const pref = (name: string, localPref: number, day: number, more: object = {}): RawObject =>
    bgp(name, { localPref, ...more }, day);
  const X = pref("x", 1, 1);
  const Y = pref("y", 1, 2);
  const on = (rack: string): object => ({ nodeSelectors: [{ matchLabels: { rack } }] });
  const APART = [node("m", { rack: "1" }), node("n", { rack: "2" })];
  const TOGETHER = [node("m", { rack: "1", also: "2" }), node("n", { rack: "2" })];
  const MEETING = [pref("x", 1, 1, on("1")), pref("y", 2, 2, { nodeSelectors: [{ matchLabels: { also: "2" } }] })];
  const byLabel = (name: string, labels: Readonly<Record<string, string>>): RawObject => {
    const object = pool(name, ["10.0.9.0/28"], 5);
    return { ...object, metadata: { ...object.metadata, labels } };
  };
  const SELECTING = [
    pref("x", 1, 1, { ipAddressPools: ["a"], ipAddressPoolSelectors: [{ matchLabels: { one: "" } }] }),
    pref("y", 2, 2, { ipAddressPools: ["b"], ipAddressPoolSelectors: [{ matchLabels: { two: "" } }] }),
  ];

  test.each<[string, readonly Objects[], readonly string[], readonly string[]]>([
    [
      "the older advertisement changes its local preference",
      [
        { pools: [A], bgpAdvertisements: [X, Y] },
        { pools: [A], bgpAdvertisements: [pref("x", 2, 1), Y] },
      ],
      ["pool a 10.0.0.0/28", "bgp x 1 0", "bgp y 1 0"],
      ["BGPAdvertisement x"],
    ],
    [
      "the younger does",
      [
        { pools: [A], bgpAdvertisements: [X, Y] },
        { pools: [A], bgpAdvertisements: [X, pref("y", 2, 2)] },
      ],
      ["pool a 10.0.0.0/28", "bgp x 1 0", "bgp y 1 0"],
      ["BGPAdvertisement y"],
    ],
    [
      "both change to the same",
      [
        { pools: [A], bgpAdvertisements: [X, Y] },
        { pools: [A], bgpAdvertisements: [pref("x", 2, 1), pref("y", 2, 2)] },
      ],
      ["pool a 10.0.0.0/28", "bgp x 2 0", "bgp y 2 0"],
      [],
    ],
    [
      "both change apart: the one that is kept back must fit, so neither is used",
      [
        { pools: [A], bgpAdvertisements: [X, Y] },
        { pools: [A], bgpAdvertisements: [pref("x", 2, 1), pref("y", 3, 2)] },
      ],
      ["pool a 10.0.0.0/28", "bgp x 1 0", "bgp y 1 0"],
      ["BGPAdvertisement x", "BGPAdvertisement y"],
    ],
    [
      "a new one that has been there for longer by its date",
      [
        { pools: [A], bgpAdvertisements: [Y] },
        { pools: [A], bgpAdvertisements: [pref("x", 2, 1), Y] },
      ],
      ["pool a 10.0.0.0/28", "bgp y 1 0"],
      ["BGPAdvertisement x"],
    ],
    [
      "a change against one that goes on without its Community",
      [
        {
          pools: [A],
          bgpAdvertisements: [X, pref("y", 1, 2, { communities: ["vip"] })],
          communities: [community("c", "1:2")],
        },
        { pools: [A], bgpAdvertisements: [pref("x", 2, 1), pref("y", 1, 2, { communities: ["vip"] })] },
      ],
      ["pool a 10.0.0.0/28", "bgp x 1 0", "bgp y 1 1"],
      ["BGPAdvertisement x", "BGPAdvertisement y"],
    ],
    [
      "a relabelled node makes two meet: the older stays",
      [
        { pools: [A], bgpAdvertisements: MEETING, nodes: APART },
        { pools: [A], bgpAdvertisements: MEETING, nodes: TOGETHER },
      ],
      ["pool a 10.0.0.0/28", "bgp x 1 0"],
      ["BGPAdvertisement y"],
    ],
    [
      "and again, however often it is looked at",
      [
        { pools: [A], bgpAdvertisements: MEETING, nodes: APART },
        { pools: [A], bgpAdvertisements: MEETING, nodes: TOGETHER },
        { pools: [A], bgpAdvertisements: MEETING, nodes: TOGETHER },
      ],
      ["pool a 10.0.0.0/28", "bgp x 1 0"],
      ["BGPAdvertisement y"],
    ],
    [
      "until the node has its old labels again",
      [
        { pools: [A], bgpAdvertisements: MEETING, nodes: APART },
        { pools: [A], bgpAdvertisements: MEETING, nodes: TOGETHER },
        { pools: [A], bgpAdvertisements: MEETING, nodes: APART },
      ],
      ["pool a 10.0.0.0/28", "bgp x 1 0", "bgp y 2 0"],
      [],
    ],
    [
      "a pool that makes two meet: the younger goes on with the pools that it had",
      [
        { pools: [A, B], bgpAdvertisements: SELECTING },
        { pools: [A, B, byLabel("c", { one: "", two: "" })], bgpAdvertisements: SELECTING },
      ],
      ["pool a 10.0.0.0/28", "pool b 10.0.1.0/28", "pool c 10.0.9.0/28", "bgp x 1 0", "bgp y 2 0"],
      ["BGPAdvertisement y"],
    ],
    [
      "an aggregate that a changed pool is too narrow for",
      [
        { pools: [A], bgpAdvertisements: [bgp("ad", { aggregationLength: 28 })] },
        { pools: [pool("a", ["10.0.0.0/30"], 1)], bgpAdvertisements: [bgp("ad", { aggregationLength: 28 })] },
      ],
      ["pool a 10.0.0.0/30", "bgp ad - 0"],
      ["BGPAdvertisement ad"],
    ],
    [
      "the older pool takes the younger's addresses",
      [{ pools: [A, B] }, { pools: [pool("a", ["10.0.1.0/28"], 1), B] }],
      ["pool a 10.0.0.0/28", "pool b 10.0.1.0/28"],
      ["IPAddressPool a"],
    ],
    [
      "two pools that swap their addresses at once are both used",
      [{ pools: [A, B] }, { pools: [pool("a", ["10.0.1.0/28"], 1), pool("b", ["10.0.0.0/28"], 2)] }],
      ["pool a 10.0.1.0/28", "pool b 10.0.0.0/28"],
      [],
    ],
    [
      "a pool that takes the place of one that breaks goes back as well",
      [{ pools: [A, B] }, { pools: [pool("a", ["x"], 1), pool("b", ["10.0.0.0/28"], 2)] }],
      ["pool a 10.0.0.0/28", "pool b 10.0.1.0/28"],
      ["IPAddressPool a", "IPAddressPool b"],
    ],
    [
      "a pool whose labels change is changed: it gives way to an older changed one, which its last good version is in the way of",
      [{ pools: [byLabel("a", {}), B] }, { pools: [byLabel("a", { one: "" }), pool("b", ["10.0.9.0/28"], 1)] }],
      ["pool a 10.0.9.0/28", "pool b 10.0.1.0/28"],
      ["IPAddressPool a", "IPAddressPool b"],
    ],
    [
      "the older Community takes the younger's alias",
      [
        {
          bgpAdvertisements: [bgp("ad", { communities: ["vip"] })],
          communities: [raw("Community", "b", {}, 1), community("c", "1:2")],
        },
        {
          bgpAdvertisements: [bgp("ad", { communities: ["vip"] })],
          communities: [raw("Community", "b", community("b", "3:4").spec, 1), community("c", "1:2")],
        },
      ],
      ["bgp ad - 1"],
      ["Community b"],
    ],
    [
      "the older peer becomes the younger",
      [
        { peers: [peer("p", { holdTime: "90s" }, 1), peer("q", {}, 2)] },
        { peers: [peer("p", {}, 1), peer("q", {}, 2)] },
      ],
      ["peer p 90 -", "peer q - -"],
      ["BGPPeer p"],
    ],
    [
      "also one that has lost its Secret",
      [
        {
          peers: [peer("p", {}, 1), peer("q", { passwordSecret: { name: "s" } }, 2)],
          secrets: [secret("s")],
        },
        {
          peers: [peer("p", { passwordSecret: { name: "s" } }, 1), peer("q", { passwordSecret: { name: "s" } }, 2)],
        },
      ],
      ["peer p - -", "peer q - sesame"],
      ["BGPPeer p", "BGPPeer q"],
    ],
    [
      "or whose Secret is no password any more",
      [
        { peers: [peer("q", { passwordSecret: { name: "s" } })], secrets: [secret("s")] },
        { peers: [peer("q", { passwordSecret: { name: "s" } })], secrets: [{ ...secret("s"), type: "Opaque" }] },
      ],
      ["peer q - sesame"],
      ["BGPPeer q"],
    ],
  ])("%s", (_name, steps, config, invalid) => {
    const result = summary(steps);
    expect(result.config).toEqual(config);
    expect(result.invalid).toEqual(invalid);
  });
});

const DAY = fc.integer({ min: 1, max: 3 });
const NAMES = fc.constantFrom("a", "b", "c");
const BLOCK = fc.constantFrom("10.0.0.0/24", "10.0.0.0/25", "10.0.1.0/24", "10.0.2.0/24", "10.0.0.0/16", "nonsense");
const POOL = fc.tuple(NAMES, BLOCK, DAY).map(([name, block, day]) => pool(name, [block], day));
const AD = fc
  .tuple(
    NAMES,
    fc.record(
      {
        localPref: fc.constantFrom<unknown>(1, 2, -1),
        communities: fc.constantFrom(["vip"], ["1:1"]),
        nodeSelectors: fc.constantFrom([{ matchLabels: { r: "1" } }], [{ matchLabels: { s: "1" } }]),
      },
      { requiredKeys: [] },
    ),
    DAY,
  )
  .map(([name, spec, day]) => bgp(name, spec, day));
const PEER = fc
  .tuple(
    NAMES,
    fc.record({ holdTime: fc.constantFrom("9s", "90s", "1s"), bfdProfile: fc.constant("f") }, { requiredKeys: [] }),
    DAY,
  )
  .map(([name, changes, day]) => peer(name, changes, day));
const ONE_EACH = { maxLength: 3, selector: ({ metadata: { name } }: RawObject) => name };
const STEP: fc.Arbitrary<Objects> = fc.record({
  pools: fc.uniqueArray(POOL, ONE_EACH),
  bgpAdvertisements: fc.uniqueArray(AD, ONE_EACH),
  peers: fc.uniqueArray(PEER, ONE_EACH),
  communities: fc.constantFrom([], [community("c", "1:2")]),
  bfdProfiles: fc.constantFrom([], [raw("BFDProfile", "f", {})]),
  nodes: fc.constantFrom([node("m", { r: "1" }), node("n", { s: "1" })], [node("m", { r: "1", s: "1" })]),
});

/** What excludes each other in a configuration. */
function clashes({ pools, peers, bgpAdvertisements }: Config, nodes: readonly Node[]): readonly string[] {
  const context = { pools: [...pools.values()], nodes };
  const overlap = (a: number, b: number): boolean => {
    const [one, other] = [a, b].map((at) =>
      [context.pools[at]].flatMap((p) => p?.blocks ?? []).flatMap(({ prefixes }) => prefixes.map(rangeOfPrefix)),
    );
    return (one ?? []).some((range) => (other ?? []).some((second) => rangesOverlap(range, second)));
  };
  const specs = [...peers.values()].map(({ password, ...rest }) => JSON.stringify({ ...rest, name: "" }));
  return [
    ...context.pools.flatMap((p, i) =>
      context.pools.flatMap((_, j) => (j < i && overlap(i, j) ? [`pool ${p.name}`] : [])),
    ),
    ...bgpAdvertisements.flatMap((a, i) =>
      bgpAdvertisements
        .slice(0, i)
        .flatMap((b) => (localPrefsConflict(a, b, context) ? [`ads ${a.name} ${b.name}`] : [])),
    ),
    ...(new Set(specs).size < specs.length ? ["peers"] : []),
  ];
}

test("no configuration that comes out has two that exclude each other", () => {
  fc.assert(
    fc.property(fc.array(STEP, { minLength: 1, maxLength: 4 }), (steps) => {
      let memory = NO_MEMORY;
      for (const { nodes = [], ...objects } of steps) {
        ({ memory } = parseKeepingLastGood({ ...NONE, ...objects }, { nodes }, memory));
        expect(clashes(memory.config, nodes)).toEqual([]);
      }
    }),
    { numRuns: 500 },
  );
});

/** What is left of a configuration without its invalid objects. */
function validPart(objects: ConfigObjects, nodes: readonly Node[]): ConfigObjects {
  const { config } = parseKeepingLastGood(objects, { nodes }, NO_MEMORY);
  const ads = new Set(config.bgpAdvertisements.map(({ name }) => name));
  return {
    ...objects,
    pools: objects.pools.filter(({ metadata: { name } }) => [...config.pools.keys()].some((key) => key === name)),
    peers: objects.peers.filter(({ metadata: { name } }) => [...config.peers.keys()].some((key) => key === name)),
    bgpAdvertisements: objects.bgpAdvertisements.filter(({ metadata: { name } }) => ads.has(name)),
  };
}

test("after one edit of a valid configuration whatever was not touched is as it was, and the edited one is there", () => {
  const edits = fc.oneof(
    POOL.map((object) => ({ list: "pools" as const, object })),
    AD.map((object) => ({ list: "bgpAdvertisements" as const, object })),
    PEER.map((object) => ({ list: "peers" as const, object })),
  );
  let refused = 0;
  fc.assert(
    fc.property(STEP, edits, ({ nodes = [], ...step }, { list, object: { spec, metadata } }) => {
      const objects = validPart({ ...NONE, ...step }, nodes);
      const first = parseKeepingLastGood(objects, { nodes }, NO_MEMORY);
      expect(first.invalid).toEqual([]);
      const edited = objects[list].map((old) => (old.metadata.name === metadata.name ? { ...old, spec } : old));
      const second = parseKeepingLastGood({ ...objects, [list]: edited }, { nodes }, first.memory);
      if (second.invalid.length > 0) refused++;
      const parts = ({ pools, bgpAdvertisements, peers }: Config) =>
        Object.entries({ pools, bgpAdvertisements, peers }).map(([kind, all]) =>
          [...all.values()].map((one) => (kind === list && one.name === metadata.name ? one.name : one)),
        );
      expect(parts(second.config)).toEqual(parts(first.config));
    }),
    { numRuns: 1000 },
  );
  expect(refused).toBeGreaterThan(50);
});
