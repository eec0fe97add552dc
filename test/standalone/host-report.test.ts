import { describe, expect, test } from "vitest";
import { formatReport, parseReport } from "../../src/standalone/host-report.ts";

describe("a line that is no report of this version is none", () => {
  test.each([
    ["no JSON", "{"],
    ["an empty line", ""],
    ["a list", "[]"],
    ["another version", '{"version":2,"node":"h1","labels":{},"ready":[]}'],
    ["no node", '{"version":1,"labels":{},"ready":[]}'],
    ["an empty node", '{"version":1,"node":"","labels":{},"ready":[]}'],
    ["labels that are a list", '{"version":1,"node":"h1","labels":[],"ready":[]}'],
    ["ready that is a map", '{"version":1,"node":"h1","labels":{},"ready":{}}'],
  ])("%s", (_name, line) => expect(parseReport(line)).toBeUndefined());
});

test("what is no text in it is left out", () => {
  const line = '{"version":1,"node":"h1","labels":{"a":"b","c":1},"ready":["default/web",2,null]}';
  expect(parseReport(line)).toEqual({ node: "h1", labels: { a: "b" }, ready: ["default/web"] });
});

test("what is written is read, on one line whatever is in it", () => {
  const report = { node: "h1", labels: { rack: "a\nb" }, ready: ["default/web"] };
  expect(formatReport(report)).not.toContain("\n");
  expect(parseReport(formatReport(report))).toEqual(report);
});
