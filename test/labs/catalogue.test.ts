import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noteFile, orphanedLabs, runningLabs } from "../../labs/runner/catalogue.ts";

/** More than the kernel ever gives out: PID_MAX_LIMIT is 2^22. */
const NOBODY = 2 ** 22 + 1;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "runs-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function note(run: string, text: string): void {
  mkdirSync(join(folder, run));
  writeFileSync(noteFile(folder, run), text);
}

function noteOf(run: string, pid: number): string {
  return JSON.stringify({ lab: "bgp-ecmp", run, pid, state: `/tmp/${run}-x` });
}

describe("a run whose runner is gone is an orphan, to be swept by the next run", () => {
  beforeEach(() => {
    note("hl0001", noteOf("hl0001", process.pid));
    note("hl0002", noteOf("hl0002", NOBODY));
    note("hl0003", "{");
    // Whatever such a note says, it is not swept: the names would be another run's.
    note("hl0004", noteOf("hl0001", NOBODY));
  });

  test("orphanedLabs", () => {
    expect(orphanedLabs(folder).map(({ run }) => run)).toEqual(["hl0002"]);
  });

  test("runningLabs", () => {
    expect(runningLabs(folder).map(({ run }) => run)).toEqual(["hl0001"]);
  });
});

test("no folder of runs: none", () => {
  expect([runningLabs(join(folder, "none")), orphanedLabs(join(folder, "none"))]).toEqual([[], []]);
});
