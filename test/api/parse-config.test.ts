import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { objectKey } from "../../src/api/object.ts";
import { formatCommunity, formatLargeCommunity } from "../../src/net/community.ts";
import { bgp, l2, node, parse, peer, pool, raw, refusals } from "./objects.ts";

describe("9.2 an invalid object is left out and its neighbours stay", () => {
  test("every kind at once", () => {
    const { config, invalid } = parse({
      pools: [pool("good", ["10.0.0.0/24"]), pool("bad", ["10.0.0"])],
      peers: [peer("good"), peer("bad", { myASN: 0 })],
      bgpAdvertisements: [bgp("good"), bgp("bad", { peers: 7 })],
      l2Advertisements: [l2("good"), l2("bad", { interfaces: [1] })],
      communities: [
        raw("Community", "good", { communities: [{ name: "a", value: "1:2" }] }),
        raw("Community", "bad", { communities: [{ name: "b", value: "1:x" }] }),
      ],
      bfdProfiles: [raw("BFDProfile", "good"), raw("BFDProfile", "bad", { detectMultiplier: 1 })],
    });
    expect(invalid.map(({ kind, name, namespace }) => [kind, name, namespace])).toEqual(
      ["BFDProfile", "BGPAdvertisement", "BGPPeer", "Community", "IPAddressPool", "L2Advertisement"].map((kind) => [
        kind,
        "bad",
        "metallb-system",
      ]),
    );
    expect([[...config.pools.keys()], [...config.peers.keys()], [...config.bfdProfiles.keys()]]).toEqual([
      ["good"],
      ["good"],
      ["good"],
    ]);
    expect([...config.bgpAdvertisements, ...config.l2Advertisements].map(({ name }) => name)).toEqual(["good", "good"]);
  });

  test("all problems of an object are told at once, each with its path", () => {
    const spec = { myASN: 0, peerAddress: "x", routerID: "::1", holdTime: "2s", connectTime: "0s", peerPort: "179" };
    const { invalid } = parse({ peers: [raw("BGPPeer", "p", spec)] });
    expect(invalid[0]?.problems.map(({ path }) => path).sort()).toEqual(
      ["connectTime", "holdTime", "myASN", "peerASN", "peerAddress", "peerPort", "routerID"].map((f) => `spec.${f}`),
    );
    expect(invalid[0]?.message).toContain('spec.peerAddress: invalid BGPPeer address "x"; ');
  });

  test("no JSON whatever makes it throw", () => {
    const names = fc.constantFrom(
      "spec",
      "addresses",
      "nodeSelectors",
      "matchExpressions",
      "communities",
      "myASN",
      "serviceAllocation",
      "passwordSecret",
      "preferredNodeSelectors",
      "holdTime",
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>(null, 0, -1, 1.5, true, "", "x", "1:2", "10.0.0.0/8", "::1", "__proto__"),
        fc.array(tie("any"), { maxLength: 3 }),
        fc.dictionary(names, tie("any"), { maxKeys: 4 }),
      ),
    })).any;
    fc.assert(
      fc.property(value, value, (a, b) => {
        const objects = (kind: string) => [raw(kind, "a", a), raw(kind, "b", b)];
        parse({
          pools: objects("IPAddressPool"),
          peers: objects("BGPPeer"),
          bgpAdvertisements: objects("BGPAdvertisement"),
          l2Advertisements: objects("L2Advertisement"),
          communities: objects("Community"),
          bfdProfiles: objects("BFDProfile"),
        });
      }),
    );
  });
});

