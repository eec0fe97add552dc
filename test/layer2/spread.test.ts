import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EvenSpread } from "../../src/layer2/spread.ts";

const NODES = ["a", "b", "c", "d", "e", "f"];
const ADDRESSES = Array.from({ length: 24 }, (_, i) => `10.0.0.${i}`);

type Wanted = ReadonlyMap<string, readonly string[]>;

/** Addresses with the nodes that may have them. */
const wanted: fc.Arbitrary<Wanted> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...ADDRESSES), fc.subarray(NODES)), { selector: ([address]) => address })
  .map((rows) => new Map(rows));

const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `192.0.2.${i}`);
const all = (addresses: readonly string[], nodes: readonly string[]): Map<string, readonly string[]> =>
  new Map(addresses.map((address) => [address, nodes]));

function spreadOf(what: Wanted): EvenSpread<string> {
  const spread = new EvenSpread<string>();
  replace(spread, what);
  return spread;
}

function replace(spread: EvenSpread<string>, what: Wanted): void {
  for (const _ of spread.replace(what));
}

function owners(spread: EvenSpread<string>, what: Wanted): ReadonlyMap<string, string | undefined> {
  return new Map([...what.keys()].sort().map((address) => [address, spread.ownerOf(address)]));
}

/** Takes so many steps, and answers whether there are no more. */
function take(steps: Generator<void, void>, count: number): boolean {
  for (let i = 0; i < count; i++) if (steps.next().done === true) return true;
  return false;
}

type Single = readonly [kind: "put" | "remove", address: string, nodes: readonly string[]];

function change(spread: EvenSpread<string>, now: Map<string, readonly string[]>, [kind, address, nodes]: Single): void {
  if (kind === "put") now.set(address, nodes);
  else now.delete(address);
  if (kind === "put") spread.put(address, nodes);
  else spread.remove(address);
}

function loadsOf(placed: Iterable<string | undefined>): ReadonlyMap<string, number> {
  const loads = new Map<string, number>();
  for (const node of placed) if (node !== undefined) loads.set(node, (loads.get(node) ?? 0) + 1);
  return loads;
}

function movesBetween(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): number {
  return [...a].filter(([address, node]) => b.has(address) && b.get(address) !== node).length;
}

