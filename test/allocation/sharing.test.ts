import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SharedPlaces } from "../../src/allocation/sharing.ts";
import { poolName } from "../../src/api/brands.ts";
import type { ServiceSpec } from "../../src/api/core.ts";
import { Cluster, IPS, ip, key, PREFER, pool, REQUIRE, SHARE, service } from "./fixtures.ts";

const ONE = pool("one", ["192.0.2.1/32"]);
const HTTPS = [{ protocol: "TCP", port: 443 }];
const local = (selector: Readonly<Record<string, string>>): Partial<ServiceSpec> => ({
  externalTrafficPolicy: "Local",
  selector,
});

describe("3.6 two Services on one address", () => {
  test.each<readonly [string, string, Partial<ServiceSpec>, string, Partial<ServiceSpec>, boolean]>([
    ["equal keys, other ports", "k", {}, "k", { ports: HTTPS }, true],
    ["equal keys, equal ports", "k", {}, "k", {}, false],
    ["equal keys, one port of several in common", "k", {}, "k", { ports: [...HTTPS, { port: 80 }] }, false],
    ["equal port numbers, other protocols", "k", {}, "k", { ports: [{ protocol: "UDP", port: 80 }] }, true],
    ["other keys", "k", {}, "l", { ports: HTTPS }, false],
    ["no keys", "", {}, "", { ports: HTTPS }, false],
    ["only one has a key", "k", {}, "", { ports: HTTPS }, false],
    [
      "Cluster and Cluster, other selectors",
      "k",
      { selector: { a: "1" } },
      "k",
      { selector: { a: "2" }, ports: HTTPS },
      true,
    ],
    [
      "Local and Local, equal selectors in another order",
      "k",
      local({ a: "1", b: "2" }),
      "k",
      { ...local({ b: "2", a: "1" }), ports: HTTPS },
      true,
    ],
    ["Local and Local, other selectors", "k", local({ a: "1" }), "k", { ...local({ a: "2" }), ports: HTTPS }, false],
    ["Cluster and Local", "k", {}, "k", { ...local({ a: "1" }), ports: HTTPS }, false],
    ["Cluster and Local with an empty selector", "k", {}, "k", { ...local({}), ports: HTTPS }, true],
  ])("%s", (_, keyA, specA, keyB, specB, shares) => {
    const cluster = new Cluster([ONE]);
    cluster.apply(service("a", { annotations: { [SHARE]: keyA }, spec: specA }));
    cluster.apply(service("b", { namespace: "other", annotations: { [SHARE]: keyB }, spec: specB }));
    expect([cluster.has("a"), cluster.has("b", "other")]).toEqual(["192.0.2.1", shares ? "192.0.2.1" : ""]);
    expect(cluster.allocator.holders(ip("192.0.2.1")).length).toBe(shares ? 2 : 1);
    cluster.expectSettled();
  });
});

