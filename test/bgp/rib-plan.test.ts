import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MessageSpace, RowQueue, type RowState, SLICE, UpdatePlan } from "../../src/bgp/rib-plan.ts";
import { PrefixTable } from "../../src/bgp/rib-prefixes.ts";
import { WITHDRAWN } from "../../src/bgp/update-group.ts";
import { prefix } from "./values.ts";

const ALL = Number.POSITIVE_INFINITY;

describe("RowQueue", () => {
  it("gives the rows in the order they came, a slice at a time", () => {
    const queue = new RowQueue();
    for (let row = 0; row < SLICE + 10; row++) queue.push(row);
    expect(queue.take()).toEqual(Int32Array.from({ length: SLICE }, (_, i) => i));
    expect(queue.length).toBe(10);
    expect([...queue.take()]).toEqual(Array.from({ length: 10 }, (_, i) => SLICE + i));
    expect([queue.length, queue.take().length]).toEqual([0, 0]);
  });

  it("loses nothing when what was taken makes room for what comes", () => {
    const queue = new RowQueue();
    const taken: number[] = [];
    let pushed = 0;
    for (const count of [65_536, 60_000, 70_000, 5]) {
      for (let i = 0; i < count; i++) queue.push(pushed++);
      for (const row of queue.take()) taken.push(row);
    }
    while (queue.length > 0) for (const row of queue.take()) taken.push(row);
    expect(taken.length).toBe(pushed);
    expect(taken.every((row, i) => row === i)).toBe(true);
  });

  it("is a queue, whatever is pushed, taken and cleared", () => {
    const move = fc.record({ count: fc.nat({ max: 200 }), end: fc.constantFrom("take", "clear", "go on") });
    fc.assert(fc.property(fc.array(move), behavesAsList));
  });
});

function behavesAsList(moves: readonly { readonly count: number; readonly end: string }[]): void {
  const queue = new RowQueue();
  const model: number[] = [];
  for (const { count, end } of moves) {
    for (let row = 0; row < count; row++) {
      queue.push(row);
      model.push(row);
    }
    expect(queue.length).toBe(model.length);
    if (end === "take") expect([...queue.take()]).toEqual(model);
    if (end === "clear") queue.clear();
    if (end !== "go on") model.length = 0;
  }
}

describe("UpdatePlan", () => {
  const TEXTS = ["10.0.0.1/32", "2001:db8::/32", "10.0.0.2/32", "10.0.0.3/32", "2001:db8:1::/48"];
  const roomy: MessageSpace = { room: () => 4000, pathIdLength: () => 0 };

  /** A plan over all of TEXTS: what each is on the wire, and which of them have to be told. */
  function planFor(wires: number[], needed = wires.map(() => true)): UpdatePlan {
    const prefixes = new PrefixTable();
    const rows = Int32Array.from(TEXTS, (text) => prefixes.add(prefix(text)));
    const state: RowState = {
      wireOf: (row) => wires[row] ?? WITHDRAWN,
      needs: (row) => needed[row] === true,
      toll: () => 0,
    };
    return new UpdatePlan(rows, prefixes, state);
  }

  function batches(plan: UpdatePlan, space: MessageSpace): readonly string[] {
    const said: string[] = [];
    for (let one = plan.next(space); one !== undefined; one = plan.next(space)) {
      said.push(`${one.wire}: ${one.rows.join()} (${one.length})`);
    }
    return said;
  }

  it.each<[string, number[], boolean[] | undefined, readonly string[]]>([
    ["keeps the families apart", [1, 1, 1, 1, 1], undefined, ["1: 0,2,3 (15)", "1: 1,4 (12)"]],
    [
      "withdraws first",
      [2, WITHDRAWN, 1, WITHDRAWN, 2],
      undefined,
      [`${WITHDRAWN}: 3 (5)`, `${WITHDRAWN}: 1 (5)`, "2: 0 (5)", "1: 2 (5)", "2: 4 (7)"],
    ],
    ["leaves out what need not be told", [1, 1, 1, 1, 1], [true, false, false, true, false], ["1: 0,3 (10)"]],
    ["says nothing when nothing need be told", [1, 1, 1, 1, 1], [false, false, false, false, false], []],
  ])("%s", (_name, wires, needed, want) => {
    expect(batches(planFor(wires, needed), roomy)).toEqual(want);
  });

  it("fills a message to the last octet and no further, identifiers of paths counted (RFC 7911)", () => {
    const all = [1, 1, 1, 1, 1];
    expect(batches(planFor(all), { room: () => 10, pathIdLength: () => 0 })).toEqual([
      "1: 0,2 (10)",
      "1: 3 (5)",
      "1: 1 (5)",
      "1: 4 (7)",
    ]);
    expect(batches(planFor(all), { room: () => 18, pathIdLength: (family) => (family === 4 ? 4 : 0) })).toEqual([
      "1: 0,2 (18)",
      "1: 3 (9)",
      "1: 1,4 (12)",
    ]);
  });

  it("is sorted bit by bit: no more at a time than asked for, and a row that cost more counts for more", () => {
    let toll = 0;
    const prefixes = new PrefixTable();
    const rows = Int32Array.from({ length: 100 }, (_, i) => prefixes.add(prefix(`10.0.0.${i}/32`)));
    const cost = (): number => (toll === 0 ? 0 : toll--);
    const plan = new UpdatePlan(rows, prefixes, { wireOf: (row) => (row & 1) + 1, needs: () => true, toll: cost });
    const one = plan.prepare(1);
    expect([one, plan.ready]).toEqual([one, false]);
    toll = 1_000;
    expect(plan.prepare(1_001)).toBeGreaterThanOrEqual(1_000);
    expect(plan.ready).toBe(false);
    toll = 0;
    expect([plan.prepare(ALL), plan.ready]).toEqual([one * 98, true]);
    expect(batches(plan, roomy).map((line) => line.split(",").length)).toEqual([50, 50]);
  });

  it("leaves what changed after it was made to a later plan", () => {
    const wires = [1, 1, 1, 1, 1];
    const needed = wires.map(() => true);
    const plan = planFor(wires, needed);
    plan.prepare(ALL);
    wires[2] = 7;
    needed[1] = needed[4] = false;
    expect(batches(plan, roomy)).toEqual(["1: 0,3 (10)"]);
  });
});
