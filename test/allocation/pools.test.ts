import { describe, expect, test } from "vitest";
import { cappedToInt64 } from "../../src/allocation/counters.ts";
import { PoolSpace } from "../../src/allocation/pool-space.ts";
import { poolName } from "../../src/api/brands.ts";
import type { Pool } from "../../src/api/config.ts";
import {
  Cluster,
  IPS,
  ip,
  key,
  labelled,
  POOL,
  PREFER,
  pool,
  type ServiceOptions,
  SHARE,
  service,
  texts,
} from "./fixtures.ts";

/** The first IPv4 addresses that a pool hands out one after the other. */
function handedOut(subject: Pool, count: number): string {
  const space = new PoolSpace(subject, 4);
  const places = space.capacity < BigInt(count) ? Number(space.capacity) : count;
  return texts(Array.from({ length: places }, (_, i) => space.addressAt(BigInt(i))));
}

describe("3.2 the order inside a pool", () => {
  test.each([
    [
      "lowest first, network and broadcast addresses included",
      ["192.0.2.0/30"],
      false,
      "192.0.2.0 192.0.2.1 192.0.2.2 192.0.2.3",
    ],
    ["blocks in listed order", ["192.0.2.8/31", "192.0.2.0/31"], false, "192.0.2.8 192.0.2.9 192.0.2.0 192.0.2.1"],
    ["a range of several prefixes", ["192.0.2.1-192.0.2.4"], false, "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4"],
    ["adjoining blocks", ["192.0.2.0/31", "192.0.2.2/31"], false, "192.0.2.0 192.0.2.1 192.0.2.2 192.0.2.3"],
    ["avoidBuggyIPs passes over .255 and .0", ["192.0.2.254-192.0.3.1"], true, "192.0.2.254 192.0.3.1"],
    [
      "avoidBuggyIPs, whatever the prefix length",
      ["192.0.2.0/32", "192.0.2.255/32", "192.0.2.7/32"],
      true,
      "192.0.2.7",
    ],
    ["avoidBuggyIPs with nothing left", ["192.0.2.255-192.0.3.0"], true, ""],
    ["avoidBuggyIPs at the beginning of all addresses", ["0.0.0.0/32"], true, ""],
  ])("%s", (_, addresses, avoidBuggyIps, want) => {
    expect(handedOut(pool("p", addresses, { avoidBuggyIps }), 8)).toBe(want);
  });

  test("IPv6 is never affected by avoidBuggyIPs", () => {
    const space = new PoolSpace(pool("p", ["fc00::/120"], { avoidBuggyIps: true }), 6);
    expect([space.capacity, space.addressAt(0n).toString(), space.addressAt(255n).toString()]).toEqual([
      256n,
      "fc00::",
      "fc00::ff",
    ]);
  });

  test("places and addresses are each other's inverse, and nothing else has a place", () => {
    const space = new PoolSpace(pool("p", ["10.0.2.0/23", "10.0.0.128-10.0.1.3"], { avoidBuggyIps: true }), 4);
    for (let rank = 0n; rank < space.capacity; rank++) expect(space.rankOf(space.addressAt(rank).value)).toBe(rank);
    for (const outside of [
      "10.0.0.127",
      "10.0.0.255",
      "10.0.1.0",
      "10.0.1.4",
      "10.0.2.0",
      "10.0.3.255",
      "10.0.4.1",
      "0.0.0.0",
    ]) {
      expect(space.rankOf(ip(outside).value)).toBeUndefined();
    }
    expect(() => space.addressAt(space.capacity)).toThrow(RangeError);
    expect(() => space.addressAt(-1n)).toThrow(RangeError);
  });
});

