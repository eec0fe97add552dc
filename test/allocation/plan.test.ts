import { describe, expect, test } from "vitest";
import { Allocator } from "../../src/allocation/allocator.ts";
import { withState } from "../../src/allocation/convergence.ts";
import { convergeAll, planAllocation } from "../../src/allocation/plan.ts";
import type { Pool } from "../../src/api/config.ts";
import type { Service } from "../../src/api/core.ts";
import { keyOfService } from "../../src/api/service-addresses.ts";
import { FROM, IPS, ip, key, POOL, PREFER, pool, poolMap, SHARE, said, service, texts } from "./fixtures.ts";

function plan(pools: readonly Pool[], services: readonly Service[], loadBalancerClass?: string) {
  const input = { services, pools: poolMap(...pools), namespaces: new Map() };
  return planAllocation(loadBalancerClass === undefined ? input : { ...input, loadBalancerClass });
}

/** `name=addresses` for each Service, in the order they were taken. */
function taken(pools: readonly Pool[], services: readonly Service[]): readonly string[] {
  return plan(pools, services).map(({ key: name, ips }) => `${name.replace("default/", "")}=${texts(ips)}`);
}

const TWO = pool("two", ["192.0.2.0/31"]);
const FOUR = pool("four", ["192.0.2.0/30"]);

describe("3.7 the order after a restart", () => {
  test.each<readonly [string, readonly Pool[], readonly Service[], readonly string[]]>([
    [
      "those that own addresses go first, and keep them with more Services than addresses",
      [TWO],
      [service("a"), service("b", { has: ["192.0.2.1"] }), service("c"), service("d", { has: ["192.0.2.0"] })],
      ["b=192.0.2.1", "d=192.0.2.0", "a=", "c="],
    ],
    [
      "two addresses before one",
      [pool("p", ["192.0.2.0/30", "fc00::/126"])],
      [service("a", { has: ["192.0.2.1"] }), service("b", { has: ["192.0.2.2", "fc00::1"], spec: PREFER })],
      ["b=192.0.2.2 fc00::1", "a=192.0.2.1"],
    ],
    [
      "then the older, then by namespace and name; one without a date is the youngest",
      [FOUR],
      [
        service("b", { namespace: "a-b" }),
        service("z", { created: "2026-01-01T00:00:00Z" }),
        service("a", { created: "2026-01-02T00:00:00Z" }),
        service("b", { namespace: "a" }),
      ],
      ["z=192.0.2.0", "a=192.0.2.1", "a/b=192.0.2.2", "a-b/b=192.0.2.3"],
    ],
    [
      "two Services claim one address: the first processed keeps it",
      [FOUR],
      [service("b", { has: ["192.0.2.3"] }), service("a", { has: ["192.0.2.3"] })],
      ["a=192.0.2.3", "b=192.0.2.0"],
    ],
    [
      "two Services claim one address and may share it",
      [FOUR],
      [
        service("b", { has: ["192.0.2.3"], annotations: { [SHARE]: "k" } }),
        service("a", { has: ["192.0.2.3"], annotations: { [SHARE]: "k" }, spec: { ports: [{ port: 81 }] } }),
      ],
      ["a=192.0.2.3", "b=192.0.2.3"],
    ],
    [
      "a Service that must move does not take what a later one owns",
      [TWO],
      [service("a", { has: ["203.0.113.1"] }), service("b", { has: ["192.0.2.0"] })],
      ["a=192.0.2.1", "b=192.0.2.0"],
    ],
    [
      "what a later Service lets go goes to the one that waits",
      [TWO],
      [
        service("a", { has: ["203.0.113.1"] }),
        service("b", { has: ["192.0.2.0"], annotations: { [POOL]: "gone" } }),
        service("c", { has: ["192.0.2.1"] }),
      ],
      ["a=192.0.2.0", "b=", "c=192.0.2.1"],
    ],
    [
      "two Services swap addresses",
      [TWO],
      [
        service("a", { has: ["192.0.2.0"], annotations: { [IPS]: "192.0.2.1" } }),
        service("b", { has: ["192.0.2.1"], annotations: { [IPS]: "192.0.2.0" } }),
      ],
      ["a=192.0.2.1", "b=192.0.2.0"],
    ],
    [
      "a Service given twice counts as given last",
      [TWO],
      [service("a"), service("a", { spec: { type: "NodePort" } })],
      ["a="],
    ],
    ["nothing", [TWO], [], []],
  ])("%s", (_, pools, services, want) => {
    expect(taken(pools, services)).toEqual(want);
    expect(taken(pools, services.toReversed())).toEqual(
      services.length === new Set(services.map(keyOfService)).size ? want : ["a=192.0.2.0"],
    );
  });

  test("a failure that a later release makes good is no event, and the reason is the last word", () => {
    const [a] = plan(
      [TWO],
      [
        service("a", { has: ["203.0.113.1"] }),
        service("b", { has: ["192.0.2.0"], annotations: { [POOL]: "gone" } }),
        service("c", { has: ["192.0.2.1"] }),
      ],
    );
    expect(a && [a.outcome, a.changed, a.events.map(({ reason }) => reason)]).toEqual([
      "assigned",
      true,
      ["ClearAssignment", "IPAllocated"],
    ]);
  });

  test("a second look that moves nothing does not change the reason", () => {
    const p = pool("p", ["192.0.2.0/30", "fc00::/128"]);
    const results = plan(
      [p],
      [
        service("a", { has: ["fc00::"], spec: { clusterIPs: ["fd00::1"] } }),
        service("b", { has: ["192.0.2.1"], annotations: { [POOL]: "gone" } }),
        service("c", { spec: PREFER }),
      ],
    );
    expect(results.map(({ outcome }) => outcome)).toEqual(["kept", "pool-unknown", "assigned"]);
  });

  test("each Service has one result with its reason", () => {
    const results = plan(
      [TWO],
      [service("a"), service("b"), service("c"), service("d", { spec: { type: "ClusterIP" } })],
    );
    expect(results.map(({ key: name, outcome, pool: from }) => [name, outcome, from])).toEqual([
      [key("a"), "assigned", "two"],
      [key("b"), "assigned", "two"],
      [key("c"), "no-available-addresses", undefined],
      [key("d"), "not-load-balancer", undefined],
    ]);
  });

  test("3.8 only Services of the class", () => {
    const [a, b] = plan([TWO], [service("a"), service("b", { spec: { loadBalancerClass: "x" } })], "x");
    expect([a?.outcome, b?.outcome]).toEqual(["foreign-class", "assigned"]);
  });
});