describe("9.2 pools may not overlap", () => {
  const OVERLAP = 'in pool "b" overlaps with already defined CIDR "10.0.0.0/24" of pool "a"';
  test.each([
    ["the same CIDR", ["10.0.0.0/24"], "10.0.0.0/24"],
    ["a CIDR inside", ["10.0.0.128/25"], "10.0.0.128/25"],
    ["a CIDR around", ["10.0.0.0/8"], "10.0.0.0/8"],
    ["a CIDR with host bits", ["10.0.0.77/24"], "10.0.0.0/24"],
    ["a range that ends inside", ["9.255.255.255-10.0.0.0"], "10.0.0.0/32"],
    ["a range that begins inside", ["10.0.0.255-10.0.1.0"], "10.0.0.255/32"],
    ["the second entry", ["10.1.0.0/24", "10.0.0.1-10.0.0.1"], "10.0.0.1/32"],
  ])("%s", (_, addresses, own) => {
    const path = `spec.addresses[${addresses.length - 1}]`;
    expect(refusals({ pools: [pool("a", ["10.0.0.0/24"]), pool("b", addresses)] })).toEqual([
      `IPAddressPool b: ${path}: CIDR "${own}" ${OVERLAP}`,
    ]);
  });

  test.each([
    ["neighbours", ["9.255.255.0/24", "10.0.1.0/24"]],
    ["the other family", ["::a00:0/120"]],
  ])("%s do not", (_, addresses) => {
    expect(refusals({ pools: [pool("a", ["10.0.0.0/24"]), pool("b", addresses)] })).toEqual([]);
  });

  test("inside one pool", () => {
    expect(refusals({ pools: [pool("a", ["10.0.0.0/24", "10.0.0.0/24", "10.0.0.9-10.0.0.9"])] })).toEqual([
      'IPAddressPool a: spec.addresses[1]: CIDR "10.0.0.0/24" in pool "a" overlaps with already defined CIDR "10.0.0.0/24"; ' +
        'spec.addresses[2]: CIDR "10.0.0.9/32" in pool "a" overlaps with already defined CIDR "10.0.0.0/24"',
    ]);
  });

  test("the older pool stays, whatever its name and place", () => {
    const { config } = parse({ pools: [pool("a", ["10.0.0.0/24"], 9), pool("b", ["10.0.0.0/8"], 2)] });
    expect([...config.pools.keys()]).toEqual(["b"]);
  });

  test("a pool without a time is newer than one with", () => {
    const { config } = parse({ pools: [pool("a", ["10.0.0.0/24"]), pool("b", ["10.0.0.0/8"], 2)] });
    expect([...config.pools.keys()]).toEqual(["b"]);
  });

  test("a pool that was left out is in nobody's way", () => {
    const pools = [pool("a", ["10.0.0.0/24"]), pool("b", ["10.0.0.0/16", "10.9.0.0/24"]), pool("c", ["10.9.0.0/24"])];
    expect([...parse({ pools }).config.pools.keys()]).toEqual(["a", "c"]);
  });

  test("the order of the objects does not matter", () => {
    const pools = [
      pool("a", ["10.0.0.0/24"], 3),
      pool("b", ["10.0.0.0/16"], 2),
      pool("c", ["10.0.1.0/24"], 1),
      pool("d", ["10.2.0.0/16"], 1),
    ];
    const want = parse({ pools });
    fc.assert(
      fc.property(fc.shuffledSubarray(pools, { minLength: 4 }), (shuffled) => {
        expect(parse({ pools: shuffled })).toEqual(want);
      }),
    );
  });
});

test("9.2 a name twice: the older object stays", () => {
  const { config, invalid } = parse({ pools: [pool("a", ["10.0.0.0/24"], 2), pool("a", ["10.1.0.0/24"], 1)] });
  expect([...config.pools.values()].flatMap(({ blocks }) => blocks.map(({ text }) => text))).toEqual(["10.1.0.0/24"]);
  expect(invalid.map(({ message }) => message)).toEqual(['metadata.name: duplicate definition of IPAddressPool "a"']);
});

test("invalid objects are told by kind, namespace and name", () => {
  const at = (namespace: string | undefined, name: string) => ({
    ...raw("IPAddressPool", name),
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  });
  const { invalid } = parse({ pools: [at("y", "b"), at("y", "a"), at("x", "d"), at("", "c"), at(undefined, "e")] });
  expect(
    invalid.map(({ namespace, name }) =>
      objectKey({ metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }),
    ),
  ).toEqual(["c", "e", "x/d", "y/a", "y/b"]);
});

