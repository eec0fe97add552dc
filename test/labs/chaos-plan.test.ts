import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Fault, type FaultKind, mayOverlap, type PlannedFault } from "../../labs/runner/chaos/fault.ts";
import { type GroundRules, offersOf } from "../../labs/runner/chaos/ground.ts";
import { planFaults } from "../../labs/runner/chaos/plan.ts";
import { seeded, shuffled } from "../../labs/runner/chaos/seeded.ts";
import { parseClab } from "../../labs/runner/clab.ts";
import { LabConfigError } from "../../labs/runner/errors.ts";

const SETTLE = 6000;
const BOUNDS = { double: 12_000, stray: 8000, reach: SETTLE };

function topologyOf(name: string): ReturnType<typeof parseClab> {
  const file = join(import.meta.dirname, `../../labs/${name}/${name}.clab.yml`);
  return parseClab(readFileSync(file, "utf8"), file);
}

const FABRIC: GroundRules = {
  ports: ["eth1", "eth2", "eth3", "eth4"].map((port) => ({ node: "t1", port })),
  switches: ["t1"],
  daemons: [{ node: "t1", program: "bgpd" }],
  services: ["web"],
};
const LAN: GroundRules = {
  ports: ["n1", "n2", "n3"].map((port) => ({ node: "lan", port })),
  switches: [],
  daemons: [],
  lan: { name: "lan", sides: [["n1"], ["n2"]] },
  services: ["web", "even-1"],
};

const OFFERS = {
  fabric: offersOf(topologyOf("bgp-dual-tor"), FABRIC),
  lan: offersOf(topologyOf("l2-failover"), LAN),
};

function planOf(seed: number, duration = 600_000, where: keyof typeof OFFERS = "fabric"): readonly PlannedFault[] {
  return planFaults(OFFERS[where], { seed, duration, bounds: BOUNDS });
}

test("seeded gives the same numbers for a seed on every machine, all of them in [0, 1)", () => {
  const random = seeded(4711);
  const numbers = Array.from({ length: 4 }, () => Math.floor(random() * 1e6));
  expect(numbers).toEqual([363_019, 725_263, 62_357, 553_578]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (seed) => {
      const next = seeded(seed);
      for (let i = 0; i < 20; i += 1) {
        const number = next();
        if (number < 0 || number >= 1) throw new RangeError(`${number}`);
      }
    }),
  );
});

test("shuffled keeps every value", () => {
  expect(shuffled(seeded(1), [1, 2, 3, 4, 5]).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
});

describe("planFaults", () => {
  test("the same seed gives the same faults, another one gives others", () => {
    expect(planOf(7)).toEqual(planOf(7));
    expect(planOf(8)).not.toEqual(planOf(7));
  });

  test("a longer chaos begins with the faults of a shorter one", () => {
    const short = planOf(7, 120_000);
    expect(short.length).toBeGreaterThan(2);
    expect(planOf(7).slice(0, short.length)).toEqual(short);
  });

  test("what tries a bound lasts longer than it, or is over before anything could be seen", () => {
    const plan = [...planOf(7), ...planOf(8, 600_000, "lan")];
    const least = (kind: FaultKind): number =>
      Math.min(...plan.flatMap(({ fault, lasts }) => (fault.kind === kind ? [lasts] : [])));
    expect(least("endpoints-gone")).toBeGreaterThan(BOUNDS.stray);
    expect(least("gossip-blocked")).toBeGreaterThan(BOUNDS.double);
  });

  test("too short a time for a fault and what follows it: none", () => {
    expect(planOf(7, SETTLE)).toEqual([]);
  });

  test("ten minutes have every kind that the lab offers", () => {
    const kinds = new Set(planOf(7, 600_000, "lan").map(({ fault }) => fault.kind));
    const offered = Object.entries(OFFERS.lan).flatMap(([kind, faults]) => (faults.length > 0 ? [kind] : []));
    expect([...kinds].toSorted()).toEqual(offered.toSorted());
  });

  test.each(["fabric", "lan"] as const)("%s: all end in time, and at most two that may are there at once", (where) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (seed) => {
        const plan = planOf(seed, 600_000, where);
        for (const [i, one] of plan.entries()) {
          expect(one.number).toBe(i + 1);
          expect(one.at + one.lasts + SETTLE).toBeLessThanOrEqual(600_000);
          const others = plan.filter((other) => other !== one && overlap(one, other));
          expect(others.length).toBeLessThanOrEqual(1);
          for (const other of others) expect(mayOverlap(one.fault, other.fault)).toBe(true);
        }
      }),
    );
  });
});

