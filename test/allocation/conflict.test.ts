import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Allocator } from "../../src/allocation/allocator.ts";
import { type Convergence, withState } from "../../src/allocation/convergence.ts";
import { conditionsWithConflicts } from "../../src/api/address-conflict.ts";
import type { Pool } from "../../src/api/config.ts";
import type { Service } from "../../src/api/core.ts";
import { type Micros, micros, seconds } from "../../src/net/micros.ts";
import { IPS, key, PREFER, pool, poolMap, SHARE, said, service, texts } from "./fixtures.ts";

const MAC = "02:00:5e:10:00:99";
const T0 = seconds(1000);
const later = (minutes: number): Micros => micros(T0 + seconds(60 * minutes));

/** The Service as it stands once the answer is written, and a speaker has met strangers on these addresses. */
function met(what: Service, result: Convergence | undefined, ...addresses: readonly string[]): Service {
  const written = result === undefined ? what : withState(what, result.desired);
  const conflicts = addresses.map((address) => ({ address, mac: MAC, interface: "eth0", node: "a" }));
  const conditions = conditionsWithConflicts(written, conflicts, "2026-01-01T00:00:00Z");
  return { ...written, status: { ...written.status, conditions } };
}

function allocatorOf(...pools: readonly Pool[]): Allocator {
  const allocator = new Allocator();
  allocator.setConfig(poolMap(...pools), new Map());
  return allocator;
}

const SMALL = pool("main", ["10.0.0.0/30"]);
const web = service("web", { has: ["10.0.0.0"] });
const wordy = `10.0.0.0 is in use by ${MAC} on interface eth0 of Node a`;

