import { describe, expect, test } from "vitest";
import type { ClusterObjects, ProposedChange } from "../../src/admission/change.ts";
import { reviewChange } from "../../src/admission/review.ts";
import type { RawObject } from "../../src/api/object.ts";
import { bgp, l2, node, peer, pool, raw } from "../api/objects.ts";
import { cluster, create, remove, update, verdict } from "./cluster.ts";

type Row = readonly [string, ProposedChange, Partial<ClusterObjects>, readonly string[]];

const community = (name: string, ...aliases: readonly (readonly [string, string])[]): RawObject =>
  raw("Community", name, { communities: aliases.map(([alias, value]) => ({ name: alias, value })) });
const bfd = (name: string, spec: object = {}): RawObject => raw("BFDProfile", name, spec);
const meta = (object: RawObject, changes: object): RawObject => ({
  ...object,
  metadata: { ...object.metadata, ...changes },
});
const labelled = (object: RawObject, labels: Readonly<Record<string, string>>): RawObject => meta(object, { labels });
const elsewhere = (object: RawObject): RawObject => meta(object, { namespace: "default" });

const WEB = pool("web", ["10.0.0.0/24"], 1);
const NEW_POOL = pool("new", ["10.0.1.0/24"]);
const RACK_A = { nodeSelectors: [{ matchLabels: { rack: "a" } }] };
const RACK_B = { nodeSelectors: [{ matchLabels: { rack: "b" } }] };

describe("only in our namespace", () => {
  const kinds = [NEW_POOL, peer("p"), bgp("a"), l2("l"), community("c", ["x", "1:1"]), bfd("b")];

  test.each(kinds.map((object) => [object.kind, object] as const))(
    "%s is refused elsewhere (8.6 rule 1)",
    (_, object) => {
      expect(verdict(create(elsewhere(object)))).toEqual([
        "metadata.namespace: resource must be created in metallb-system namespace",
      ]);
    },
  );

  test("a refusal of the place is Forbidden, of the content Invalid", () => {
    expect(reviewChange(create(elsewhere(WEB)), cluster())).toMatchObject({ reason: "forbidden" });
    expect(reviewChange(create(pool("x", [])), cluster())).toMatchObject({ reason: "invalid" });
  });

  test("what is elsewhere already may change and go: nothing reads it", () => {
    const old = elsewhere(WEB);
    const changed = elsewhere(pool("web", ["nonsense"]));
    expect(verdict(update(old, changed))).toEqual([
      "allowed",
      "Warning: metadata.namespace: nothing reads this object: resource must be created in metallb-system namespace",
    ]);
    expect(verdict(remove(old))).toEqual(["allowed"]);
  });

  test("the deletion of a BFDProfile elsewhere is no affair of our peers", () => {
    expect(verdict(remove(elsewhere(bfd("b"))), { peers: [peer("p", { bfdProfile: "b" })] })).toEqual(["allowed"]);
  });

  test("a change without an object changes nothing", () => {
    const { object: _, ...nothing } = create(WEB);
    expect(verdict(nothing)).toEqual(["allowed"]);
  });

  test("other kinds are no affair of ours, Secrets among them", () => {
    expect(verdict(remove(raw("Secret", "s")), { peers: [peer("p", { passwordSecret: { name: "s" } })] })).toEqual([
      "allowed",
    ]);
  });
});