describe("3.4 which pools, in which order", () => {
  const A = "192.0.2.1/32";
  const B = "192.0.2.2/32";
  const C = "192.0.2.3/32";
  const gold = labelled({ tier: "gold" });
  const rows: readonly (readonly [string, readonly Pool[], string, ServiceOptions?])[] = [
    ["pools without a pin in name order", [pool("b", [A]), pool("a", [B])], "192.0.2.2"],
    [
      "pinned pools go before the others",
      [pool("a", [A]), pool("b", [B], { pinned: { namespaces: ["default"] } })],
      "192.0.2.2",
    ],
    [
      "a pin on another namespace is passed over",
      [pool("a", [A], { pinned: { namespaces: ["x"] } }), pool("b", [B])],
      "192.0.2.2",
    ],
    [
      "a pin with three empty lists fits everybody, and goes first",
      [pool("a", [A]), pool("b", [B], { pinned: {} })],
      "192.0.2.2",
    ],
    [
      "positive priorities ascend",
      [pool("a", [A], { pinned: { priority: 9 } }), pool("b", [B], { pinned: { priority: 2 } })],
      "192.0.2.2",
    ],
    [
      "priority 0 is unset, which is last",
      [pool("a", [A], { pinned: { priority: 0 } }), pool("b", [B], { pinned: { priority: 99 } })],
      "192.0.2.2",
    ],
    [
      "a negative priority is unset",
      [pool("a", [A], { pinned: { priority: -1 } }), pool("b", [B], { pinned: { priority: 99 } })],
      "192.0.2.2",
    ],
    [
      "equal priorities by name",
      [pool("b", [A], { pinned: { priority: 5 } }), pool("a", [B], { pinned: { priority: 5 } })],
      "192.0.2.2",
    ],
    [
      "unset priorities by name",
      [pool("b", [A], { pinned: {} }), pool("a", [B], { pinned: { priority: -3 } })],
      "192.0.2.2",
    ],
    [
      "autoAssign false is passed over, pinned or not",
      [pool("a", [A], { autoAssign: false, pinned: {} }), pool("b", [B], { autoAssign: false }), pool("c", [C])],
      "192.0.2.3",
    ],
    [
      "a pin by Service label",
      [pool("a", [A]), pool("b", [B], { pinned: { serviceSelectors: [gold] } })],
      "192.0.2.2",
      { labels: { tier: "gold" } },
    ],
    [
      "a pin by Service label that the Service lacks",
      [pool("a", [A]), pool("b", [B], { pinned: { serviceSelectors: [gold] } })],
      "192.0.2.1",
    ],
    [
      "one of several Service selectors is enough",
      [pool("b", [B], { pinned: { serviceSelectors: [labelled({ x: "y" }), gold] } })],
      "192.0.2.2",
      { labels: { tier: "gold" } },
    ],
    [
      "namespace and Service label must both fit",
      [pool("a", [A], { pinned: { namespaces: ["x"], serviceSelectors: [gold] } }), pool("b", [B])],
      "192.0.2.2",
      { labels: { tier: "gold" } },
    ],
    [
      "namespace selectors",
      [pool("a", [A]), pool("b", [B], { pinned: { namespaceSelectors: [labelled({ team: "red" })] } })],
      "192.0.2.2",
      { namespace: "red" },
    ],
    [
      "namespaces by name or by selector",
      [pool("b", [B], { pinned: { namespaces: ["default"], namespaceSelectors: [labelled({ team: "red" })] } })],
      "192.0.2.2",
      { namespace: "red" },
    ],
    [
      "namespace selectors that match nothing are not for everybody",
      [pool("a", [A], { pinned: { namespaceSelectors: [labelled({ team: "none" })] } }), pool("b", [B])],
      "192.0.2.2",
    ],
    [
      "… but may be asked for",
      [pool("a", [A], { pinned: { namespaceSelectors: [labelled({ team: "none" })] } }), pool("b", [B])],
      "192.0.2.1",
      { annotations: { [POOL]: "a" } },
    ],
    [
      "a full pinned pool gives way to the rest",
      [pool("a", [A]), pool("b", ["fc00::/64"], { pinned: {} })],
      "192.0.2.1",
    ],
    [
      "a label called constructor finds nothing",
      [pool("a", [A]), pool("b", [B], { pinned: { serviceSelectors: [labelled({ constructor: "x" })] } })],
      "192.0.2.1",
      { labels: {} },
    ],
  ];

  test.each(rows.map(([name, pools, want, options]) => ({ name, pools, want, options })))("$name", (row) => {
    const { pools, want, options } = row;
    const cluster = new Cluster([]);
    cluster.setPools(pools, new Map([["red", { team: "red" }]]));
    expect(texts(cluster.apply(service("web", options)).ips)).toBe(want);
  });

  test("if a pinned pool serves PreferDualStack with one family, the rest is not looked at", () => {
    const cluster = new Cluster([pool("a", [A, "fc00::/126"]), pool("b", [B], { pinned: {} })]);
    expect(texts(cluster.apply(service("web", { spec: PREFER })).ips)).toBe("192.0.2.2");
  });
});