describe("3.2 a sharing Service lands on whichever comes first", () => {
  const share = (name: string, port: number, more = {}) =>
    service(name, { annotations: { [SHARE]: "k", ...more }, spec: { ports: [{ port }] } });

  test("an address to share before a free one", () => {
    const cluster = new Cluster([pool("p", ["192.0.2.0/29"])]);
    cluster.apply(share("a", 80));
    cluster.apply(share("b", 81));
    expect(cluster.has("b")).toBe("192.0.2.0");
  });

  test("a free address before one to share", () => {
    const cluster = new Cluster([pool("p", ["192.0.2.0/29"])]);
    cluster.apply(share("a", 80, { [IPS]: "192.0.2.3" }));
    cluster.apply(share("b", 81));
    expect(cluster.has("b")).toBe("192.0.2.0");
  });

  test("the first of several to share that has the ports free", () => {
    const cluster = new Cluster([pool("p", ["192.0.2.0/29"])]);
    for (let i = 0; i < 8; i++) cluster.apply(share(`a${i}`, i === 5 ? 81 : 80, { [IPS]: `192.0.2.${i}` }));
    cluster.apply(share("b", 80));
    cluster.apply(share("c", 80));
    expect([cluster.has("b"), cluster.has("c")]).toEqual(["192.0.2.5", ""]);
    cluster.apply(service("d", { annotations: { [SHARE]: "k" }, spec: { ports: [{ port: 81 }, { port: 82 }] } }));
    expect(cluster.has("d")).toBe("192.0.2.0");
  });

  test("dual-stack: the rule holds for each address", () => {
    const cluster = new Cluster([pool("p", ["192.0.2.0/31", "fc00::/127"])]);
    cluster.apply(service("a", { annotations: { [SHARE]: "k" }, spec: REQUIRE }));
    cluster.apply(service("b", { annotations: { [SHARE]: "k" }, spec: { ...REQUIRE, ports: HTTPS } }));
    cluster.apply(service("c", { annotations: { [SHARE]: "k" }, spec: REQUIRE }));
    expect(["a", "b", "c"].map((name) => cluster.has(name))).toEqual([
      "192.0.2.0 fc00::",
      "192.0.2.0 fc00::",
      "192.0.2.1 fc00::1",
    ]);
  });

  test("dual-stack: the additional address may be shared", () => {
    const cluster = new Cluster([pool("p", ["192.0.2.0/31", "fc00::/128"])]);
    cluster.apply(service("a", { annotations: { [SHARE]: "k" }, spec: REQUIRE }));
    cluster.apply(
      service("b", { has: ["192.0.2.1"], annotations: { [SHARE]: "k" }, spec: { ...PREFER, ports: HTTPS } }),
    );
    expect(cluster.has("b")).toBe("192.0.2.1 fc00::");
  });
});

test("3.2 the first place to share is the one that asking every place finds", () => {
  const anyPorts = fc.subarray(["TCP/1", "TCP/2", "TCP/3", "TCP/4"], { minLength: 1 });
  const keys = { sharingKey: "k", backendKey: "" };
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(30), anyPorts, fc.boolean()), { maxLength: 60 }),
      anyPorts,
      (changes, wanted) => {
        const places = new SharedPlaces();
        const model = new Map<number, readonly string[]>();
        for (const [place, taken, leaves] of changes) {
          const holders = leaves ? [] : [key("other")];
          const ports = new Map(taken.map((port) => [port, key("other")]));
          places.update(BigInt(place), { ...keys, holders: new Set(holders), ports });
          if (leaves) model.delete(place);
          else model.set(place, taken);
        }
        const free = [...model]
          .filter(([, taken]) => !wanted.some((port) => taken.includes(port)))
          .map(([place]) => place);
        const want = free.length === 0 ? undefined : BigInt(Math.min(...free));
        expect(places.first({ ...keys, key: key("web"), ports: wanted })).toBe(want);
      },
    ),
  );
});

test("3.2 with 20,000 addresses of one key in use on one port, the next Service is not compared with each", () => {
  const places = new SharedPlaces();
  let asked = 0;
  for (let i = 0; i < 20_000; i++) {
    const ports = new Map([["TCP/80", key(`s${i}`)]]);
    places.update(BigInt(2 * i), { sharingKey: "k", backendKey: "", holders: new Set(ports.values()), ports });
  }
  const ports = Object.assign(["TCP/80"], {
    some: (asks: (port: string) => boolean) => {
      asked++;
      return asks("TCP/80");
    },
  });
  expect(places.first({ key: key("web"), sharingKey: "k", backendKey: "", ports })).toBeUndefined();
  expect(asked).toBe(1);
});

