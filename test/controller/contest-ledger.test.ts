import { describe, expect, test } from "vitest";
import { serviceKey } from "../../src/api/brands.ts";
import type { Service } from "../../src/api/core.ts";
import { ContestLedger } from "../../src/controller/contest-ledger.ts";
import { micros, seconds } from "../../src/net/micros.ts";

const KEY = serviceKey("apps", "web");

function says(ip: string, pool = "a"): Service {
  return {
    metadata: { name: "web", namespace: "apps", annotations: { "metallb.io/ip-allocated-from-pool": pool } },
    spec: { type: "LoadBalancer" },
    status: { loadBalancer: { ingress: [{ ip }] } },
  };
}

/** We write ours, somebody writes theirs, as soon as we do: when do we write within so many seconds? */
function duel(lasting: number): readonly number[] {
  const ledger = new ContestLedger();
  const writes: number[] = [];
  for (let at = 0; at < lasting; ) {
    const verdict = ledger.judge(KEY, says("192.0.2.1"), seconds(at));
    if (verdict.wait === 0) {
      writes.push(at);
      ledger.wrote(KEY, says("198.51.100.1"));
    }
    // The other one needs a hundredth of a second.
    at += verdict.wait === 0 ? 0.01 : verdict.wait / seconds(1);
  }
  return writes;
}

describe("two that write one Service", () => {
  test("an hour of it is a handful of writes at once, and then one in five minutes", () => {
    const writes = duel(3600);
    expect(writes.slice(0, 4).every((at) => at < 1)).toBe(true);
    expect(writes.slice(4, 10).map(Math.round)).toEqual([5, 15, 35, 75, 155, 315]);
    expect(writes.length).toBeLessThan(25);
  });

  test("the first wait is said once, as what it is; the next ones are others", () => {
    const ledger = new ContestLedger();
    const begins: string[] = [];
    for (let i = 0; i < 8; i++) {
      ledger.wrote(KEY, says("198.51.100.1"));
      const at = seconds(i * 400);
      const verdict = ledger.judge(KEY, says("192.0.2.1"), at);
      begins.push(verdict.begins);
      if (verdict.wait > 0) expect(ledger.judge(KEY, says("192.0.2.1"), micros(at + verdict.wait)).wait).toBe(0);
    }
    expect(begins).toEqual(["no", "no", "no", "first", "again", "again", "again", "again"]);
  });
});

describe("nobody is suspected", () => {
  test.each<[string, Service]>([
    ["who finds what we wrote, whatever we want now", says("198.51.100.1")],
    [
      "who adds ipMode and ports to it",
      {
        ...says("198.51.100.1"),
        status: { loadBalancer: { ingress: [{ ip: "198.51.100.1", ipMode: "VIP", ports: [{ port: 80 }] }] } },
      },
    ],
  ])("%s", (_name, found) => {
    const ledger = new ContestLedger();
    for (let i = 0; i < 10; i++) {
      ledger.wrote(KEY, says("198.51.100.1"));
      expect(ledger.judge(KEY, found, seconds(i))).toEqual({ wait: 0, begins: "no" });
    }
  });

  test("a status that is edited three times is put right at once each time, and again after half an hour", () => {
    const ledger = new ContestLedger();
    const waits = [1, 2, 3, 2000, 2001, 2002].map((at) => {
      ledger.wrote(KEY, says("198.51.100.1"));
      return ledger.judge(KEY, says("192.0.2.1"), seconds(at)).wait;
    });
    expect(waits).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("a Service that was deleted and made anew", () => {
    const ledger = new ContestLedger();
    ledger.wrote(KEY, says("198.51.100.1"));
    for (let i = 0; i < 4; i++) ledger.judge(KEY, says("192.0.2.1"), seconds(i));
    ledger.forget(KEY);
    expect(ledger.judge(KEY, says("192.0.2.1"), seconds(4)).wait).toBe(0);
  });
});

test("a rival that renames the pool of the same address is a rival", () => {
  const ledger = new ContestLedger();
  ledger.wrote(KEY, says("198.51.100.1"));
  for (let i = 0; i < 3; i++) ledger.judge(KEY, says("198.51.100.1", "b"), seconds(i));
  expect(ledger.judge(KEY, says("198.51.100.1", "b"), seconds(3)).begins).toBe("first");
});
