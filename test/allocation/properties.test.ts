import fc from "fast-check";
import { expect, test } from "vitest";
import type { Allocator } from "../../src/allocation/allocator.ts";
import { withState } from "../../src/allocation/convergence.ts";
import { planAllocation } from "../../src/allocation/plan.ts";
import { poolName } from "../../src/api/brands.ts";
import type { Pool, ServiceKey } from "../../src/api/config.ts";
import type { Service } from "../../src/api/core.ts";
import { keyOfService } from "../../src/api/service-addresses.ts";
import { FAMILIES } from "../../src/net/ip-address.ts";
import {
  Cluster,
  DUAL,
  FROM,
  IPS,
  ip,
  POOL,
  PREFER,
  PREFER_V6,
  pool,
  poolMap,
  REQUIRE,
  SHARE,
  service,
  V6,
} from "./fixtures.ts";

/** Small pools, so that Services meet; two families, pins and an address that is in no pool. */
const POOLS: readonly Pool[] = [
  pool("a", ["192.0.2.0/31"]),
  pool("b", ["192.0.2.254-192.0.3.1", "fc00::/127"], { avoidBuggyIps: true }),
  pool("c", ["fc00:c::/127"], { pinned: { namespaces: ["ns1"] } }),
  pool("d", ["198.51.100.0/31", "fc00:d::/127"], { pinned: { priority: 3 } }),
  pool("e", ["203.0.113.0/31"], { autoAssign: false }),
];
const ADDRESSES = [
  "192.0.2.0",
  "192.0.2.1",
  "192.0.2.254",
  "192.0.2.255",
  "203.0.113.1",
  "198.51.100.1",
  "fc00::1",
  "fc00:d::",
  "8.8.8.8",
  "?",
];

const anyPools = fc.subarray([...POOLS]);
const anySpec = fc.record({
  type: fc.constantFrom("LoadBalancer", "LoadBalancer", "LoadBalancer", "ClusterIP"),
  externalTrafficPolicy: fc.constantFrom("Cluster" as const, "Local" as const),
  selector: fc.constantFrom({ app: "x" }, { app: "y" }),
  ports: fc.constantFrom([{ port: 80 }], [{ port: 443 }], [{ port: 80 }, { port: 443 }]),
  ipFamilyPolicy: fc.constantFrom("SingleStack" as const, "PreferDualStack" as const),
});
const anyFamily = fc.constantFrom({}, {}, V6, DUAL, PREFER, PREFER_V6, REQUIRE, { clusterIPs: ["None"] });
const orNot = (key: string, values: readonly string[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.constantFrom(...values.map((value) => ({ [key]: value }))) },
  );
const anyAnnotations = fc
  .tuple(
    orNot(POOL, ["a", "b", "e", "nope"]),
    orNot(IPS, [...ADDRESSES, "192.0.2.254,fc00::1"]),
    orNot(SHARE, ["k", "l"]),
    orNot(FROM, ["a", "x"]),
  )
  .map((parts) => Object.assign({}, ...parts));
const anyService: fc.Arbitrary<Service> = fc
  .record({
    name: fc.constantFrom("s1", "s2", "s3", "s4", "s5", "s6"),
    namespace: fc.constantFrom("default", "ns1"),
    annotations: anyAnnotations,
    has: fc.array(fc.constantFrom(...ADDRESSES), { maxLength: 2 }),
    spec: anySpec,
    family: anyFamily,
  })
  .map(({ name, spec, family, ...rest }) => service(name, { ...rest, spec: { ...spec, ...family } }));

/** Everything that must hold of who holds what, seen from the allocations alone. */
function expectSound(allocator: Allocator, pools: readonly Pool[], services: ReadonlyMap<ServiceKey, Service>): void {
  const recount = new Map<string, Set<string>>();
  for (const name of services.keys()) {
    const mine = allocator.allocation(name);
    if (mine === undefined) continue;
    expect(new Set(mine.ips.map((address) => address.family)).size).toBe(mine.ips.length);
    for (const address of mine.ips) {
      recount.set(mine.pool, (recount.get(mine.pool) ?? new Set()).add(`${address}`));
      const owner = pools.find((p) => p.blocks.some((b) => b.prefixes.some((prefix) => prefix.contains(address))));
      expect(owner?.name).toBe(mine.pool);
      for (const other of allocator.holders(address).filter((holder) => holder !== name)) {
        const theirs = allocator.allocation(other);
        expect([theirs?.sharingKey, theirs?.backendKey]).toEqual([mine.sharingKey, mine.backendKey]);
        expect(mine.sharingKey).not.toBe("");
        expect(mine.ports.some((port) => theirs?.ports.includes(port))).toBe(false);
      }
    }
  }
  for (const [name, counters] of allocator.counters()) {
    const assigned = FAMILIES.map((family) => counters[family].assigned).reduce((sum, n) => sum + n, 0n);
    expect(assigned).toBe(BigInt(recount.get(name)?.size ?? 0));
    for (const family of FAMILIES) expect(counters[family].available >= 0n).toBe(true);
  }
}