describe("3.6 keys that change", () => {
  test("a sole owner changes its key in place", () => {
    const cluster = new Cluster([ONE]);
    cluster.apply(service("a", { annotations: { [SHARE]: "k" } }));
    expect(cluster.apply(service("a", { annotations: { [SHARE]: "l" } })).outcome).toBe("kept");
    cluster.apply(service("b", { annotations: { [SHARE]: "l" }, spec: { ports: HTTPS } }));
    expect(cluster.has("b")).toBe("192.0.2.1");
  });

  test("with co-owners the Service is moved, and comes back when the keys agree again", () => {
    const cluster = new Cluster([ONE]);
    const a = (policy: "Local" | "Cluster") =>
      service("a", { annotations: { [SHARE]: "k" }, spec: { externalTrafficPolicy: policy, selector: { app: "a" } } });
    cluster.apply(a("Cluster"));
    cluster.apply(service("b", { annotations: { [SHARE]: "k" }, spec: { ports: HTTPS } }));
    const moved = cluster.apply(a("Local"));
    expect(moved.events.map(({ reason }) => reason)).toEqual(["ClearAssignment", "AllocationFailed"]);
    expect([cluster.has("a"), cluster.has("b")]).toEqual(["", "192.0.2.1"]);
    cluster.apply(a("Cluster"));
    expect(cluster.has("a")).toBe("192.0.2.1");
  });

  test("a sole owner's new key lets a waiting Service in", () => {
    const cluster = new Cluster([ONE]);
    cluster.apply(service("a", { annotations: { [SHARE]: "k" } }));
    cluster.apply(service("b", { annotations: { [SHARE]: "l" }, spec: { ports: HTTPS } }));
    expect(cluster.has("b")).toBe("");
    cluster.apply(service("a", { annotations: { [SHARE]: "l" } }));
    expect(cluster.has("b")).toBe("192.0.2.1");
  });

  test("a port given up lets a waiting Service in", () => {
    const cluster = new Cluster([ONE]);
    cluster.apply(service("a", { annotations: { [SHARE]: "k" }, spec: { ports: [...HTTPS, { port: 80 }] } }));
    cluster.apply(service("b", { annotations: { [SHARE]: "k" }, spec: { ports: HTTPS } }));
    expect(cluster.has("b")).toBe("");
    cluster.apply(service("a", { annotations: { [SHARE]: "k" } }));
    expect(cluster.has("b")).toBe("192.0.2.1");
  });

  test("a port taken on is refused where a co-owner has it", () => {
    const cluster = new Cluster([ONE]);
    cluster.apply(service("a", { annotations: { [SHARE]: "k" } }));
    cluster.apply(service("b", { annotations: { [SHARE]: "k" }, spec: { ports: HTTPS } }));
    expect(cluster.apply(service("b", { annotations: { [SHARE]: "k" } })).outcome).toBe("no-available-addresses");
  });
});

describe("11 Assignment: who waits is served", () => {
  test.each<readonly [string, (cluster: Cluster) => void]>([
    ["the owner is deleted", (cluster) => cluster.delete("owner")],
    [
      "the owner becomes a ClusterIP Service",
      (cluster) => cluster.apply(service("owner", { spec: { type: "ClusterIP" } })),
    ],
    [
      "the owner moves to another class",
      (cluster) => cluster.apply(service("owner", { spec: { loadBalancerClass: "other" } })),
    ],
    [
      "the owner asks for another address",
      (cluster) => cluster.apply(service("owner", { annotations: { [IPS]: "203.0.113.1" } })),
    ],
    ["the pool grows", (cluster) => cluster.setPools([pool("one", ["192.0.2.1/32", "192.0.2.2/32"])])],
  ])("%s", (_, happens) => {
    const cluster = new Cluster([ONE]);
    cluster.apply(service("owner"));
    cluster.apply(service("first-to-wait"));
    cluster.apply(service("a-later-one"));
    expect([cluster.has("first-to-wait"), cluster.has("a-later-one")]).toEqual(["", ""]);
    happens(cluster);
    expect([cluster.has("first-to-wait") !== "", cluster.has("a-later-one")]).toEqual([true, ""]);
    cluster.expectSettled();
  });

  test("a PreferDualStack Service waits for its second address", () => {
    const cluster = new Cluster([pool("p", ["192.0.2.0/30", "fc00::/128"])]);
    cluster.apply(service("owner", { spec: { clusterIPs: ["fd00::9"] } }));
    cluster.apply(service("web", { spec: PREFER }));
    expect(cluster.has("web")).toBe("192.0.2.0");
    cluster.delete("owner");
    expect(cluster.has("web")).toBe("192.0.2.0 fc00::");
  });

  test("deleting what holds nothing is nothing to look at", () => {
    const cluster = new Cluster([ONE]);
    cluster.apply(service("owner"));
    cluster.apply(service("web"));
    expect(cluster.allocator.remove(key("nobody"))).toEqual([]);
    expect(cluster.allocator.remove(key("web"))).toEqual([]);
    expect(cluster.allocator.waiting()).toEqual([]);
  });
});