function overlap(a: PlannedFault, b: PlannedFault): boolean {
  return a.at < b.at + b.lasts + SETTLE && b.at < a.at + a.lasts + SETTLE;
}

describe("offersOf", () => {
  test("the pods of a node with one link are stranded when that is down, those of one with two are not", () => {
    const both = { ...FABRIC, ports: [...FABRIC.ports, { node: "t2", port: "eth1" }] };
    const offers = offersOf(topologyOf("bgp-dual-tor"), both)["link-down"];
    const stranded = offers.map((fault) => (fault.kind === "link-down" ? [fault.far.node, fault.stranded.join()] : []));
    expect(stranded).toEqual([
      ["n1", ""],
      ["n2", "p2"],
      ["n3", "p3"],
      ["s1", ""],
      ["n1", ""],
    ]);
  });

  test("frames can be spoilt in both directions of a link", () => {
    const places = OFFERS.lan["one-way-drop"].map((fault) => (fault.kind === "one-way-drop" ? fault.port.node : ""));
    expect(places).toEqual(["lan", "n1", "lan", "n2", "lan", "n3"]);
  });

  test("a port that the topology has not is refused by its name", () => {
    const wrong = { ...FABRIC, ports: [{ node: "t1", port: "eth9" }] };
    expect(() => offersOf(topologyOf("bgp-dual-tor"), wrong)).toThrow(LabConfigError);
    expect(() => offersOf(topologyOf("bgp-dual-tor"), wrong)).toThrow(/t1:eth9/);
  });
});

describe("mayOverlap", () => {
  const port = { node: "t1", port: "eth1" };
  const far = { node: "n1", port: "eth1" };
  const killed = (node: string): Fault => ({
    kind: "node-killed",
    node,
    ports: [{ node: "t1", port: "eth1" }],
    pods: [],
  });
  const api = (kind: "process-killed" | "process-stopped"): Fault => ({ kind, node: "cp", program: "apiserver" });
  const rows: readonly (readonly [string, Fault, Fault, boolean])[] = [
    ["the same node dies twice", killed("n1"), killed("n1"), false],
    ["a node dies, and its link is spoilt", killed("n1"), { kind: "packet-loss", port, far }, false],
    [
      "a node dies, and its speaker too",
      killed("n1"),
      { kind: "process-killed", node: "n1", program: "speaker" },
      false,
    ],
    ["pods cannot be made unready without the API", killed("n1"), api("process-stopped"), false],
    [
      "a Service cannot lose its endpoints without it",
      { kind: "endpoints-gone", service: "web" },
      api("process-killed"),
      false,
    ],
    [
      "nor while a node does not hear of it",
      { kind: "endpoints-gone", service: "web" },
      { kind: "api-cut", node: "n2" },
      false,
    ],
    [
      "a link is down, and lossy",
      { kind: "link-down", port, far, stranded: [] },
      { kind: "packet-loss", port, far },
      false,
    ],
    [
      "the LAN is cut twice",
      { kind: "lan-cut", lan: "lan", side: ["n1"] },
      { kind: "lan-cut", lan: "lan", side: ["n2"] },
      false,
    ],
    ["a node dies, and another pod", killed("n1"), { kind: "pod-killed", pod: "p2", node: "n2" }, true],
    ["a switch is dark, and the API away", { kind: "switch-dark", node: "t1", ports: [] }, api("process-killed"), true],
  ];
  test.each(rows)("%s", (_name, a, b, may) => {
    expect([mayOverlap(a, b), mayOverlap(b, a)]).toEqual([may, may]);
  });
});

test("every kind of fault is offered by one of the two labs", () => {
  const kinds = new Set(
    Object.values(OFFERS).flatMap((offers) =>
      Object.entries(offers).flatMap(([kind, all]) => (all.length > 0 ? [kind] : [])),
    ),
  );
  const known: readonly FaultKind[] = [
    "link-down",
    "one-way-drop",
    "packet-loss",
    "corruption",
    "node-killed",
    "switch-dark",
  ];
  for (const kind of known) expect(kinds).toContain(kind);
  expect(kinds.size).toBe(14);
});
