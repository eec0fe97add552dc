import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineFramer, LineTooLong } from "../../src/kubernetes/line-framer.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const all = (framer: LineFramer, chunks: readonly Uint8Array[]): string[] => chunks.flatMap((c) => [...framer.push(c)]);

describe("LineFramer", () => {
  test.each<[string, string[], string[], number]>([
    ["nothing", [""], [], 0],
    ["one line", ['{"a":1}\n'], ['{"a":1}'], 0],
    ["two lines in one chunk", ["a\nb\n"], ["a", "b"], 0],
    ["a line in three chunks", ["a", "b", "c\n"], ["abc"], 0],
    ["empty lines and carriage returns are no lines", ["\n\r\n \na\n"], ["a"], 0],
    ["the end is cut off", ['{"a":1}\n{"b"'], ['{"a":1}'], 4],
    ["a newline alone in its chunk", ["a", "\n", "b"], ["a"], 1],
  ])("%s", (_, chunks, lines, pending) => {
    const framer = new LineFramer();
    expect(all(framer, chunks.map(bytes))).toEqual(lines);
    expect(framer.pending).toBe(pending);
  });

  test("a chunk that is reused by its owner does not change the line", () => {
    const framer = new LineFramer();
    const chunk = bytes("abc");
    all(framer, [chunk]);
    chunk.fill(0x78);
    expect(all(framer, [bytes("\n")])).toEqual(["abc"]);
  });

  test.each([
    ["in one chunk", ["x".repeat(11)]],
    ["in pieces", ["x".repeat(6), "x".repeat(6)]],
    ["with its end in sight", [`${"x".repeat(11)}\n`]],
  ])("a line over the limit is refused, %s", (_, chunks) => {
    expect(() => all(new LineFramer(10), chunks.map(bytes))).toThrow(LineTooLong);
  });

  test("chunking a stream anywhere gives the same lines, also inside a character", () => {
    const line = fc.string({ unit: "grapheme", minLength: 1 }).filter((s) => s.trim() !== "" && !s.includes("\n"));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat({ max: 400 })), (lines, cuts) => {
        const whole = bytes(lines.map((l) => `${l}\n`).join(""));
        const at = [...new Set([0, ...cuts.filter((c) => c < whole.length), whole.length])].sort((a, b) => a - b);
        const chunks = at.slice(1).map((end, i) => whole.subarray(at[i], end));
        const framer = new LineFramer();
        expect(all(framer, chunks)).toEqual(lines);
        expect(framer.pending).toBe(0);
      }),
    );
  });
});