describe("9.2 communities", () => {
  const aliases = (name: string, values: Readonly<Record<string, string>>, day?: number) =>
    raw(
      "Community",
      name,
      { communities: Object.entries(values).map(([alias, value]) => ({ name: alias, value })) },
      day,
    );

  test("aliases and values are sorted and told once", () => {
    const communities = [aliases("c", { std: "1:2", big: "large:1:2:3" })];
    const spec = { communities: ["65535:1", "std", "1:2", "big", "large:0:9:9"] };
    const [ad] = parse({ communities, bgpAdvertisements: [bgp("x", spec)] }).config.bgpAdvertisements;
    expect(ad?.communities.map(formatCommunity)).toEqual(["1:2", "65535:1"]);
    expect(ad?.largeCommunities.map(formatLargeCommunity)).toEqual(["0:9:9", "1:2:3"]);
  });

  test("an unknown alias may still appear: the problem is transient", () => {
    const { invalid } = parse({ bgpAdvertisements: [bgp("x", { communities: ["1:2", "nope"] })] });
    expect(invalid[0]?.problems).toEqual([
      {
        path: "spec.communities[1]",
        message: expect.stringContaining("invalid community format: nope"),
        transient: true,
      },
    ]);
  });

  test("an alias of an object that was left out is unknown", () => {
    const communities = [
      raw("Community", "c", {
        communities: [
          { name: "a", value: "1:2" },
          { name: "b", value: "x" },
        ],
      }),
    ];
    expect(refusals({ communities, bgpAdvertisements: [bgp("x", { communities: ["a"] })] })).toHaveLength(2);
  });

  test("an alias in two objects: the older keeps it", () => {
    const communities = [aliases("new", { a: "1:1", b: "1:1" }, 2), aliases("old", { a: "2:2" }, 1)];
    const { config, invalid } = parse({ communities, bgpAdvertisements: [bgp("x", { communities: ["a"] })] });
    expect(config.bgpAdvertisements[0]?.communities.map(formatCommunity)).toEqual(["2:2"]);
    expect(invalid.map(({ name, message }) => `${name} ${message}`)).toEqual([
      'new spec.communities[0]: duplicate definition of community "a": already defined by Community "old"',
    ]);
  });
});

