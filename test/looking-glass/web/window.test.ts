import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { missingBlocks, slotsFor, visibleSpan } from "../../../src/looking-glass/web/window.ts";

describe("the rows that are in the page", () => {
  test("hold all that is in sight, never more than there are slots, and none that there is not", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -2000, max: 500_000 }),
        fc.integer({ min: 200, max: 3000 }),
        fc.constantFrom(32, 36, 52, 92),
        fc.nat(10_000),
        (top, height, row, count) => {
          const { first, last } = visibleSpan(top, height, row, count);
          expect(first).toBeGreaterThanOrEqual(0);
          expect(last).toBeLessThanOrEqual(count);
          expect(last - first).toBeLessThanOrEqual(slotsFor(height, row));
          const seenFirst = Math.max(0, Math.floor(top / row));
          const seenLast = Math.min(count, Math.ceil((top + height) / row));
          if (seenFirst < seenLast) {
            expect(first).toBeLessThanOrEqual(seenFirst);
            expect(last).toBeGreaterThanOrEqual(seenLast);
          }
        },
      ),
    );
  });

  test.each([
    [{ first: 0, last: 0 }, [], [0]],
    [{ first: 0, last: 100 }, [], [0]],
    [{ first: 99, last: 101 }, [], [0, 1]],
    [{ first: 99, last: 101 }, [0], [1]],
    [{ first: 250, last: 460 }, [3], [2, 4]],
  ])("%j with blocks %j here asks for %j", (span, here: readonly number[], missing) => {
    expect(missingBlocks(span, 100, (block) => here.includes(block))).toEqual(missing);
  });
});
