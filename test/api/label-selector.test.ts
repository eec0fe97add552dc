import { describe, expect, test } from "vitest";
import { anySelectorMatches, type LabelSelector, selectorMatches } from "../../src/api/label-selector.ts";
import { readLabelSelector, selectorKey } from "../../src/api/label-selector-parse.ts";
import { FieldReader, Problems } from "../../src/api/read-object.ts";

const read = (value: unknown): { selector: LabelSelector; problems: readonly string[] } => {
  const problems = new Problems();
  const selector = readLabelSelector(FieldReader.of(value, "s", problems));
  return { selector, problems: problems.list.map(({ path, message }) => `${path}: ${message}`) };
};
const need = (operator: string, values?: readonly string[]) => ({
  matchExpressions: [{ key: "a", operator, ...(values ? { values } : {}) }],
});

describe("matching", () => {
  test.each([
    ["empty", {}, {}, true],
    ["a label", { matchLabels: { a: "1" } }, { a: "1", b: "2" }, true],
    ["another value", { matchLabels: { a: "1" } }, { a: "2" }, false],
    ["an absent label", { matchLabels: { a: "1" } }, {}, false],
    ["In", need("In", ["1", "2"]), { a: "2" }, true],
    ["In, absent", need("In", ["1"]), {}, false],
    ["NotIn", need("NotIn", ["1"]), { a: "2" }, true],
    ["NotIn, one of them", need("NotIn", ["1"]), { a: "1" }, false],
    ["NotIn, absent", need("NotIn", ["1"]), {}, true],
    ["Exists, empty", need("Exists"), { a: "" }, true],
    ["Exists, absent", need("Exists"), {}, false],
    ["DoesNotExist", need("DoesNotExist"), { b: "1" }, true],
    ["DoesNotExist, there", need("DoesNotExist"), { a: "1" }, false],
    ["all parts", { matchLabels: { b: "1" }, ...need("Exists") }, { a: "1" }, false],
    [
      "a label that every object inherits",
      { matchExpressions: [{ key: "constructor", operator: "Exists" }] },
      {},
      false,
    ],
  ])("%s", (_, value, labels, want) => {
    const { selector, problems } = read(value);
    expect(problems).toEqual([]);
    expect(selectorMatches(selector, labels)).toBe(want);
  });

  test("lists are alternatives, and an empty list restricts nothing", () => {
    const [a, b] = [read(need("In", ["1"])).selector, read(need("In", ["2"])).selector];
    expect([
      anySelectorMatches([a, b], { a: "2" }),
      anySelectorMatches([a, b], {}),
      anySelectorMatches([], {}),
    ]).toEqual([true, false, true]);
  });
});

describe("refusals", () => {
  test.each([
    [5, /^s: must be an object, not 5$/],
    [{ matchLabels: [] }, /^s.matchLabels: must be an object, not a list$/],
    [{ matchLabels: { a: 1 } }, /^s.matchLabels.a: must be a string, not 1$/],
    [{ matchLabels: { "-a": "1" } }, /s.matchLabels.-a: invalid selector: "-a" is no label name/],
    [{ matchLabels: { "A.b/c": "1" } }, /no label name/],
    [{ matchLabels: { "/c": "1" } }, /no label name/],
    [{ matchLabels: { "a/b/c": "1" } }, /no label name/],
    [{ matchLabels: { ["x".repeat(64)]: "1" } }, /no label name/],
    [{ matchLabels: { a: "b c" } }, /no label value/],
    [{ matchExpressions: {} }, /s.matchExpressions: must be a list, not an object/],
    [{ matchExpressions: [null] }, /s.matchExpressions\[0\]: must be an object, not null/],
    [{ matchExpressions: [{ key: "", operator: "Exists" }] }, /s.matchExpressions\[0\].key: invalid selector/],
    [need("In", ["ok", "not ok"]), /values\[1\]: invalid selector/],
  ])("%j", (value, want) => {
    expect(read(value).problems.join("\n")).toMatch(want);
  });
});

test("selectors that say the same have the same key, others have not", () => {
  const key = (value: unknown): string => selectorKey(read(value).selector);
  expect(key({ matchLabels: { a: "1", b: "2" } })).toBe(key({ matchLabels: { b: "2", a: "1" } }));
  expect(key(need("In", ["1", "2"]))).toBe(key(need("In", ["2", "1"])));
  expect(key(need("In", ["1"]))).not.toBe(key(need("NotIn", ["1"])));
  expect(key({ matchLabels: { a: "1" } })).not.toBe(key(need("In", ["1"])));
});
