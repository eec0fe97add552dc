import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Decision } from "../../src/announcement/decision.ts";
import type { PrefixAnnouncement, RouteAttributes } from "../../src/announcement/route.ts";
import { type AnnouncedRoute, combineRoutes, RouteTable } from "../../src/announcement/route-table.ts";
import { peerName, serviceKey } from "../../src/api/brands.ts";
import { communityFromNumber, formatCommunity } from "../../src/net/community.ts";
import { parsePrefix } from "../../src/net/ip-prefix.ts";
import { bgpAd, config, decide, ip, known, main, peer, pool, service } from "./cluster.ts";

interface Said {
  readonly communities?: readonly number[];
  readonly localPref?: number;
  readonly med?: number;
  readonly prepend?: number;
  readonly bandwidth?: "endpoints";
  readonly weight?: number;
  readonly peer?: string;
}

function announcement(name: string, prefix: string, said: Said = {}): PrefixAnnouncement {
  const attributes: RouteAttributes = {
    localPref: said.localPref,
    med: said.med,
    asPathPrepend: said.prepend,
    linkBandwidth: said.bandwidth,
    communities: (said.communities ?? []).map((n) => known(communityFromNumber(n))),
    largeCommunities: [],
    advertisements: ["ad"],
  };
  const parsed = known(parsePrefix(prefix));
  return {
    service: serviceKey("default", name),
    ip: parsed.first,
    peer: peerName(said.peer ?? "tor"),
    prefix: parsed,
    attributes,
    weight: said.weight ?? 1,
  };
}

function decision(name: string, ...bgp: readonly PrefixAnnouncement[]): Decision {
  return { key: serviceKey("default", name), bgp, layer2: [], refusals: [] };
}

const show = ({ peer: to, prefix, localPref, communities, services, ...more }: AnnouncedRoute): string =>
  [
    to,
    prefix,
    localPref ?? "-",
    communities.map(formatCommunity).join(","),
    services.join(","),
    ...(more.med === undefined ? [] : [`med ${more.med}`]),
    ...(more.asPathPrepend === undefined ? [] : [`prepend ${more.asPathPrepend}`]),
    ...(more.linkBandwidth === undefined ? [] : [`bandwidth ${more.linkBandwidth}`]),
  ].join(" ");
const changes = (list: ReturnType<RouteTable["put"]>): string[] =>
  list.map(({ peer: to, prefix, route }) => (route === undefined ? `- ${to} ${prefix}` : `+ ${show(route)}`));

describe("4.4 routes of several Services", () => {
  const aggregate = "10.0.0.0/24";
  test("an identical prefix is one route", () => {
    const { routes } = combineRoutes([
      decision("b", announcement("b", aggregate)),
      decision("a", announcement("a", aggregate)),
    ]);
    expect(routes.map(show)).toEqual(["tor 10.0.0.0/24 -  default/a,default/b"]);
  });

  test.each<[string, Said, Said, string]>([
    [
      "communities unite",
      { communities: [3, 1] },
      { communities: [2, 1] },
      "tor 10.0.0.0/24 - 0:1,0:2,0:3 default/a,default/b",
    ],
    ["the lowest med wins", { med: 10 }, { med: 20 }, "tor 10.0.0.0/24 -  default/a,default/b med 10"],
    ["a med beats none", {}, { med: 20 }, "tor 10.0.0.0/24 -  default/a,default/b med 20"],
    ["a med of 0 is said", { med: 0 }, { med: 20 }, "tor 10.0.0.0/24 -  default/a,default/b med 0"],
    ["the shortest path wins", { prepend: 3 }, { prepend: 1 }, "tor 10.0.0.0/24 -  default/a,default/b prepend 1"],
    ["a prepend beats none", {}, { prepend: 2 }, "tor 10.0.0.0/24 -  default/a,default/b prepend 2"],
    ["a prepend of 0 is said", { prepend: 0 }, { prepend: 2 }, "tor 10.0.0.0/24 -  default/a,default/b prepend 0"],
    [
      "weights add up, also of one that does not ask",
      { bandwidth: "endpoints", weight: 2 },
      { weight: 3 },
      "tor 10.0.0.0/24 -  default/a,default/b bandwidth 5000000",
    ],
    [
      "a router that counts in 32 bits can count it",
      { bandwidth: "endpoints", weight: 5000 },
      { bandwidth: "endpoints", weight: 5000 },
      "tor 10.0.0.0/24 -  default/a,default/b bandwidth 3999000000",
    ],
    ["the highest localPref wins", { localPref: 10 }, { localPref: 20 }, "tor 10.0.0.0/24 20  default/a,default/b"],
    ["whoever says it", { localPref: 20 }, { localPref: 10 }, "tor 10.0.0.0/24 20  default/a,default/b"],
    ["unset is lowest", {}, { localPref: 0 }, "tor 10.0.0.0/24 0  default/a,default/b"],
  ])("%s, in any order", (_, a, b, want) => {
    const both = [decision("a", announcement("a", aggregate, a)), decision("b", announcement("b", aggregate, b))];
    expect(combineRoutes(both).routes.map(show)).toEqual([want]);
    expect(combineRoutes(both.toReversed()).routes.map(show)).toEqual([want]);
  });

  test("routes are sorted by peer, then address, IPv4 first, then length", () => {
    const all = ["2001:db8::/64", "10.0.0.0/32", "9.0.0.0/32", "10.0.0.0/24"].flatMap((prefix) =>
      ["p2", "p1"].map((to) => announcement("a", prefix, { peer: to })),
    );
    expect(combineRoutes([decision("a", ...all)]).routes.map(({ peer: to, prefix }) => `${to} ${prefix}`)).toEqual([
      "p1 9.0.0.0/32",
      "p1 10.0.0.0/24",
      "p1 10.0.0.0/32",
      "p1 2001:db8::/64",
      "p2 9.0.0.0/32",
      "p2 10.0.0.0/24",
      "p2 10.0.0.0/32",
      "p2 2001:db8::/64",
    ]);
  });
});