describe("what the object says by itself", () => {
  const rows: readonly Row[] = [
    [
      "a pool names the entry",
      create(pool("x", ["10.0.0.0/24", "10.0.1.0/33"])),
      {},
      ['spec.addresses[1]: invalid CIDR "10.0.1.0/33"'],
    ],
    ["a pool without addresses", create(pool("x", [])), {}, ["spec.addresses: pool has no prefixes defined"]],
    [
      "a peer with a bad address",
      create(peer("p", { peerAddress: "1.1.1.400" })),
      {},
      ['spec.peerAddress: invalid BGPPeer address "1.1.1.400"'],
    ],
    [
      "a peer in v1beta1 as in v1beta2",
      create({ ...peer("p", { peerAddress: "1.1.1.400" }), apiVersion: "metallb.io/v1beta1" }),
      {},
      ['spec.peerAddress: invalid BGPPeer address "1.1.1.400"'],
    ],
    [
      "a peer with disableMP is looked at like any other",
      create(peer("p", { myASN: 0, disableMP: true })),
      {},
      ["spec.myASN: missing local ASN"],
    ],
    [
      "an advertisement with service selectors and an aggregate",
      create(bgp("a", { aggregationLength: 24, serviceSelectors: [{}] })),
      {},
      [
        "spec.serviceSelectors: serviceSelectors can only be used with the default aggregationLength (32) and aggregationLengthV6 (128)",
      ],
    ],
    [
      "a community",
      create(community("c", ["x", "99999999:1"])),
      {},
      [
        "spec.communities[0].value: invalid community format: 99999999:1 (expected <number>:<number>, each 0 to 65535, or large:<number>:<number>:<number>)",
      ],
    ],
    [
      "a BFD profile",
      create(bfd("b", { detectMultiplier: 1 })),
      {},
      ["spec.detectMultiplier: must be between 2 and 255, not 1"],
    ],
    [
      "a BFD profile that is edited",
      update(bfd("b"), bfd("b", { detectMultiplier: 1 })),
      {},
      ["spec.detectMultiplier: must be between 2 and 255, not 1"],
    ],
    ["an L2Advertisement", create(l2("l", { interfaces: [5] })), {}, ["spec.interfaces[0]: must be a string, not 5"]],
    [
      "every fault is named",
      create(peer("p", { myASN: 0, routerID: "x" })),
      {},
      ["spec.myASN: missing local ASN", 'spec.routerID: invalid router id "x"'],
    ],
    ["what is sound is allowed", create(WEB), {}, ["allowed"]],
  ];

  test.each(rows)("%s", (_, change, objects, want) => {
    expect(verdict(change, objects)).toEqual(want);
  });
});