describe("9.2 peers", () => {
  const secret = (data: Readonly<Record<string, string>>, type = "kubernetes.io/basic-auth") => ({
    metadata: { name: "s" },
    type,
    data,
  });
  const withSecret = { peers: [peer("p", { passwordSecret: { name: "s" } })] };

  test("the password of a Secret", () => {
    const { config } = parse({ ...withSecret, secrets: [secret({ password: "c8OpY3JldA==" })] });
    expect([...config.peers.values()].map(({ password, passwordSecret }) => [password, passwordSecret])).toEqual([
      ["sécret", "s"],
    ]);
  });

  test("a missing Secret is transient", () => {
    expect(parse(withSecret).invalid[0]?.problems[0]).toMatchObject({ path: "spec.passwordSecret", transient: true });
  });

  test.each([
    ["of a wrong type", secret({ password: "eA==" }, "Opaque"), "secret type mismatch"],
    ["without a type", { metadata: { name: "s" } }, "secret type mismatch"],
    ["without a password", secret({ user: "eA==" }), "password not specified"],
    ["without data", { metadata: { name: "s" }, type: "kubernetes.io/basic-auth" }, "password not specified"],
    ["that is no base64", secret({ password: "*" }), "no text in base64"],
    ["that is no UTF-8", secret({ password: "/w==" }), "no text in base64"],
  ])("a Secret %s", (_, found, message) => {
    const { invalid } = parse({ ...withSecret, secrets: [found] });
    expect(invalid[0]?.message).toContain(message);
    expect(invalid[0]?.problems[0]?.transient).toBeUndefined();
  });

  test("an unknown BFD profile is transient, a known one is fine", () => {
    const peers = [peer("p", { bfdProfile: "fast" })];
    expect(refusals({ peers })).toEqual([
      "BGPPeer p: spec.bfdProfile: peer p referencing non existing bfd profile fast",
    ]);
    expect(parse({ peers }).invalid[0]?.problems[0]?.transient).toBe(true);
    expect(refusals({ peers, bfdProfiles: [raw("BFDProfile", "fast")] })).toEqual([]);
  });

  test("identical peers: the older stays", () => {
    expect(refusals({ peers: [peer("a", {}, 2), peer("b", {}, 1), peer("c", { peerPort: 1179 }, 3)] })).toEqual([
      "BGPPeer a: peer a already exists: it is identical to peer b",
    ]);
  });

  test("the same address natively, in another VRF or with another AS is fine", () => {
    expect(
      refusals({
        peers: [peer("a"), peer("b", { vrf: "red" }), peer("c", { myASN: 1 }), peer("d", { routerID: "1.1.1.1" })],
      }),
    ).toEqual([]);
  });

  test.each([
    ["neither timer", {}, undefined, undefined],
    ["the hold time alone", { holdTime: "90s" }, 90, 30],
    ["the keepalive time alone", { keepaliveTime: "10s" }, 30, 10],
    ["both", { holdTime: "1m30s", keepaliveTime: "1s" }, 90, 1],
    ["parts of a second", { holdTime: "10.9s", keepaliveTime: "2500ms" }, 10, 2],
    ["none", { holdTime: "0s" }, 0, 0],
  ])("1.2 timers: %s", (_, timers, holdTime, keepaliveTime) => {
    expect([...parse({ peers: [peer("p", timers)] }).config.peers.values()]).toMatchObject([
      { holdTime, keepaliveTime },
    ]);
  });

  test("1.3 a v1beta1 peer without timers has no hold time, and port 0 is the default", () => {
    const old = { ...peer("p", { peerPort: 0 }), apiVersion: "metallb.io/v1beta1" };
    const other = {
      ...peer("q", { peerPort: 1179, holdTime: "9s", keepaliveTime: "3s" }),
      apiVersion: "metallb.io/v1beta1",
    };
    expect([...parse({ peers: [old, other] }).config.peers.values()]).toMatchObject([
      { holdTime: 0, keepaliveTime: 0, port: 179 },
      { holdTime: 9, keepaliveTime: 3, port: 1179 },
    ]);
  });

  test("all fields arrive", () => {
    const spec = {
      myASN: 1,
      dynamicASN: "external",
      interface: "eth0",
      localASN: 3,
      sourceAddress: "2001:db8::1",
      peerPort: 1179,
      connectTime: "5s",
      routerID: "10.0.0.1",
      nodeSelectors: [{ matchLabels: { a: "b" } }],
      password: "x",
      enableGracefulRestart: true,
      ebgpMultiHop: true,
      vrf: "red",
      linkBandwidthTransitivity: "NonTransitive",
      maxPrefixes: { limit: 5, action: "Reset" },
      longLivedGracefulRestart: { staleTime: "1h" },
      role: { name: "RouteServer", strict: true },
      addPaths: "Receive",
    };
    const [parsed] = parse({ peers: [raw("BGPPeer", "p", spec)] }).config.peers.values();
    expect(JSON.parse(JSON.stringify(parsed))).toEqual({
      name: "p",
      myAsn: 1,
      localAsn: 3,
      remote: { type: "external" },
      endpoint: { type: "interface", name: "eth0" },
      port: 1179,
      sourceAddress: "2001:db8::1",
      connectTime: 5,
      routerId: "10.0.0.1",
      nodeSelectors: [{ matchLabels: { a: "b" }, matchExpressions: [] }],
      password: "x",
      gracefulRestart: true,
      ebgpMultiHop: true,
      vrf: "red",
      dualStack: true,
      linkBandwidthTransitivity: "non-transitive",
      maxPrefixes: { limit: 5, action: "reset" },
      longLivedStaleTime: 3600,
      role: { name: "route-server", strict: true },
      addPaths: { send: false, receive: true },
    });
  });

  test.each([
    ["ttlSecurity alone means a neighbour", { ttlSecurity: {} }, { ttlSecurityHops: 1 }],
    ["ttlSecurity over hops", { ttlSecurity: { hops: 3 } }, { ttlSecurityHops: 3 }],
    [
      "maxPrefixes warns unless told more",
      { maxPrefixes: { limit: 9 } },
      { maxPrefixes: { limit: 9, action: "warn" } },
    ],
    ["no path identifiers, as by default", { addPaths: "None" }, { addPaths: undefined }],
    ["a role is not strict unless told", { role: { name: "Peer" } }, { role: { name: "peer", strict: false } }],
    [
      "none of our fields leaves MetalLB's meaning",
      {},
      {
        linkBandwidthTransitivity: undefined,
        ttlSecurityHops: undefined,
        maxPrefixes: undefined,
        role: undefined,
        addPaths: undefined,
      },
    ],
  ])("%s", (_, changes, want) => {
    expect([...parse({ peers: [peer("p", changes)] }).config.peers.values()]).toMatchObject([want]);
  });
});

