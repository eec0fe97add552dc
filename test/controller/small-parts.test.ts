import { describe, expect, test } from "vitest";
import { conditionsWithConflicts } from "../../src/api/address-conflict.ts";
import type { Service } from "../../src/api/core.ts";
import { type FamilyUsage, poolStatus, samePoolStatus } from "../../src/controller/pool-status.ts";
import { ServiceCache } from "../../src/controller/service-cache.ts";
import { servicePatch } from "../../src/controller/service-patch.ts";

const usage = (capacity: bigint, assigned: bigint): FamilyUsage => ({ capacity, assigned });

describe("poolStatus()", () => {
  test.each<[string, FamilyUsage, FamilyUsage, readonly number[]]>([
    ["an unused pool", usage(4n, 0n), usage(0n, 0n), [0, 4, 0, 0]],
    ["both families", usage(4n, 1n), usage(16n, 16n), [1, 3, 16, 0]],
    ["a /64 counts as what JSON can say", usage(0n, 0n), usage(2n ** 64n, 1n), [0, 0, 1, Number.MAX_SAFE_INTEGER]],
    [
      "more assigned than there is leaves nothing, and less than nothing is not",
      usage(1n, 3n),
      usage(0n, 0n),
      [3, 0, 0, 0],
    ],
  ])("%s", (_name, v4, v6, [a4, f4, a6, f6]) => {
    const expected = { assignedIPv4: a4, availableIPv4: f4, assignedIPv6: a6, availableIPv6: f6 };
    expect(poolStatus({ 4: v4, 6: v6 })).toEqual(expected);
  });
});

describe("samePoolStatus()", () => {
  const wanted = poolStatus({ 4: usage(4n, 1n), 6: usage(0n, 0n) });

  test.each<[string, unknown, boolean]>([
    ["the same", { ...wanted }, true],
    ["the same with a field of somebody else", { ...wanted, more: 1 }, true],
    ["another number", { ...wanted, assignedIPv4: 2 }, false],
    ["a number as text", { ...wanted, assignedIPv4: "1" }, false],
    ["a missing field", { assignedIPv4: 1 }, false],
    ["null", null, false],
    ["text", "x", false],
    ["absent", undefined, false],
  ])("%s", (_name, actual, same) => {
    expect(samePoolStatus(actual, wanted)).toBe(same);
  });
});

const service = (resourceVersion: string | undefined, uid = "1"): Service => ({
  metadata: { name: "web", namespace: "apps", uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
  spec: {},
});

describe("ServiceCache", () => {
  test.each<[string, Service | undefined, Service, "seen" | "written"]>([
    ["our write is newer than what the watch says", service("9"), service("10"), "written"],
    ["versions are numbers, not texts", service("99"), service("100"), "written"],
    ["the watch has caught up", service("10"), service("10"), "seen"],
    ["the watch knows more", service("11"), service("10"), "seen"],
    ["the object was deleted and made anew", service("9", "2"), service("10"), "seen"],
    ["the object was deleted", undefined, service("10"), "seen"],
    ["a version that is missing is older than any", service(undefined), service("10"), "written"],
  ])("%s", (_name, seen, written, winner) => {
    const cache = new ServiceCache({ get: () => seen });
    cache.wrote(written);
    expect(cache.get("apps/web")).toBe(winner === "seen" ? seen : written);
    expect(cache.get("apps/web")).toBe(winner === "seen" ? seen : written);
  });

  test.each<[string, Service, boolean]>([
    ["just what we wrote", service("10"), true],
    ["what somebody wrote after us", service("11"), false],
    ["what was there before", service("9"), false],
    ["a version that is missing", service(undefined), false],
  ])("isEcho(): %s", (_name, seen, echo) => {
    const cache = new ServiceCache({ get: () => seen });
    cache.wrote(service("10"));
    expect(cache.isEcho(seen)).toBe(echo);
    // Said once: the same object again would be news.
    expect(cache.isEcho(seen)).toBe(false);
  });

  test("forgets our write once the watch has it", () => {
    let seen = service("9");
    const cache = new ServiceCache({ get: () => seen });
    cache.wrote(service("10"));
    seen = service("10");
    expect(cache.get("apps/web")).toBe(seen);
    seen = service("9");
    expect(cache.get("apps/web")).toBe(seen);
  });
});

describe("servicePatch()", () => {
  test("carries the version it was decided on, the addresses and the pool", () => {
    expect(
      servicePatch(service("7"), { desired: { ingress: [{ ip: "10.0.0.1" }], poolAnnotation: "a" }, conflicts: [] }),
    ).toEqual({
      metadata: { resourceVersion: "7", annotations: { "metallb.io/ip-allocated-from-pool": "a" } },
      status: { loadBalancer: { ingress: [{ ip: "10.0.0.1" }] } },
    });
  });

  test("removes what is to be gone, in the words of a merge patch", () => {
    expect(servicePatch(service("7"), { desired: { ingress: [], poolAnnotation: undefined }, conflicts: [] })).toEqual({
      metadata: { resourceVersion: "7", annotations: { "metallb.io/ip-allocated-from-pool": null } },
      status: { loadBalancer: { ingress: null } },
    });
  });
});

test("servicePatch() takes away what the condition says of addresses that are gone, and leaves everybody else's", () => {
  const found = { mac: "02:00:5e:10:00:99", interface: "eth0", node: "a" };
  const conflicts = [
    { ...found, address: "10.0.0.1" },
    { ...found, address: "10.0.0.2" },
  ];
  const other = { type: "example.com/Ready", status: "True" };
  const bare = { ...service("7"), status: { conditions: [other] } };
  const troubled = {
    ...bare,
    status: { conditions: conditionsWithConflicts(bare, conflicts, "2026-01-01T00:00:00Z") },
  };
  const desired = { ingress: [{ ip: "10.0.0.3" }], poolAnnotation: "a" };
  expect(servicePatch(troubled, { desired, conflicts: [] })).toMatchObject({ status: { conditions: [other] } });
  expect(servicePatch(troubled, { desired, conflicts: conflicts.slice(0, 1) })).toMatchObject({
    status: { conditions: [other, { status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }] },
  });
  expect(servicePatch(troubled, { desired, conflicts })).not.toHaveProperty("status.conditions");
  const alone = { ...bare, status: { conditions: conditionsWithConflicts(service("7"), conflicts, "t") } };
  expect(servicePatch(alone, { desired, conflicts: [] })).toHaveProperty("status.conditions", null);
});