describe("what is promised of the loads", () => {
  test("each address has an owner among its nodes, and that has at most one more than any other of them", () => {
    fc.assert(
      fc.property(wanted, (what) => {
        const placed = owners(spreadOf(what), what);
        const loads = loadsOf(placed.values());
        const load = (node: string): number => loads.get(node) ?? 0;
        for (const [address, nodes] of what) {
          const owner = placed.get(address) ?? "nobody";
          expect(nodes.length === 0 ? ["nobody"] : nodes).toContain(owner);
          for (const other of nodes) expect(load(owner)).toBeLessThanOrEqual(load(other) + 1);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("no chain of moves makes it more even: the sum of squares is the least there is", () => {
    const few = fc.array(fc.subarray(["a", "b", "c"], { minLength: 1 }), { maxLength: 7 });
    fc.assert(
      fc.property(few, (rows) => {
        const what = new Map(rows.map((nodes, i) => [`10.0.0.${i}`, nodes]));
        const squares = (placed: Iterable<string | undefined>): number =>
          [...loadsOf(placed).values()].reduce((sum, load) => sum + load * load, 0);
        const every = rows.reduce<readonly (readonly string[])[]>(
          (ways, nodes) => ways.flatMap((way) => nodes.map((node) => [...way, node])),
          [[]],
        );
        expect(squares(owners(spreadOf(what), what).values())).toBe(Math.min(...every.map(squares)));
      }),
    );
  });

  test.each([1, 2, 3, 10, 17])("where all nodes may have all, loads differ by one at most (%i nodes)", (count) => {
    const nodes = Array.from({ length: count }, (_, i) => `node-${i}`);
    for (const addresses of [1, 9, 20, 50]) {
      const what = all(numbered(addresses), nodes);
      const loads = loadsOf(owners(spreadOf(what), what).values());
      const counted = nodes.map((node) => loads.get(node) ?? 0);
      expect(Math.max(...counted) - Math.min(...counted)).toBeLessThanOrEqual(1);
    }
  });
});

describe("one function of what is to be spread", () => {
  test("whatever the order of addresses and nodes", () => {
    fc.assert(
      fc.property(wanted, (what) => {
        const turned = new Map([...what].reverse().map(([address, nodes]) => [address, nodes.toReversed()]));
        expect(owners(spreadOf(turned), what)).toEqual(owners(spreadOf(what), what));
      }),
    );
  });

  test("whatever happened before, by single changes and all at once; changes tell exactly what moved", () => {
    const change = fc.oneof(
      fc.tuple(fc.constant("put" as const), fc.constantFrom(...ADDRESSES), fc.subarray(NODES)),
      fc.tuple(fc.constant("remove" as const), fc.constantFrom(...ADDRESSES), fc.constant([])),
    );
    fc.assert(
      fc.property(wanted, fc.array(change, { maxLength: 30 }), wanted, (first, changes, last) => {
        const spread = spreadOf(first);
        const now = new Map(first);
        for (const [kind, address, nodes] of changes) {
          const before = owners(spread, now);
          const moved = kind === "put" ? spread.put(address, nodes) : spread.remove(address);
          if (kind === "put") now.set(address, nodes);
          else now.delete(address);
          const after = owners(spread, now);
          expect(after).toEqual(owners(spreadOf(now), now));
          const changed = [...after].filter(([one, node]) => before.get(one) !== node).map(([one]) => one);
          expect([...moved].filter((one) => now.has(one)).sort()).toEqual(changed);
        }
        replace(spread, last);
        expect(owners(spread, last)).toEqual(owners(spreadOf(last), last));
      }),
      { numRuns: 300 },
    );
  });

  test("bit by bit, with single changes in between, also after one that was left halfway", () => {
    const kind = fc.constantFrom("put" as const, "remove" as const);
    const single = fc.tuple(fc.nat(5), kind, fc.constantFrom(...ADDRESSES), fc.subarray(NODES));
    const views = fc.array(fc.subarray(NODES, { minLength: 1 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(wanted, views, fc.array(single, { maxLength: 8 }), fc.nat(60), (first, nodes, changes, patience) => {
        const spread = spreadOf(first);
        for (const view of nodes) {
          // Nodes come and go for all addresses; some of these have others of their own.
          const now = new Map([...first].map(([address, own], i) => [address, i % 3 === 0 ? own : view]));
          const steps = spread.replace(now);
          for (const [count, ...one] of changes) {
            take(steps, count);
            change(spread, now, one);
          }
          if (take(steps, patience)) expect(owners(spread, now)).toEqual(owners(spreadOf(now), now));
        }
        replace(spread, first);
        expect(owners(spread, first)).toEqual(owners(spreadOf(first), first));
      }),
      { numRuns: 2_000 },
    );
  });

  test("an address that wants its old nodes again while these leave has them", () => {
    const spread = spreadOf(new Map([["10.0.0.0", ["e"]]]));
    const now = new Map<string, readonly string[]>([["10.0.0.0", []]]);
    const steps = spread.replace(now);
    take(steps, 1);
    change(spread, now, ["put", "10.0.0.0", ["e"]]);
    expect(take(steps, 10)).toBe(true);
    expect(spread.ownerOf("10.0.0.0")).toBe("e");
  });

  test("nodes that come and go, of many addresses, end where a new speaker begins", () => {
    const addresses = numbered(60);
    const walk = fc.array(fc.subarray(NODES, { minLength: 1 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(walk, (views) => {
        const spread = new EvenSpread<string>();
        for (const nodes of views) {
          const what = all(addresses, nodes);
          replace(spread, what);
          expect(owners(spread, what)).toEqual(owners(spreadOf(what), what));
        }
      }),
      { numRuns: 60 },
    );
  });

  test("more nodes than there were columns", () => {
    const spread = new EvenSpread<string>();
    const what = new Map<string, readonly string[]>();
    for (let i = 0; i < 40; i++) {
      const nodes = Array.from({ length: i + 1 }, (_, n) => `node-${n}`);
      what.set(`10.0.0.${i}`, nodes);
      spread.put(`10.0.0.${i}`, nodes);
    }
    expect(owners(spread, what)).toEqual(owners(spreadOf(what), what));
  });
});

describe("movement", () => {
  const addresses = numbered(100);
  const nodes = Array.from({ length: 10 }, (_, i) => `node-${i}`);

  test("an address that comes or goes moves at most one off each node, and few on average", () => {
    const what = all(addresses, nodes);
    const spread = spreadOf(what);
    let moved = 0;
    for (let i = 0; i < 100; i++) {
      const before = owners(spread, what);
      spread.put(`198.51.100.${i}`, nodes);
      const others = [...before].filter(([address, node]) => spread.ownerOf(address) !== node);
      for (const count of loadsOf(others.map(([, node]) => node)).values()) expect(count).toBe(1);
      moved += others.length;
    }
    expect(moved / 100).toBeLessThan(3);
  });

  test("a node that leaves moves what it had and little more; one that comes takes its share and little more", () => {
    const before = spreadOf(all(addresses, nodes));
    const what = all(addresses, nodes);
    const was = owners(before, what);
    replace(before, all(addresses, nodes.slice(1)));
    const left = owners(before, what);
    expect(movesBetween(was, left)).toBeLessThanOrEqual(20);
    replace(before, what);
    expect(movesBetween(left, owners(before, what))).toBeLessThanOrEqual(20);
  });
});