describe("9.2 aggregates stay inside the pool", () => {
  const refusal = (addresses: readonly string[], spec: object) =>
    refusals({ pools: [pool("p", addresses)], bgpAdvertisements: [bgp("x", spec)] });

  test("the message of MetalLB", () => {
    expect(refusal(["1.1.1.0/28"], { aggregationLength: 26 })[0]).toContain(
      "spec.aggregationLength: invalid aggregation length 26: prefix 28 in this pool is more specific than the aggregation length for addresses 1.1.1.0/28",
    );
  });

  test.each([
    ["the CIDR itself", ["10.0.0.0/24"], { aggregationLength: 24 }, 0],
    ["parts of it", ["10.0.0.0/24"], { aggregationLength: 30 }, 0],
    ["more than it", ["10.0.0.0/24"], { aggregationLength: 23 }, 1],
    ["a range that is a CIDR", ["10.0.0.0-10.0.0.255"], { aggregationLength: 24 }, 0],
    ["a range of whole aggregates", ["10.0.0.0-10.0.2.255"], { aggregationLength: 24 }, 0],
    ["a range whose end leaks, which MetalLB accepts", ["10.0.0.0-10.0.0.191"], { aggregationLength: 25 }, 1],
    ["a range whose start leaks", ["10.0.0.64-10.0.0.255"], { aggregationLength: 25 }, 1],
    ["a range and its own pieces", ["10.0.0.0-10.0.0.191"], { aggregationLength: 26 }, 0],
    ["one bad entry of two", ["10.0.0.0/16", "10.9.0.0/28"], { aggregationLength: 24 }, 1],
    ["an IPv6 length, judged by itself", ["10.0.0.0/30", "2001:db8::/64"], { aggregationLengthV6: 64 }, 0],
    ["an IPv6 length that leaks", ["2001:db8::/64"], { aggregationLengthV6: 63 }, 1],
    ["everything", ["0.0.0.0/0", "::/0"], { aggregationLength: 1, aggregationLengthV6: 0 }, 0],
  ])("%s", (_, addresses, spec, count) => {
    expect(refusal(addresses, spec)).toHaveLength(count);
  });

  test("IPv6 refusals name the IPv6 field", () => {
    expect(refusal(["2001:db8::/64"], { aggregationLengthV6: 48 })[0]).toContain(
      "spec.aggregationLengthV6: invalid aggregation length 48: prefix 64",
    );
  });

  test("only pools that the advertisement selects are looked at", () => {
    const pools = [pool("wide", ["10.0.0.0/16"]), pool("narrow", ["10.1.0.0/28"])];
    expect(
      refusals({ pools, bgpAdvertisements: [bgp("x", { aggregationLength: 24, ipAddressPools: ["wide"] })] }),
    ).toEqual([]);
    expect(refusals({ pools, bgpAdvertisements: [bgp("x", { aggregationLength: 24 })] })).toHaveLength(1);
  });
});