describe("4.3 what peers are told when one Service changes", () => {
  test("a new route, the same again, a changed one, a withdrawn one", () => {
    const table = new RouteTable();
    const plain = decision("a", announcement("a", "10.0.0.1/32"));
    expect(changes(table.put(plain))).toEqual(["+ tor 10.0.0.1/32 -  default/a"]);
    expect(changes(table.put(plain))).toEqual([]);
    expect(changes(table.put(decision("a", announcement("a", "10.0.0.1/32"))))).toEqual([]);
    expect(changes(table.put(decision("a", announcement("a", "10.0.0.1/32", { communities: [1] }))))).toEqual([
      "+ tor 10.0.0.1/32 - 0:1 default/a",
    ]);
    expect(changes(table.put(decision("a")))).toEqual(["- tor 10.0.0.1/32"]);
    expect(table.routes()).toEqual([]);
    expect(changes(table.remove(serviceKey("default", "a")))).toEqual([]);
    expect(changes(table.remove(serviceKey("default", "never")))).toEqual([]);
  });

  test("an aggregate stays while any Service is on it", () => {
    const table = new RouteTable();
    table.put(decision("a", announcement("a", "10.0.0.0/24", { communities: [1] })));
    expect(changes(table.put(decision("b", announcement("b", "10.0.0.0/24", { communities: [1] }))))).toEqual([]);
    expect(table.routes().map(show)).toEqual(["tor 10.0.0.0/24 - 0:1 default/a,default/b"]);
    expect(changes(table.remove(serviceKey("default", "a")))).toEqual([]);
    expect(table.routes().map(show)).toEqual(["tor 10.0.0.0/24 - 0:1 default/b"]);
    expect(changes(table.remove(serviceKey("default", "b")))).toEqual(["- tor 10.0.0.0/24"]);
  });

  test("one endpoint more is told where the route says how many there are, and nowhere else", () => {
    const table = new RouteTable();
    const of = (weight: number) =>
      decision(
        "a",
        announcement("a", "10.0.0.1/32", { bandwidth: "endpoints", weight }),
        announcement("a", "10.0.0.2/32", { weight }),
      );
    table.put(of(1));
    expect(changes(table.put(of(2)))).toEqual(["+ tor 10.0.0.1/32 -  default/a bandwidth 2000000"]);
    expect(changes(table.put(of(2)))).toEqual([]);
  });

  test("a Service with two addresses on an aggregate brings its endpoints once", () => {
    const table = new RouteTable();
    const one = announcement("a", "10.0.0.0/24", { bandwidth: "endpoints", weight: 3 });
    const both = decision("a", one, { ...one, ip: ip("10.0.0.2") });
    table.put(both);
    expect(table.routes().map((route) => route.linkBandwidth)).toEqual([3_000_000]);
    expect(combineRoutes([both]).routes.map((route) => route.linkBandwidth)).toEqual([3_000_000]);
  });

  test("a Service that moves is a withdrawal and an announcement", () => {
    const table = new RouteTable();
    table.put(decision("a", announcement("a", "10.0.0.1/32"), announcement("a", "10.0.0.1/32", { peer: "b" })));
    expect(changes(table.put(decision("a", announcement("a", "10.0.0.2/32"))))).toEqual([
      "- b 10.0.0.1/32",
      "- tor 10.0.0.1/32",
      "+ tor 10.0.0.2/32 -  default/a",
    ]);
    expect(table.routesOf(peerName("b"))).toEqual([]);
    expect(table.routesOf(peerName("tor"))).toHaveLength(1);
  });

  test("two addresses of one Service on one aggregate are one Service, and one may go", () => {
    const table = new RouteTable();
    const two = (name: string) => [announcement(name, "10.0.0.0/24"), announcement(name, "10.0.0.0/24")];
    table.put(decision("a", ...two("a")));
    expect(table.routes().map(show)).toEqual(["tor 10.0.0.0/24 -  default/a"]);
    expect(changes(table.put(decision("a", announcement("a", "10.0.0.0/24"))))).toEqual([]);
    expect(changes(table.remove(serviceKey("default", "a")))).toEqual(["- tor 10.0.0.0/24"]);
  });

  test("an aggregate keeps attributes while one of the Services that bring them is left", () => {
    const table = new RouteTable();
    const [with1] = [announcement("a", "10.0.0.0/24", { communities: [1] })];
    for (const name of ["a", "b"]) table.put(decision(name, { ...with1, service: serviceKey("default", name) }));
    table.put(decision("c", announcement("c", "10.0.0.0/24")));
    expect(table.routes().map(show)).toEqual(["tor 10.0.0.0/24 - 0:1 default/a,default/b,default/c"]);
    expect(changes(table.remove(serviceKey("default", "a")))).toEqual([]);
    expect(table.routes().map(show)).toEqual(["tor 10.0.0.0/24 - 0:1 default/b,default/c"]);
    expect(changes(table.remove(serviceKey("default", "b")))).toEqual(["+ tor 10.0.0.0/24 -  default/c"]);
  });

  test("4.4 more than 63 communities together are a problem by name, and the route comes back when they part", () => {
    const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
    const table = new RouteTable();
    table.put(decision("a", announcement("a", "10.0.0.0/24", { communities: range(0, 40) })));
    const b = decision("b", announcement("b", "10.0.0.0/24", { communities: range(40, 24) }));
    expect(changes(table.put(b))).toEqual(["- tor 10.0.0.0/24"]);
    expect(table.routes()).toEqual([]);
    expect(table.problems()).toMatchObject([{ reason: "too-many-communities", peer: "tor", announcements: [{}, {}] }]);
    expect(combineRoutes([b]).problems).toEqual([]);
    expect(changes(table.remove(serviceKey("default", "b")))).toHaveLength(1);
    expect(table.problems()).toEqual([]);
    expect(table.routes()).toHaveLength(1);
  });
});