describe("objects that exclude each other: the field, and the object that is there", () => {
  const overlap = 'CIDR "10.0.0.128/25" in pool "new" overlaps with already defined CIDR "10.0.0.0/24" of pool "web"';
  const prefs = (own: string, other: string): string =>
    `spec.localPref: invalid local preferences: BGPAdvertisements ${own} and ${other} set different ones for the same prefix, peer and node`;
  const high = bgp("high", { localPref: 200 }, 1);
  const twin = "spec: peer new already exists: it is identical to peer old";
  const rows: readonly Row[] = [
    [
      "a new pool",
      create(pool("new", ["10.1.0.0/24", "10.0.0.128/25"])),
      { pools: [WEB] },
      [`spec.addresses[1]: ${overlap}`],
    ],
    [
      "a range over a CIDR",
      create(pool("new", ["10.0.0.250-10.0.1.5"])),
      { pools: [WEB] },
      [
        'spec.addresses[0]: CIDR "10.0.0.250/31" in pool "new" overlaps with already defined CIDR "10.0.0.0/24" of pool "web"',
      ],
    ],
    [
      "an older pool that is edited: the untouched one stays",
      update(pool("new", ["10.9.0.0/24"], 1), pool("new", ["10.0.0.128/25"], 1)),
      { pools: [pool("web", ["10.0.0.0/24"], 2), pool("new", ["10.9.0.0/24"], 1)] },
      [`spec.addresses[0]: ${overlap}`],
    ],
    ["a peer twice", create(peer("new")), { peers: [peer("old")] }, [twin]],
    [
      "a peer twice, once in v1beta1",
      create({ ...peer("new"), apiVersion: "metallb.io/v1beta1" }),
      { peers: [peer("old", { holdTime: "0s", keepaliveTime: "0s" })] },
      [twin],
    ],
    [
      "a peer twice, with a Secret and a profile that nobody has seen",
      create(peer("new", { passwordSecret: { name: "s" }, bfdProfile: "b" })),
      { peers: [peer("old", { passwordSecret: { name: "s" }, bfdProfile: "b" })], secrets: [] },
      [twin],
    ],
    [
      "an alias twice",
      create(community("new", ["y", "1:2"], ["x", "1:1"])),
      { communities: [community("old", ["x", "1:3"])] },
      ['spec.communities[1]: duplicate definition of community "x": already defined by Community "old"'],
    ],
    [
      "local preferences, from the new advertisement",
      create(bgp("low", { localPref: 100 })),
      { pools: [WEB], bgpAdvertisements: [high] },
      [prefs('"low" (100)', '"high" (200)')],
    ],
    [
      "local preferences, although an alias is missing",
      create(bgp("low", { localPref: 100, communities: ["nowhere"] })),
      { pools: [WEB], bgpAdvertisements: [bgp("high", { localPref: 200, communities: ["neither"] }, 1)] },
      [prefs('"low" (100)', '"high" (200)')],
    ],
    [
      "local preferences, from an edited peer list",
      update(bgp("low", { localPref: 100, peers: ["b"] }), bgp("low", { localPref: 100, peers: ["a", "b"] })),
      {
        pools: [WEB],
        peers: [peer("a"), peer("b")],
        bgpAdvertisements: [bgp("high", { localPref: 200, peers: ["a"] }, 1)],
      },
      [prefs('"low" (100)', '"high" (200)')],
    ],
    [
      "local preferences, from edited node selectors",
      update(bgp("low", { localPref: 100, ...RACK_B }), bgp("low", { localPref: 100, ...RACK_A })),
      {
        pools: [WEB],
        nodes: [node("a", { rack: "a" }), node("b", { rack: "b" })],
        bgpAdvertisements: [bgp("high", { localPref: 200, ...RACK_A }, 1)],
      },
      [prefs('"low" (100)', '"high" (200)')],
    ],
    [
      "local preferences on nodes that do not meet",
      create(bgp("low", { localPref: 100, ...RACK_B })),
      {
        pools: [WEB],
        nodes: [node("a", { rack: "a" }), node("b", { rack: "b" })],
        bgpAdvertisements: [bgp("high", { localPref: 200, ...RACK_A }, 1)],
      },
      ["allowed"],
    ],
    [
      "an aggregate that is wider than a pool",
      create(bgp("a", { aggregationLength: 23 })),
      { pools: [WEB] },
      [
        'spec.aggregationLength: invalid aggregation length 23: prefix 24 in this pool is more specific than the aggregation length for addresses 10.0.0.0/24 of pool "web"',
      ],
    ],
  ];

  test.each(rows)("%s", (_, change, objects, want) => {
    expect(verdict(change, objects)).toEqual(want);
  });
});