describe("4.5 local preferences", () => {
  const pools = [
    pool("v4", ["10.0.0.0/24"]),
    pool("v6", ["2001:db8::/64"]),
    pool("dual", ["10.1.0.0/24", "2001:db8:1::/64"]),
  ];
  const nodes = [node("n1", { rack: "1" }), node("n2", { rack: "2" })];
  const rack = (value: string) => ({ nodeSelectors: [{ matchLabels: { rack: value } }] });
  const conflicts = (a: object, b: object): boolean =>
    refusals({ pools, bgpAdvertisements: [bgp("a", a, 1), bgp("b", b, 2)] }, nodes).some((text) =>
      text.includes("BGPAdvertisement b: spec.localPref"),
    );

  test.each([
    ["different ones", { localPref: 1 }, { localPref: 2 }, true],
    ["equal ones", { localPref: 1 }, { localPref: 1 }, false],
    ["unset and 0, which is the same", {}, { localPref: 0 }, false],
    ["unset and another", {}, { localPref: 100 }, true],
    ["no common pool", { localPref: 1, ipAddressPools: ["v4"] }, { localPref: 2, ipAddressPools: ["v6"] }, false],
    ["an unknown pool", { localPref: 1, ipAddressPools: ["v4"] }, { localPref: 2, ipAddressPools: ["none"] }, false],
    ["no common peer", { localPref: 1, peers: ["x"] }, { localPref: 2, peers: ["y"] }, false],
    ["a common peer", { localPref: 1, peers: ["x", "y"] }, { localPref: 2, peers: ["y"] }, true],
    ["all peers", { localPref: 1, peers: ["x"] }, { localPref: 2 }, true],
    ["other nodes", { localPref: 1, ...rack("1") }, { localPref: 2, ...rack("2") }, false],
    ["a common node", { localPref: 1, ...rack("1") }, { localPref: 2 }, true],
    ["serviceSelectors in one", { localPref: 1, serviceSelectors: [{}] }, { localPref: 2 }, false],
    ["serviceSelectors in the other", { localPref: 1 }, { localPref: 2, serviceSelectors: [{}] }, false],
    [
      "other lengths, IPv4 pool",
      { localPref: 1, ipAddressPools: ["v4"], aggregationLength: 28 },
      { localPref: 2, ipAddressPools: ["v4"] },
      false,
    ],
    [
      "other IPv6 lengths, IPv4 pool",
      { localPref: 1, ipAddressPools: ["v4"], aggregationLengthV6: 64 },
      { localPref: 2, ipAddressPools: ["v4"] },
      true,
    ],
    [
      "other lengths, IPv6 pool",
      { localPref: 1, ipAddressPools: ["v6"], aggregationLength: 28 },
      { localPref: 2, ipAddressPools: ["v6"] },
      true,
    ],
    [
      "other IPv6 lengths, IPv6 pool",
      { localPref: 1, ipAddressPools: ["v6"], aggregationLengthV6: 64 },
      { localPref: 2, ipAddressPools: ["v6"] },
      false,
    ],
    [
      "other IPv4 lengths, dual pool",
      { localPref: 1, ipAddressPools: ["dual"], aggregationLength: 28 },
      { localPref: 2, ipAddressPools: ["dual"] },
      true,
    ],
    [
      "both lengths differ, dual pool",
      { localPref: 1, ipAddressPools: ["dual"], aggregationLength: 28, aggregationLengthV6: 64 },
      { localPref: 2, ipAddressPools: ["dual"] },
      false,
    ],
  ])("%s: %s", (_, a, b, want) => {
    expect(conflicts(a, b)).toBe(want);
  });

  test("the message names both", () => {
    expect(refusals({ pools, bgpAdvertisements: [bgp("a", { localPref: 7 }), bgp("b")] })).toEqual([
      'BGPAdvertisement b: spec.localPref: invalid local preferences: BGPAdvertisements "b" (unset) and "a" (7) set different ones for the same prefix, peer and node',
    ]);
  });

  test("without known nodes, advertisements are taken to meet", () => {
    const bgpAdvertisements = [bgp("a", { localPref: 1, ...rack("1") }), bgp("b", { localPref: 2, ...rack("2") })];
    expect(refusals({ pools, bgpAdvertisements })).toHaveLength(1);
  });
});