describe("3.9 counters", () => {
  const count = (subject: Pool, ...services: readonly ServiceOptions[]) => {
    const cluster = new Cluster([subject]);
    for (const [i, options] of services.entries()) cluster.apply(service(`s${i}`, options));
    const { 4: v4, 6: v6 } = cluster.allocator.counters().get(poolName("p")) ?? {};
    return [v4?.capacity, v4?.assigned, v4?.available, v6?.capacity, v6?.assigned, v6?.available];
  };
  const TWO_64 = 1n << 64n;

  test.each<readonly [string, Pool, readonly ServiceOptions[], readonly bigint[]]>([
    ["an unused /24", pool("p", ["192.0.2.0/24"]), [], [256n, 0n, 256n, 0n, 0n, 0n]],
    [
      "avoidBuggyIPs takes two of a /24",
      pool("p", ["192.0.2.0/24"], { avoidBuggyIps: true }),
      [],
      [254n, 0n, 254n, 0n, 0n, 0n],
    ],
    [
      "avoidBuggyIPs takes two of every /24 of a /16",
      pool("p", ["10.1.0.0/16"], { avoidBuggyIps: true }),
      [],
      [65024n, 0n, 65024n, 0n, 0n, 0n],
    ],
    [
      "avoidBuggyIPs takes one of a /25",
      pool("p", ["192.0.2.128/25"], { avoidBuggyIps: true }),
      [],
      [127n, 0n, 127n, 0n, 0n, 0n],
    ],
    [
      "avoidBuggyIPs and a lone .0/32 is nothing, not less",
      pool("p", ["192.0.2.0/32"], { avoidBuggyIps: true }),
      [],
      [0n, 0n, 0n, 0n, 0n, 0n],
    ],
    [
      "blocks after a very wide one do not overflow",
      pool("p", ["fc00::/64", "fd00::/120", "192.0.2.0/30"]),
      [{}],
      [4n, 1n, 3n, TWO_64 + 256n, 0n, TWO_64 + 256n],
    ],
    [
      "a shared address counts once",
      pool("p", ["192.0.2.0/30"]),
      [{ annotations: { [SHARE]: "x" } }, { annotations: { [SHARE]: "x" }, spec: { ports: [{ port: 81 }] } }, {}],
      [4n, 2n, 2n, 0n, 0n, 0n],
    ],
  ])("%s", (_, subject, services, want) => {
    expect(count(subject, ...services)).toEqual(want);
  });

  test("a pool that is not in the configuration has none", () => {
    expect(new Cluster([]).allocator.counters().size).toBe(0);
  });

  test("the int64 of a pool's status holds the greatest it can", () => {
    expect([cappedToInt64(TWO_64), cappedToInt64(7n)]).toEqual([9223372036854775807n, 7n]);
  });
});

