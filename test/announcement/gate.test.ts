import { describe, expect, test } from "vitest";
import type { Service } from "../../src/api/core.ts";
import { bgpAd, config, decide, l2Ad, main, peer, pool, refusalsIn, service } from "./cluster.ts";

const everything = config(
  main,
  pool("other", "10.0.1.0/24"),
  peer("tor"),
  bgpAd("bgp", { pools: ["main", "other"] }),
  l2Ad("lan", { pools: ["main", "other"] }),
);

describe("4.1 the common gate refuses both protocols alike", () => {
  test.each<[string, Service, string[]]>([
    ["no status at all", { metadata: { name: "s" }, spec: { type: "LoadBalancer" } }, ["undefined no-address"]],
    ["an empty ingress list", service("s", { ips: [] }), ["undefined no-address"]],
    ["a host name alone", service("s", { ingress: [{ hostname: "lb.example" }] }), ["lb.example invalid-address"]],
    [
      "a host name beside an address spoils both",
      service("s", { ingress: [{ ip: "10.0.0.1" }, { hostname: "lb.example" }] }),
      ["10.0.0.1 invalid-address", "lb.example invalid-address"],
    ],
    ["an empty entry", service("s", { ingress: [{}] }), ["undefined invalid-address"]],
    ["an empty ip", service("s", { ips: [""] }), [" invalid-address"]],
    ["an octal address", service("s", { ips: ["10.0.0.010"] }), ["10.0.0.010 invalid-address"]],
    ["a zone", service("s", { ips: ["fe80::1%eth0"] }), ["fe80::1%eth0 invalid-address"]],
    ["an address of no pool", service("s", { ips: ["10.9.9.9"] }), ["10.9.9.9 address-not-in-pool"]],
    ["below every pool", service("s", { ips: ["1.1.1.1"] }), ["1.1.1.1 address-not-in-pool"]],
    ["IPv6 of no pool", service("s", { ips: ["2001:db8:9::1"] }), ["2001:db8:9::1 address-not-in-pool"]],
    [
      "addresses of two pools",
      service("s", { ips: ["10.0.0.1", "10.0.1.1"] }),
      ["10.0.0.1 address-not-in-pool", "10.0.1.1 address-not-in-pool"],
    ],
    [
      "one in a pool, one in none",
      service("s", { ips: ["10.0.0.1", "10.9.9.9"] }),
      ["10.0.0.1 address-not-in-pool", "10.9.9.9 address-not-in-pool"],
    ],
  ])("%s", (_, what, want) => {
    const decision = decide({ config: everything }, what);
    expect(decision.bgp).toEqual([]);
    expect(decision.layer2).toEqual([]);
    expect(refusalsIn(decision, "bgp")).toEqual(want);
    expect(refusalsIn(decision, "layer2")).toEqual(want);
  });

  test.each<[string, Service]>([
    ["an address that avoidBuggyIPs would not hand out", service("s", { ips: ["10.0.0.0"] })],
    ["an IPv4-mapped spelling", service("s", { ips: ["::ffff:10.0.0.1"] })],
    ["the same address twice", service("s", { ips: ["10.0.0.1", "10.0.0.1"] })],
  ])("passes %s", (_, what) => {
    const buggy = {
      ...everything,
      pools: new Map([...everything.pools].map(([k, p]) => [k, { ...p, avoidBuggyIps: true }])),
    };
    const decision = decide({ config: buggy }, what);
    expect(decision.bgp).toHaveLength(1);
    expect(decision.refusals.filter((r) => r.protocol === "bgp")).toEqual([]);
  });
});

describe("3.8 and 4.1 what is not ours is nobody's refusal", () => {
  test.each<[string, Service, string | undefined, boolean]>([
    ["no class, none wanted", service("s"), undefined, true],
    ["a class, none wanted", service("s", { spec: { loadBalancerClass: "x" } }), undefined, false],
    ["no class, one wanted", service("s"), "x", false],
    ["the class that is wanted", service("s", { spec: { loadBalancerClass: "x" } }), "x", true],
    ["another class", service("s", { spec: { loadBalancerClass: "y" } }), "x", false],
    ["a ClusterIP with a stale status", service("s", { spec: { type: "ClusterIP" } }), undefined, false],
  ])("%s", (_, what, loadBalancerClass, ours) => {
    const decision = decide({ config: everything, loadBalancerClass }, what);
    expect(decision.bgp.length > 0).toBe(ours);
    if (!ours) expect(decision).toMatchObject({ bgp: [], layer2: [], refusals: [] });
  });
});

test("4.1 an address between two pools, and at the ends of each, in whatever order they are listed", () => {
  const pools = [pool("c", "10.0.2.0/24"), pool("a", "10.0.0.0/24"), pool("b", "10.0.1.16-10.0.1.31")];
  const cluster = config(...pools, peer("tor"), bgpAd("x", { pools: ["a", "b", "c"] }));
  const held = (text: string): boolean => decide({ config: cluster }, service("s", { ips: [text] })).bgp.length > 0;
  expect(["10.0.0.0", "10.0.0.255", "10.0.1.16", "10.0.1.31", "10.0.2.0", "10.0.2.255"].map(held)).toEqual(
    Array(6).fill(true),
  );
  expect(["9.255.255.255", "10.0.1.0", "10.0.1.15", "10.0.1.32", "10.0.3.0"].map(held)).toEqual(Array(5).fill(false));
});