describe("1.4 which pools an advertisement is for", () => {
  const labelled = { ...pool("c", ["10.2.0.0/24"]), metadata: { name: "c", labels: { tier: "gold" } } };
  const pools = [pool("a", ["10.0.0.0/24"]), pool("b", ["10.1.0.0/24"]), labelled, pool("broken", ["x"])];
  const gold = [{ matchLabels: { tier: "gold" } }];

  test.each([
    ["all without names and selectors", {}, ["a", "b", "c"]],
    ["by name", { ipAddressPools: ["b"] }, ["b"]],
    ["by label", { ipAddressPoolSelectors: gold }, ["c"]],
    ["by both", { ipAddressPools: ["a"], ipAddressPoolSelectors: gold }, ["a", "c"]],
    ["none by unknown names", { ipAddressPools: ["nope"] }, []],
    ["none by the name of a pool that was left out", { ipAddressPools: ["broken"] }, []],
    ["all by the empty selector", { ipAddressPoolSelectors: [{}] }, ["a", "b", "c"]],
  ])("%s", (_, spec, want) => {
    const { config } = parse({ pools, bgpAdvertisements: [bgp("x", spec)], l2Advertisements: [l2("y", spec)] });
    expect([...config.bgpAdvertisements, ...config.l2Advertisements].map((ad) => [...ad.pools])).toEqual([want, want]);
  });
});

test("maps and lists are in name order, pools keep the order of their blocks", () => {
  const { config } = parse({
    pools: [pool("b", ["10.9.0.0/24", "10.1.0.0/24"], 1), pool("a", ["10.2.0.0/24"], 2)],
    peers: [peer("z", {}, 1), peer("y", { peerPort: 180 }, 2)],
    bgpAdvertisements: [bgp("b", {}, 1), bgp("a", {}, 2)],
    l2Advertisements: [l2("b"), l2("a")],
  });
  expect([...config.pools.keys(), ...config.peers.keys()]).toEqual(["a", "b", "y", "z"]);
  expect([...config.bgpAdvertisements, ...config.l2Advertisements].map(({ name }) => name)).toEqual([
    "a",
    "b",
    "a",
    "b",
  ]);
  expect([...config.pools.values()].at(1)?.blocks.map(({ text }) => text)).toEqual(["10.9.0.0/24", "10.1.0.0/24"]);
});

test("1.5 and 1.1: what the parsers hand on", () => {
  const allocation = { priority: 3, namespaces: ["n"], namespaceSelectors: [{}], serviceSelectors: [] };
  const preferred = [{ weight: 5, preference: { matchExpressions: [{ key: "a", operator: "NotIn", values: ["b"] }] } }];
  const { config } = parse({
    pools: [
      raw("IPAddressPool", "p", {
        addresses: ["10.0.0.0/24"],
        autoAssign: false,
        avoidBuggyIPs: true,
        serviceAllocation: allocation,
      }),
    ],
    l2Advertisements: [l2("l", { interfaces: ["eth0"], preferredNodeSelectors: preferred })],
    bfdProfiles: [raw("BFDProfile", "f", { receiveInterval: 20, echoMode: true })],
  });
  const empty = { matchLabels: {}, matchExpressions: [] };
  expect([...config.pools.values()]).toMatchObject([
    { autoAssign: false, avoidBuggyIps: true, serviceAllocation: { ...allocation, namespaceSelectors: [empty] } },
  ]);
  expect(config.l2Advertisements).toMatchObject([
    {
      interfaces: ["eth0"],
      preferredNodes: [{ weight: 5, preference: { ...preferred[0]?.preference, matchLabels: {} } }],
    },
  ]);
  expect([...config.bfdProfiles.values()]).toMatchObject([
    { name: "f", receiveInterval: 20, echoMode: true, passiveMode: false },
  ]);
});
