import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Cell, Verdict } from "../../labs/interop/case.ts";
import { CASES } from "../../labs/interop/cases/catalogue.ts";
import { numberOf, singleOf, wordsOf } from "../../labs/interop/reading.ts";
import { checkReadme, interopTable, writeReadme } from "../../labs/interop/readme.ts";
import { ROUTERS } from "../../labs/interop/routers/catalogue.ts";
import type { Results } from "../../labs/interop/run.ts";

const cell = (name: string, router: string, verdict: Verdict, detail = ""): Cell => {
  return { case: name, router, verdict, took: 5, detail };
};

function results(verdict: Verdict, version = "1.2"): Results {
  return {
    routers: [
      { name: "a", title: "A", version },
      { name: "b", title: "B", version: "3" },
    ],
    cases: [
      { name: "up", title: "Session up" },
      { name: "bfd", title: "BFD" },
    ],
    cells: [
      cell("up", "a", "ok"),
      cell("up", "b", verdict),
      cell("bfd", "a", "n/a", "no BFD"),
      cell("bfd", "b", "n/a", "no BFD"),
    ],
  };
}

describe("the table of routers and cases", () => {
  test("says yes, and gives each reason once", () => {
    expect(interopTable(results("ok"))).toBe(
      [
        "|  | A 1.2 | B 3 |",
        "| --- | --- | --- |",
        "| Session up | yes | yes |",
        "| BFD | – [1] | – [1] |",
        "",
        "[1] no BFD.",
      ].join("\n"),
    );
  });

  test.each<[Verdict, string]>([
    ["not yet", "| Session up | yes | not yet |"],
    ["failed", "| Session up | yes | **fails** |"],
  ])("shows what is %s", (verdict, row) => {
    expect(interopTable(results(verdict))).toContain(row);
  });
});

describe("the README", () => {
  let folder = "";
  const files = () => ({ readme: join(folder, "README.md"), results: join(folder, "results.json") });
  const found = (what: Results): void => writeFileSync(files().results, JSON.stringify(what));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "interop-"));
    writeFileSync(files().readme, "before\n<!-- interop -->\nold\n<!-- /interop -->\nafter\n");
    found(results("ok"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("keeps what stands around the table", () => {
    writeReadme(files());
    const text = readFileSync(files().readme, "utf8");
    expect([text.startsWith("before\n<!-- interop -->\n|"), text.endsWith("<!-- /interop -->\nafter\n")]).toEqual([
      true,
      true,
    ]);
    expect(text).not.toContain("old");
  });

  test.each<[string, Results, number]>([
    ["what it says is what was found", results("ok"), 0],
    ["only a version of a router differs", results("ok", "1.2.9"), 0],
    ["a case failed", results("failed"), 1],
    ["a case is not yet there", results("not yet"), 1],
  ])("is checked: %s", (_name, now, code) => {
    writeReadme(files());
    found(now);
    expect(checkReadme(files())).toBe(code);
  });

  test("without markers is refused", () => {
    writeFileSync(files().readme, "nothing");
    expect(() => writeReadme(files())).toThrow("<!-- interop -->");
  });
});

describe("what routers answer", () => {
  test.each([
    [50, 50],
    ["50", 50],
    ["", undefined],
    ["5 s", undefined],
    [undefined, undefined],
  ])("numberOf(%j) is %j", (value, number) => {
    expect(numberOf(value)).toBe(number);
  });

  test("a link bandwidth of 3,000,000 octets per second, as BIRD and OpenBGPD show it", () => {
    expect(singleOf(1_245_125_376)).toBe(3_000_000);
  });

  test("wordsOf() drops what is empty", () => {
    expect(wordsOf("  a  b ")).toEqual(["a", "b"]);
  });
});

describe("the suite", () => {
  test("names are unique, and every exception names a case", () => {
    const names = CASES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const exceptions = ROUTERS.flatMap(({ cannot }) => Object.keys(cannot));
    expect(exceptions.filter((name) => !names.includes(name))).toEqual([]);
    const needed = new Set(CASES.flatMap(({ needs = [] }) => needs));
    const lacking = ROUTERS.flatMap(({ lacks }) => Object.keys(lacks));
    expect(lacking.filter((feature) => ![...needed].some((one) => one === feature))).toEqual([]);
    expect([ROUTERS.length, names.length, exceptions.length, lacking.length]).toEqual([5, 52, 12, 12]);
  });
});