describe("an edit of a pool against the advertisements (MetalLB's hole)", () => {
  const six = bgp("six", { aggregationLengthV6: 64, ipAddressPools: ["web"] });
  const four = bgp("four", { aggregationLength: 24, ipAddressPoolSelectors: [{ matchLabels: { tier: "web" } }] });
  const longer = (ad: string, field: string, text: string): string =>
    `BGPAdvertisement "${ad}" would become invalid: spec.${field}: invalid aggregation length ${text} of pool "web"`;
  const rows: readonly Row[] = [
    [
      "a narrower entry names the entry and the advertisement",
      update(WEB, pool("web", ["10.0.0.0/24", "10.0.1.0/28"], 1)),
      { bgpAdvertisements: [bgp("all", { aggregationLength: 24 })] },
      [
        `spec.addresses[1]: ${longer("all", "aggregationLength", "24: prefix 28 in this pool is more specific than the aggregation length for addresses 10.0.1.0/28")}`,
      ],
    ],
    [
      "an IPv6 range that is shorter than the aggregate",
      update(WEB, pool("web", ["10.0.0.0/24", "2001:db8::/80"], 1)),
      { bgpAdvertisements: [six] },
      [
        `spec.addresses[1]: ${longer("six", "aggregationLengthV6", "64: prefix 80 in this pool is more specific than the aggregation length for addresses 2001:db8::/80")}`,
      ],
    ],
    [
      "a label that brings an advertisement in",
      update(pool("web", ["10.0.0.0/28"]), labelled(pool("web", ["10.0.0.0/28"]), { tier: "web" })),
      { bgpAdvertisements: [four] },
      [
        `metadata.labels: ${longer("four", "aggregationLength", "24: prefix 28 in this pool is more specific than the aggregation length for addresses 10.0.0.0/28")}`,
      ],
    ],
    [
      "a pool in which two advertisements meet",
      create(labelled(NEW_POOL, { tier: "web" })),
      {
        bgpAdvertisements: [
          bgp("a", { localPref: 1, ipAddressPools: ["new"] }, 1),
          bgp("b", { localPref: 2, ...(four.spec as object), aggregationLength: 32 }, 2),
        ],
      },
      [
        'spec.addresses: BGPAdvertisement "b" would become invalid: spec.localPref: invalid local preferences: BGPAdvertisements "b" (2) and "a" (1) set different ones for the same prefix, peer and node',
      ],
    ],
    [
      "an IPv6 range by itself is welcome, which MetalLB's native speaker is not able to announce",
      update(WEB, pool("web", ["10.0.0.0/24", "2001:db8::/64"], 1)),
      { bgpAdvertisements: [six] },
      ["allowed"],
    ],
  ];

  test.each(rows)("%s", (_, change, objects, want) => {
    expect(verdict(change, objects)).toEqual(want);
  });

  test("a pool that breaks many advertisements names ten of them, and how many more", () => {
    const ads = Array.from({ length: 25 }, (_, i) => bgp(`ad-${i}`, { aggregationLength: 24 }));
    const admission = reviewChange(create(pool("new", ["10.0.0.0/28"])), cluster({ bgpAdvertisements: ads }));
    expect(admission).toMatchObject({ allowed: false, message: expect.stringMatching(/; and 15 more$/) });
    expect(admission.allowed ? [] : admission.causes).toHaveLength(10);
  });
});