describe("3.7 pools that change", () => {
  const OLD = pool("old", ["192.0.2.0/30"]);
  const NEW = pool("zz-new", ["203.0.113.0/30"]);

  test("the same pools again are nothing to look at", () => {
    const cluster = new Cluster([OLD]);
    cluster.apply(service("web"));
    expect(cluster.allocator.setConfig(new Map([[OLD.name, { ...OLD, labels: { new: "label" } }]]), new Map())).toEqual(
      [],
    );
  });

  test("those that lost their address come first, then those that have one, then those that wait", () => {
    const cluster = new Cluster([OLD]);
    cluster.apply(service("stays", { annotations: { [IPS]: "192.0.2.0" } }));
    cluster.apply(service("loses", { annotations: { [IPS]: "192.0.2.3" } }));
    cluster.apply(service("waits", { annotations: { [POOL]: "none" } }));
    const smaller = pool("old", ["192.0.2.0/31"]);
    expect(cluster.allocator.setConfig(new Map([[smaller.name, smaller]]), new Map())).toEqual([
      key("loses"),
      key("stays"),
      key("waits"),
    ]);
    expect(cluster.allocator.allocation(key("loses"))).toBeUndefined();
    expect(cluster.allocator.holders(ip("192.0.2.0"))).toEqual([key("stays")]);
  });

  test.each<readonly [string, readonly Pool[], string, string | undefined]>([
    ["a pool that vanishes moves its Services to another", [NEW], "203.0.113.0", "zz-new"],
    ["… and clears them where there is none", [], "", undefined],
    ["a pool that shrinks moves those outside", [pool("old", ["192.0.2.2/31"])], "192.0.2.2", "old"],
    [
      "a renamed pool keeps the address and corrects the annotation",
      [pool("renamed", ["192.0.2.0/30"]), NEW],
      "192.0.2.1",
      "renamed",
    ],
    [
      "a pool split in two keeps the address",
      [pool("a", ["192.0.2.0/32"]), pool("b", ["192.0.2.1/32"])],
      "192.0.2.1",
      "b",
    ],
    [
      "a pool that is now for others moves them",
      [
        { ...OLD, serviceAllocation: { priority: 0, namespaces: ["x"], namespaceSelectors: [], serviceSelectors: [] } },
        NEW,
      ],
      "203.0.113.0",
      "zz-new",
    ],
    ["autoAssign off keeps the address", [{ ...OLD, autoAssign: false }, NEW], "192.0.2.1", "old"],
    ["a new pool earlier in the order moves nobody", [pool("aa", ["198.51.100.0/30"]), OLD], "192.0.2.1", "old"],
    ["addresses of two families in one pool", [pool("old", ["fc00::/126", "192.0.2.0/30"])], "192.0.2.1", "old"],
  ])("%s", (_, pools, want, from) => {
    const cluster = new Cluster([OLD]);
    cluster.apply(service("web", { has: ["192.0.2.1"] }));
    cluster.setPools(pools);
    expect([cluster.has("web"), cluster.from("web")]).toEqual([want, from]);
    cluster.expectSettled();
  });

  test("avoidBuggyIPs switched on moves a Service off .0", () => {
    const cluster = new Cluster([OLD]);
    cluster.apply(service("web"));
    cluster.setPools([{ ...OLD, avoidBuggyIps: true }]);
    expect(cluster.has("web")).toBe("192.0.2.1");
  });

  test("3.5 a pool gains the other family: the second address is added, the first kept", () => {
    const cluster = new Cluster([OLD]);
    cluster.apply(service("web", { has: ["192.0.2.2"], spec: PREFER }));
    cluster.setPools([pool("old", ["192.0.2.0/30", "fc00::/126"])]);
    expect(cluster.has("web")).toBe("192.0.2.2 fc00::");
  });

  test("3.5 a pool loses a family: both are cleared, and another pool with both wins", () => {
    const cluster = new Cluster([pool("old", ["192.0.2.0/30", "fc00::/126"])]);
    cluster.apply(service("web", { spec: PREFER }));
    cluster.setPools([OLD, pool("zz", ["203.0.113.0/30", "fd00::/126"])]);
    expect(cluster.has("web")).toBe("203.0.113.0 fd00::");
    cluster.setPools([OLD, pool("zz", ["fd00::/126"])]);
    expect(cluster.has("web")).toBe("192.0.2.0");
  });

  test("namespace labels that change move a Service out of a pool pinned by them", () => {
    const red = pool("red", ["203.0.113.0/30"], {
      pinned: { namespaceSelectors: [labelled({ team: "red" })], priority: 1 },
    });
    const pools = [red, OLD];
    const cluster = new Cluster([]);
    cluster.setPools(
      pools,
      new Map([
        ["default", { team: "red" }],
        ["other", { team: "red" }],
      ]),
    );
    cluster.apply(service("web"));
    expect(cluster.has("web")).toBe("203.0.113.0");
    cluster.setPools(
      pools,
      new Map([
        ["default", {}],
        ["other", { team: "red" }],
      ]),
    );
    expect(cluster.has("web")).toBe("192.0.2.0");
  });
});