describe("3.8 loadBalancerClass", () => {
  const OURS = "herald.example/lb";
  const ours = (more: Partial<ServiceSpec> = {}) => service("web", { spec: { loadBalancerClass: OURS, ...more } });

  test.each([
    ["no class configured, a class on the Service", undefined, OURS, "foreign-class"],
    ["a class configured, none on the Service", OURS, undefined, "foreign-class"],
    ["a class configured, another on the Service", OURS, "other", "foreign-class"],
    ["equal", OURS, OURS, "assigned"],
    ["neither", undefined, undefined, "assigned"],
  ])("%s", (_, configured, carried, want) => {
    const cluster = new Cluster([ONE], configured);
    const spec = carried === undefined ? {} : { loadBalancerClass: carried };
    expect(cluster.apply(service("web", { spec })).outcome).toBe(want);
  });

  test("a foreign Service's status is nobody's business", () => {
    const cluster = new Cluster([ONE], OURS);
    const result = cluster.apply(service("web", { has: ["192.0.2.1"] }));
    expect([result.outcome, result.changed, cluster.has("web")]).toEqual(["foreign-class", false, "192.0.2.1"]);
  });

  test("no leak: a Service that becomes ClusterIP, and so loses its class, is cleared", () => {
    const cluster = new Cluster([ONE], OURS);
    cluster.apply(ours());
    expect(cluster.apply(service("web", { spec: { type: "ClusterIP" } })).outcome).toBe("cleared-not-load-balancer");
    expect([cluster.has("web"), cluster.from("web")]).toEqual(["", undefined]);
    expect(cluster.allocator.counters().get(poolName("one"))?.[4].assigned).toBe(0n);
  });

  test("no leak after a restart either: the pool annotation tells", () => {
    const before = new Cluster([ONE], OURS);
    before.apply(ours());
    const after = new Cluster([ONE], OURS);
    const [left] = [...before.services.values()];
    if (left === undefined) throw new Error("no Service");
    const result = after.apply({ ...left, spec: { type: "ClusterIP", clusterIPs: ["10.96.0.1"] } });
    expect([result.outcome, after.has("web")]).toEqual(["cleared-not-load-balancer", ""]);
  });

  test("with a class configured, another controller's ClusterIP Service is left alone", () => {
    const cluster = new Cluster([ONE], OURS);
    expect(cluster.apply(service("web", { has: ["203.0.113.5"], spec: { type: "ClusterIP" } })).changed).toBe(false);
  });

  test("a Service that moves to another class leaves what the other put there", () => {
    const cluster = new Cluster([ONE], OURS);
    cluster.apply(ours());
    const result = cluster.apply(
      service("web", { has: ["192.0.2.1", "203.0.113.5"], spec: { loadBalancerClass: "other" } }),
    );
    expect([result.outcome, cluster.has("web"), cluster.from("web")]).toEqual([
      "cleared-foreign-class",
      "203.0.113.5",
      undefined,
    ]);
  });
});