describe("what is broken already blocks nothing", () => {
  const overlapped = pool("late", ["10.0.0.128/25"], 2);
  const rows: readonly Row[] = [
    [
      "a broken neighbour, and a new object",
      create(NEW_POOL),
      { pools: [pool("bad", ["nonsense"]), WEB, overlapped] },
      ["allowed"],
    ],
    [
      "a broken neighbour, and what it would be in the way of",
      create(pool("new", ["10.5.0.0/24"])),
      { pools: [pool("bad", ["10.5.0.0/24", "x"])] },
      ["allowed"],
    ],
    [
      "an unrelated edit of the broken object itself",
      update(pool("bad", ["nonsense"]), pool("bad", ["10.0.0.0/24", "nonsense"])),
      {},
      ["allowed", 'Warning: still wrong, as before: spec.addresses[1]: invalid CIDR "nonsense"'],
    ],
    [
      "an unrelated edit of an object that lost a conflict",
      update(overlapped, labelled(overlapped, { tier: "web" })),
      { pools: [WEB, overlapped] },
      [
        "allowed",
        'Warning: still wrong, as before: spec.addresses[0]: CIDR "10.0.0.128/25" in pool "late" overlaps with already defined CIDR "10.0.0.0/24" of pool "web"',
      ],
    ],
    [
      "an unrelated edit of the one that won it",
      update(WEB, labelled(WEB, { tier: "web" })),
      { pools: [WEB, overlapped] },
      ["allowed"],
    ],
    ["mending", update(overlapped, pool("late", ["10.0.2.0/24"], 2)), { pools: [WEB, overlapped] }, ["allowed"]],
    [
      "mending one fault of two",
      update(peer("p", { myASN: 0, routerID: "x" }), peer("p", { routerID: "x" })),
      {},
      ["allowed", 'Warning: still wrong, as before: spec.routerID: invalid router id "x"'],
    ],
    [
      "mending the pool that keeps another out, which would break an advertisement",
      update(WEB, pool("web", ["10.9.0.0/24"], 1)),
      { pools: [WEB, pool("late", ["10.0.0.128/28"], 2)], bgpAdvertisements: [bgp("a", { aggregationLength: 24 })] },
      ["allowed"],
    ],
    [
      "but a new fault of the broken object is refused",
      update(pool("bad", ["nonsense"]), pool("bad", ["nonsense", "10.0.0.0/99"])),
      {},
      [
        'spec.addresses[1]: invalid CIDR "10.0.0.0/99"',
        'Warning: still wrong, as before: spec.addresses[0]: invalid CIDR "nonsense"',
      ],
    ],
    [
      "and so is a new conflict with a sound neighbour beside a broken one",
      create(pool("new", ["10.0.0.0/30"])),
      { pools: [WEB, overlapped] },
      [
        'spec.addresses[0]: CIDR "10.0.0.0/30" in pool "new" overlaps with already defined CIDR "10.0.0.0/24" of pool "web"',
      ],
    ],
  ];

  test.each(rows)("%s", (_, change, objects, want) => {
    expect(verdict(change, objects)).toEqual(want);
  });

  test("an object that says what it said is not looked at: a finalizer must always come off", () => {
    const bad = pool("bad", ["nonsense"]);
    expect(verdict(update(bad, meta(bad, { deletionTimestamp: "2026-01-01T00:00:00Z" })))).toEqual(["allowed"]);
  });

  test("what the cache has of the object itself is no evidence: it may be older or newer", () => {
    const [before, after] = [pool("web", ["10.0.0.0/24"]), pool("web", ["10.0.0.0/25"])];
    for (const pools of [[], [before], [after]]) {
      expect(verdict(update(before, after), { pools })).toEqual(["allowed"]);
      expect(verdict(create(after), { pools })).toEqual(["allowed"]);
    }
  });
});

describe("a BFDProfile in use stays (8.6 rule 3)", () => {
  const user = peer("p", { bfdProfile: "b" });

  test.each([
    ["by a sound peer", user],
    ["by a broken one", peer("p", { bfdProfile: "b", myASN: 0 })],
    ["by one in v1beta1", { ...user, apiVersion: "metallb.io/v1beta1" }],
  ])("%s", (_, one) => {
    expect(verdict(remove(bfd("b")), { peers: [one] })).toEqual([
      "metadata.name: failed to delete BFDProfile b, used by BGPPeer p",
    ]);
  });

  test("a peer that is going itself does not hold it", () => {
    expect(verdict(remove(bfd("b")), { peers: [meta(user, { deletionTimestamp: "2026-01-01T00:00:00Z" })] })).toEqual([
      "allowed",
    ]);
  });

  test("one that nobody uses goes", () => {
    expect(verdict(remove(bfd("b")), { peers: [peer("p"), peer("q", { bfdProfile: "c" })] })).toEqual(["allowed"]);
  });
});

describe("what somebody wrote is shown without its control characters", () => {
  test.each([
    ["causes", create(pool("x", ["\u001b[2J"])), {}],
    ["warnings", create(peer("p", { bfdProfile: "\u001b[2J" })), {}],
  ])("in %s", (_, change, objects) => {
    const lines = verdict(change, objects).join("\n");
    expect(lines).toContain("\\u001b[2J");
    expect(lines).not.toContain("\u001b");
  });
});