describe("a stranger on a Service's address", () => {
  test("the Service gets another one, hears who it was, and loses the condition", () => {
    const result = allocatorOf(SMALL).converge(met(web, undefined, "10.0.0.0"), T0);
    expect(texts(result.ips)).toBe("10.0.0.1");
    expect(result).toMatchObject({ outcome: "assigned", changed: true, conflicts: [] });
    expect(said(result)).toEqual([
      `Warning AddressConflict: ${wordy}: another one is given`,
      'Normal IPAllocated: Assigned IP ["10.0.0.1"]',
    ]);
  });

  test("a Service that asked for the address keeps it, and its condition", () => {
    const asked = service("web", { has: ["10.0.0.0"], annotations: { [IPS]: "10.0.0.0" } });
    const allocator = allocatorOf(SMALL);
    const result = allocator.converge(met(asked, undefined, "10.0.0.0"), T0);
    expect(texts(result.ips)).toBe("10.0.0.0");
    expect(result.conflicts).toHaveLength(1);
    expect(said(result)).toEqual([`Warning AddressConflict: ${wordy}: it was asked for, and stays`]);
    expect(said(allocator.converge(met(asked, undefined, "10.0.0.0"), T0))).toEqual([]);
  });

  test("nobody is given the address for ten minutes, then for twenty, unless he asks for it", () => {
    const allocator = allocatorOf(SMALL);
    allocator.converge(met(web, undefined, "10.0.0.0"), T0);
    const newcomer = (name: string, at: Micros): string => texts(allocator.converge(service(name), at).ips);
    expect(newcomer("b", later(9))).toBe("10.0.0.2");
    expect(newcomer("c", later(10))).toBe("10.0.0.0");
    const c = allocator.converge(met(service("c", { has: ["10.0.0.0"] }), undefined, "10.0.0.0"), later(11));
    expect(texts(c.ips)).toBe("10.0.0.3");
    expect(newcomer("d", later(30))).toBe("");
    expect(texts(allocator.converge(service("e", { annotations: { [IPS]: "10.0.0.0" } }), later(30)).ips)).toBe(
      "10.0.0.0",
    );
    allocator.remove(key("e"));
    expect(newcomer("d", later(31))).toBe("10.0.0.0");
  });

  test("nobody joins those who share the address and asked for it: of two that share, the other one leaves alone", () => {
    const allocator = allocatorOf(SMALL);
    const shares = { [SHARE]: "k" };
    const on = (port: number): Service["spec"] => ({ ports: [{ protocol: "TCP", port }] });
    const asked = service("asked", { has: ["10.0.0.0"], annotations: { ...shares, [IPS]: "10.0.0.0" } });
    allocator.converge(met(asked, undefined, "10.0.0.0"), T0);
    const other = service("other", { has: ["10.0.0.0"], annotations: shares, spec: on(443) });
    expect(texts(allocator.converge(met(other, undefined, "10.0.0.0"), T0).ips)).toBe("10.0.0.1");
    expect(texts(allocator.converge(service("third", { annotations: shares, spec: on(22) }), T0).ips)).toBe("10.0.0.2");
  });

  test("without another address it keeps the one it has, says so once, and is looked at again when there is one", () => {
    const allocator = allocatorOf(pool("main", ["10.0.0.0/31"]));
    allocator.converge(service("other", { has: ["10.0.0.1"] }), T0);
    const troubled = met(web, undefined, "10.0.0.0");
    const result = allocator.converge(troubled, T0);
    expect(texts(result.ips)).toBe("10.0.0.0");
    expect(result).toMatchObject({ outcome: "kept-in-conflict", conflicts: [{ mac: MAC }] });
    expect(said(result)).toEqual([
      `Warning AddressConflict: ${wordy}: it stays, because there is no other: no available IPs`,
    ]);
    expect(said(allocator.converge(troubled, T0))).toEqual([]);
    expect(allocator.remove(key("other"))).toEqual([key("web")]);
    expect(texts(allocator.converge(troubled, later(1)).ips)).toBe("10.0.0.1");
  });

  test("a router that answers for everything chases nobody through the pool", () => {
    const allocator = allocatorOf(pool("main", ["10.0.0.0/24"]));
    let [what, result] = [service("web"), allocator.converge(service("web"), T0)];
    const had: string[] = [texts(result.ips)];
    for (let second = 1; second < 600; second++) {
      what = met(what, result, texts(result.ips));
      result = allocator.converge(what, micros(T0 + seconds(second)));
      if (had.at(-1) !== texts(result.ips)) had.push(texts(result.ips));
    }
    expect(had).toEqual(["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    expect(result.outcome).toBe("kept-in-conflict");
    expect(result.message).toContain("is there a router that answers for everything?");
  });

  test("a move that could not be written is the same move the next time", () => {
    const allocator = allocatorOf(SMALL);
    const troubled = met(web, undefined, "10.0.0.0");
    for (let i = 0; i < 10; i++) expect(texts(allocator.converge(troubled, T0).ips)).toBe("10.0.0.1");
  });

  test("of two addresses in two families both change, because they are of one pool", () => {
    const dual = service("web", { has: ["10.0.0.0", "2001:db8::"], spec: PREFER });
    const allocator = allocatorOf(pool("main", ["10.0.0.0/30", "2001:db8::/126"]));
    expect(texts(allocator.converge(met(dual, undefined, "2001:db8::"), T0).ips)).toBe("10.0.0.0 2001:db8::1");
  });

  test("what the condition says of an address that the Service has no more is taken away", () => {
    const moved = met(service("web", { has: ["10.0.0.1"] }), undefined, "10.0.0.0");
    expect(allocatorOf(SMALL).converge(moved, T0)).toMatchObject({ outcome: "kept", conflicts: [], changed: true });
  });
});

test("whatever strangers do, no address has two owners and no Service is without while one is free", () => {
  const step = fc.record({
    name: fc.constantFrom("a", "b", "c", "d"),
    conflict: fc.boolean(),
    wait: fc.integer({ min: 0, max: 3600 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const allocator = allocatorOf(SMALL);
      const services = new Map<string, Service>();
      let at = T0;
      for (const { name, conflict, wait } of steps) {
        at = micros(at + seconds(wait));
        const before = services.get(name) ?? service(name);
        const address = before.status?.loadBalancer?.ingress?.[0]?.ip;
        const what = met(before, undefined, ...(conflict && address !== undefined ? [address] : []));
        const result = allocator.converge(what, at);
        services.set(name, withState(what, result.desired));
        // It had an address: strangers alone never leave it with none.
        if (address !== undefined) expect(result.ips).toHaveLength(1);
        const held = [...services.keys()].flatMap((one) => allocator.allocation(key(one))?.ips.map(String) ?? []);
        expect(new Set(held).size).toBe(held.length);
      }
    }),
  );
});