describe("while all Services are decided again", () => {
  const on24 = (name: string, ...communities: number[]): Decision =>
    decision(name, announcement(name, "10.0.0.0/24", { communities }));

  /** Two Services on an aggregate, of which the first is decided by the new rules already. */
  function halfway(): RouteTable {
    const table = new RouteTable();
    for (const name of ["a", "b"]) table.put(on24(name, 1));
    table.hold();
    expect(changes(table.put(on24("a", 2)))).toEqual([]);
    return table;
  }

  test("an aggregate says nothing that is half old and half new, and all of the new in the end", () => {
    const table = halfway();
    expect(changes(table.put(on24("b", 2)))).toEqual([]);
    expect([...table.release()].flatMap(changes)).toEqual(["+ tor 10.0.0.0/24 - 0:2 default/a,default/b"]);
    expect([...table.release()]).toEqual([]);
  });

  test("what nobody keeps up any more goes at once, and is not told of again", () => {
    const table = halfway();
    table.put(decision("a"));
    expect(changes(table.put(decision("b")))).toEqual(["- tor 10.0.0.0/24"]);
    expect([...table.release()]).toEqual([]);
  });

  test("a route that is new, and one that is one Service's alone, wait for nothing", () => {
    const table = halfway();
    const both = decision("d", announcement("d", "10.0.2.0/24"), announcement("d", "10.0.2.0/24"));
    expect(changes(table.put(both))).toEqual(["+ tor 10.0.2.0/24 -  default/d"]);
    expect(changes(table.put(decision("c", announcement("c", "10.0.1.0/24"))))).toEqual([
      "+ tor 10.0.1.0/24 -  default/c",
    ]);
    expect(changes(table.put(decision("c", announcement("c", "10.0.1.0/24", { communities: [3] }))))).toEqual([
      "+ tor 10.0.1.0/24 - 0:3 default/c",
    ]);
  });

  test("a session that comes up in between gets what the others have", () => {
    expect(halfway().routesOf(peerName("tor")).map(show)).toEqual(["tor 10.0.0.0/24 - 0:1 default/a,default/b"]);
  });

  test("40 communities that become 40 others take no route away on the way", () => {
    const range = (from: number): number[] => Array.from({ length: 40 }, (_, i) => from + i);
    const table = new RouteTable();
    for (const name of ["a", "b"]) table.put(on24(name, ...range(0)));
    table.hold();
    const told = ["a", "b"].flatMap((name) => table.put(on24(name, ...range(100))));
    expect(told).toEqual([]);
    expect([...table.release()].flat().map(({ route }) => route?.communities.length)).toEqual([40]);
  });
});