const anyStep = fc.oneof(
  { weight: 6, arbitrary: anyService.map((subject) => ({ type: "apply" as const, subject })) },
  { weight: 1, arbitrary: fc.constantFrom("s1", "s2", "s3").map((name) => ({ type: "delete" as const, name })) },
  { weight: 1, arbitrary: anyPools.map((pools) => ({ type: "pools" as const, pools })) },
);

test("whatever happens: never two owners unless they may share, one pool for a Service, counters equal a recount", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 25 }), (steps) => {
      const cluster = new Cluster(POOLS);
      let pools: readonly Pool[] = POOLS;
      for (const step of steps) {
        if (step.type === "apply") cluster.apply(step.subject);
        if (step.type === "delete") cluster.delete(step.name);
        if (step.type === "pools") {
          pools = step.pools;
          cluster.setPools(pools);
        }
        expectSound(cluster.allocator, pools, cluster.services);
      }
    }),
    { numRuns: 300 },
  );
});

test("the status says what the Service holds, unless it cannot be told what it wants", () => {
  fc.assert(
    fc.property(fc.array(anyService, { maxLength: 10 }), (services) => {
      const cluster = new Cluster(POOLS);
      for (const subject of services) {
        const result = cluster.apply(subject);
        if (result.outcome === "kept-family-unknown") continue;
        const shown = result.desired.ingress.map((entry) => entry.ip);
        if (result.outcome !== "not-load-balancer")
          expect(shown.map(String).sort()).toEqual(result.ips.map(String).sort());
        expect(result.desired.poolAnnotation === undefined).toBe(result.ips.length === 0);
      }
    }),
  );
});

test("looking twice changes nothing and says nothing", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 15 }), (steps) => {
      const cluster = new Cluster(POOLS);
      for (const step of steps) {
        if (step.type === "apply") cluster.apply(step.subject);
        if (step.type === "delete") cluster.delete(step.name);
        if (step.type === "pools") cluster.setPools(step.pools);
      }
      cluster.expectUnchanged();
      cluster.expectSettled();
    }),
  );
});

const planOf = (services: readonly Service[], pools: readonly Pool[]) =>
  planAllocation({ services, pools: poolMap(...pools), namespaces: new Map() });
const distinct = fc.uniqueArray(anyService, { selector: keyOfService, maxLength: 12 });
const show = (results: ReturnType<typeof planOf>) =>
  results.map(({ key, outcome, ips, desired, events }) => ({ key, outcome, ips: ips.map(String), desired, events }));

test("the plan is the same for every order of Services and pools", () => {
  fc.assert(
    fc.property(distinct, anyPools, fc.nat(), (services, pools, turn) => {
      const at = services.length === 0 ? 0 : turn % services.length;
      const turned = [...services.slice(at), ...services.slice(0, at)].reverse();
      expect(show(planOf(turned, pools.toReversed()))).toEqual(show(planOf(services, pools)));
    }),
  );
});

test("planning from a plan changes no address, and says nothing to those that have one", () => {
  fc.assert(
    fc.property(distinct, anyPools, (services, pools) => {
      const first = new Map(planOf(services, pools).map((result) => [result.key, result]));
      const applied = services.map((s) => {
        const desired = first.get(keyOfService(s))?.desired;
        return desired === undefined ? s : withState(s, desired);
      });
      for (const result of planOf(applied, pools)) {
        expect([result.key, result.changed]).toEqual([result.key, false]);
        expect(result.events.some(({ reason }) => reason === "IPAllocated" || reason === "ClearAssignment")).toBe(
          false,
        );
      }
    }),
  );
});

test("release then allocate is total: every address of a pool is given, none twice, in any order of releases", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(13), { maxLength: 40 }), (releases) => {
      const cluster = new Cluster([pool("p", ["192.0.2.0/29", "198.51.100.4-198.51.100.9"])]);
      const names = Array.from({ length: 14 }, (_, i) => `s${i}`);
      const fill = (): void => {
        for (const name of names) cluster.apply(service(name));
        expect(new Set(names.map((name) => cluster.has(name))).size).toBe(14);
        expect(names.every((name) => cluster.has(name) !== "")).toBe(true);
      };
      fill();
      for (const [i, n] of releases.entries()) {
        cluster.delete(`s${n}`);
        if (i % 3 === 2) fill();
      }
      fill();
      expect(cluster.allocator.counters().get(poolName("p"))?.[4]).toEqual({
        capacity: 14n,
        assigned: 14n,
        available: 0n,
      });
      expect(cluster.apply(service("one-more")).outcome).toBe("no-available-addresses");
      expect(cluster.allocator.holders(ip("192.0.2.0")).length).toBe(1);
    }),
    { numRuns: 40 },
  );
});