test("11 addresses are kept over five restarts with more Services than addresses", () => {
  let services: readonly Service[] = Array.from({ length: 9 }, (_, i) => service(`s${i}`));
  const owners = (list: readonly Service[]) =>
    list.map((s) => `${s.metadata.name} ${s.status?.loadBalancer?.ingress?.[0]?.ip}`).sort();
  const restart = (list: readonly Service[]): readonly Service[] => {
    const results = new Map(plan([FOUR], list.toReversed()).map((result) => [result.key, result.desired]));
    return list.map((s) => withState(s, results.get(keyOfService(s)) ?? { ingress: [], poolAnnotation: undefined }));
  };
  services = restart(services);
  const first = owners(services);
  expect(first.filter((text) => text.includes("192.0.2.")).length).toBe(4);
  for (let i = 0; i < 5; i++) services = restart(services);
  expect(owners(services)).toEqual(first);
});

test("11 a restart says nothing to those that keep their addresses, and drops what is no longer theirs", () => {
  const [kept, cleared] = plan(
    [FOUR],
    [
      service("a", { has: ["192.0.2.1"], annotations: { [FROM]: "four" } }),
      service("b", { has: ["192.0.2.2"], annotations: { [FROM]: "four" }, spec: { type: "ClusterIP" } }),
    ],
  );
  expect(kept && [kept.outcome, kept.changed, said(kept)]).toEqual(["kept", false, []]);
  expect(cleared?.desired).toEqual({ ingress: [], poolAnnotation: undefined });
});

test("3.3(2) reclaiming without a configuration, or for a foreign class, takes nothing", () => {
  const allocator = new Allocator();
  expect(convergeAll(allocator, [service("a", { has: ["192.0.2.1"] })])[0]?.outcome).toBe("no-configuration");
  expect(allocator.setConfig(poolMap(FOUR), new Map())).toEqual([key("a")]);
  allocator.reclaim(service("f", { has: ["192.0.2.1"], spec: { loadBalancerClass: "x" } }));
  allocator.reclaim(service("n", { has: ["nonsense"] }));
  expect(allocator.holders(ip("192.0.2.1"))).toEqual([]);
});

test("a Service of another class is not remembered", () => {
  const allocator = new Allocator();
  convergeAll(allocator, [service("f", { spec: { loadBalancerClass: "x" } })]);
  expect(allocator.setConfig(poolMap(FOUR), new Map())).toEqual([]);
});