const said = fc.record({
  communities: fc.array(fc.integer({ min: 0, max: 80 }), { maxLength: 50 }),
  localPref: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
  med: fc.integer({ min: 0, max: 2 }),
  prepend: fc.integer({ min: 0, max: 2 }),
  asks: fc.boolean(),
  peer: fc.constantFrom("p1", "p2"),
});
const steps = fc.array(
  fc.record({
    name: fc.constantFrom("a", "b", "c", "d"),
    removed: fc.boolean(),
    weight: fc.integer({ min: 1, max: 3 }),
    said: fc.array(fc.tuple(fc.constantFrom("10.0.0.0/24", "10.0.0.1/32", "2001:db8::/64"), said), { maxLength: 3 }),
  }),
  { maxLength: 20 },
);

test("4.4 kept up step by step, the table equals one made at once, and the changes told lead there", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const table = new RouteTable();
      const now = new Map<string, Decision>();
      const told = new Map<string, string>();
      for (const step of list) {
        const next = decision(
          step.name,
          ...step.said.map(([prefix, s]) =>
            announcement(step.name, prefix, {
              ...s,
              localPref: s.localPref ?? 0,
              weight: step.weight,
              ...(s.asks ? { bandwidth: "endpoints" } : {}),
            }),
          ),
        );
        const news = step.removed ? table.remove(next.key) : table.put(next);
        if (step.removed) now.delete(step.name);
        else now.set(step.name, next);
        for (const { peer: to, prefix, route } of news) {
          if (route === undefined) told.delete(`${to} ${prefix}`);
          else told.set(`${to} ${prefix}`, wire(route));
        }
      }
      const batch = combineRoutes(now.values());
      expect(table.routes()).toEqual(batch.routes);
      expect(table.problems().map(({ peer: to, prefix }) => `${to} ${prefix}`)).toEqual(
        batch.problems.map(({ peer: to, prefix }) => `${to} ${prefix}`),
      );
      expect([...told].sort()).toEqual(batch.routes.map((r) => [`${r.peer} ${r.prefix}`, wire(r)]).sort());
    }),
  );
});

const wire = ({ localPref, med, asPathPrepend, linkBandwidth, communities }: AnnouncedRoute): string =>
  JSON.stringify([localPref, med, asPathPrepend, linkBandwidth ?? null, communities]);

test("4.3 shared addresses and aggregates, from Services to routes", () => {
  const cluster = config(
    main,
    pool("second", "10.0.1.0/24"),
    peer("tor"),
    bgpAd("x", { communities: ["1:1"] }),
    bgpAd("y", { pools: ["main", "second"], lengths: [23, 64], communities: ["2:2"] }),
  );
  const all = [
    service("a", { ips: ["10.0.0.1"] }),
    service("b", { ips: ["10.0.0.1"] }),
    service("c", { ips: ["10.0.1.1"] }),
  ].map((one) => decide({ config: cluster }, one));
  expect(combineRoutes(all).routes.map(show)).toEqual([
    "tor 10.0.0.0/23 - 2:2 default/a,default/b,default/c",
    "tor 10.0.0.1/32 - 1:1 default/a,default/b",
  ]);
  expect(ip("10.0.0.1").equals(known(all[0]?.bgp[0]).ip)).toBe(true);
});
