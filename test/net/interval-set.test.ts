import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IntervalSet } from "../../src/net/interval-set.ts";
import { OrderedTree } from "../../src/net/ordered-tree.ts";

function setOf(...ranges: (readonly [number, number])[]): IntervalSet {
  const set = new IntervalSet();
  for (const [first, last] of ranges) set.addRange({ first: BigInt(first), last: BigInt(last) });
  return set;
}

function show(set: IntervalSet): string {
  return [...set.intervals()].map(({ first, last }) => `${first}-${last}`).join(" ");
}

describe("addRange()", () => {
  test.each([
    ["nothing before", [[3, 5]], "3-5"],
    [
      "touching on the right",
      [
        [3, 5],
        [6, 8],
      ],
      "3-8",
    ],
    [
      "touching on the left",
      [
        [6, 8],
        [3, 5],
      ],
      "3-8",
    ],
    [
      "a gap of one stays",
      [
        [3, 5],
        [7, 8],
      ],
      "3-5 7-8",
    ],
    [
      "the gap of one is filled",
      [
        [3, 5],
        [7, 8],
        [6, 6],
      ],
      "3-8",
    ],
    [
      "inside what is there",
      [
        [1, 9],
        [3, 5],
      ],
      "1-9",
    ],
    [
      "around what is there",
      [
        [3, 5],
        [1, 9],
      ],
      "1-9",
    ],
    [
      "over several",
      [
        [1, 2],
        [4, 5],
        [7, 8],
        [20, 21],
        [2, 7],
      ],
      "1-8 20-21",
    ],
    [
      "the same twice",
      [
        [3, 5],
        [3, 5],
      ],
      "3-5",
    ],
    ["zero", [[0, 0]], "0-0"],
  ] as const)("%s", (_, ranges, want) => {
    expect(show(setOf(...ranges))).toBe(want);
  });
});

describe("removeRange()", () => {
  test.each([
    ["from nothing", [], [3, 5], ""],
    ["the middle", [[1, 9]], [3, 5], "1-2 6-9"],
    ["the left end", [[1, 9]], [0, 5], "6-9"],
    ["the right end", [[1, 9]], [6, 12], "1-5"],
    ["all of it", [[1, 9]], [1, 9], ""],
    [
      "over several",
      [
        [1, 2],
        [4, 5],
        [7, 9],
      ],
      [2, 7],
      "1-1 8-9",
    ],
    [
      "a gap",
      [
        [1, 2],
        [7, 9],
      ],
      [3, 6],
      "1-2 7-9",
    ],
  ] as const)("%s", (_, ranges, [first, last], want) => {
    const set = setOf(...ranges);
    set.removeRange({ first: BigInt(first), last: BigInt(last) });
    expect(show(set)).toBe(want);
  });
});

test("a /8 and a /64 are one interval each", () => {
  const set = new IntervalSet();
  set.addRange({ first: 10n << 24n, last: (11n << 24n) - 1n });
  expect([set.count, set.intervalCount]).toEqual([1n << 24n, 1]);
  set.addRange({ first: 0xfc00n << 112n, last: (0xfc00n << 112n) + (1n << 64n) - 1n });
  expect([set.count, set.intervalCount]).toEqual([(1n << 24n) + (1n << 64n), 2]);
  expect(set.nextFree(10n << 24n)).toBe(11n << 24n);
  expect(set.has((0xfc00n << 112n) + 12345678901234567890n)).toBe(true);
});

function expectMerged(set: IntervalSet): void {
  let previous = -2n;
  for (const { first, last } of set.intervals()) {
    expect(first > previous + 1n && first <= last).toBe(true);
    previous = last;
  }
}

const operation = fc.tuple(fc.boolean(), fc.nat(60), fc.nat(8));

test("any changes leave the same values as in a plain Set", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const set = new IntervalSet();
      const model = new Set<number>();
      for (const [adds, first, extra] of operations) {
        const range = { first: BigInt(first), last: BigInt(first + extra) };
        if (adds) set.addRange(range);
        else set.removeRange(range);
        for (let n = first; n <= first + extra; n++) adds ? model.add(n) : model.delete(n);
      }
      expect(set.count).toBe(BigInt(model.size));
      for (let n = 0; n < 72; n++) {
        expect(set.has(BigInt(n))).toBe(model.has(n));
        let free = n;
        while (model.has(free)) free++;
        expect(set.nextFree(BigInt(n))).toBe(BigInt(free));
      }
      expectMerged(set);
    }),
  );
});

describe("OrderedTree", () => {
  /** The summary is the height, so that the tests see the balance. */
  const tall = () => new OrderedTree<string, number>((_, left = 0, right = 0) => Math.max(left, right) + 1);
  const heightOf = (tree: OrderedTree<string, number>): number => {
    let height = 0;
    tree.first(
      (summary) => {
        height = Math.max(height, summary);
        return true;
      },
      () => false,
    );
    return height;
  };

  test.each([
    ["ascending", (i: number) => i],
    ["descending", (i: number) => 4096 - i],
    ["from both ends", (i: number) => (i % 2 === 0 ? i : 9000 - i)],
    ["scattered", (i: number) => (i * 2654435761) % 4294967296],
  ])("stays shallow when filled %s and half emptied", (_, keyOf) => {
    const tree = tall();
    for (let i = 0; i < 4096; i++) tree.set(BigInt(keyOf(i)), String(i));
    expect(tree.size).toBe(4096);
    expect(heightOf(tree)).toBeLessThanOrEqual(24);
    for (let i = 0; i < 2048; i++) tree.delete(BigInt(keyOf(i)));
    expect(tree.size).toBe(2048);
    expect(heightOf(tree)).toBeLessThanOrEqual(22);
    expect(tree.get(BigInt(keyOf(4000)))).toBe("4000");
    expect(tree.get(BigInt(keyOf(3)))).toBeUndefined();
  });

  test("any changes leave what a Map has, in order", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(40)), { maxLength: 120 }), (operations) => {
        const tree = tall();
        const model = new Map<number, string>();
        for (const [i, [sets, key]] of operations.entries()) {
          if (sets) tree.set(BigInt(key), String(i));
          else tree.delete(BigInt(key));
          if (sets) model.set(key, String(i));
          else model.delete(key);
        }
        const sorted = [...model].sort(([a], [b]) => a - b);
        expect([...tree.entries()].map((e) => [Number(e.key), e.value])).toEqual(sorted);
        for (let n = 0; n <= 41; n++) {
          expect(tree.get(BigInt(n))).toBe(model.get(n));
          expect(tree.floor(BigInt(n))?.value).toBe(sorted.filter(([key]) => key <= n).at(-1)?.[1]);
          expect(tree.above(BigInt(n))?.value).toBe(sorted.find(([key]) => key > n)?.[1]);
        }
      }),
    );
  });
});
