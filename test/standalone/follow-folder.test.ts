import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { millis, seconds } from "../../src/net/micros.ts";
import { followFolder } from "../../src/standalone/follow-folder.ts";
import { watchFolder } from "../../src/standalone/watch-folder.ts";
import { settle } from "../support/settle.ts";
import { until } from "../support/until.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

describe("the folder is looked at", () => {
  const follow = () => {
    const clock = new VirtualClock();
    const stop = new AbortController();
    const state = { looks: 0, open: 0, ring: (): void => {} };
    const watch = (changed: () => void) => {
      state.open += 1;
      state.ring = changed;
      return {
        close: () => {
          state.open -= 1;
        },
      };
    };
    const look = (): void => {
      state.looks += 1;
    };
    const done = followFolder({ clock, watch, look }, stop.signal);
    const pass = async (ms: number): Promise<void> => {
      clock.advance(millis(ms));
      await settle();
    };
    return { clock, stop, state, done, pass };
  };

  test("at once, and when it has been quiet for 200 ms after a change", async () => {
    const { state, pass } = follow();
    expect(state.looks).toBe(1);
    state.ring();
    await pass(0);
    await pass(199);
    expect(state.looks).toBe(1);
    await pass(1);
    expect(state.looks).toBe(2);
  });

  test("once for many changes in a row", async () => {
    const { state, pass } = follow();
    for (let n = 0; n < 8; n++) {
      state.ring();
      await pass(150);
    }
    expect(state.looks).toBe(1);
    await pass(200);
    await pass(200);
    expect(state.looks).toBe(2);
  });

  test("within 5 s by somebody who never stops writing", async () => {
    const { state, pass } = follow();
    for (let n = 0; n < 51; n++) {
      state.ring();
      await pass(100);
    }
    expect(state.looks).toBe(2);
  });

  test("every 30 s without being told, and never more often", async () => {
    const { state, clock, pass } = follow();
    await pass(29_999);
    expect(state.looks).toBe(1);
    await pass(1);
    expect(state.looks).toBe(2);
    await pass(seconds(30) / 1000);
    expect(state.looks).toBe(3);
    expect(clock.armed).toBe(1);
  });

  test("not any more after the end, and nothing is left open", async () => {
    const { state, clock, stop, done } = follow();
    expect(state.open).toBe(1);
    stop.abort();
    await done;
    expect(state.open).toBe(0);
    expect(clock.armed).toBe(0);
  });
});

describe("the system tells of", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "herald-follow-"));
    mkdirSync(join(root, "m", "below"), { recursive: true });
    writeFileSync(join(root, "m", "a.yaml"), "a");
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test.each<[string, (folder: string) => void]>([
    ["a file that is written", (folder) => writeFileSync(join(folder, "a.yaml"), "b")],
    [
      "a file that an editor puts in the place of another",
      (folder) => {
        writeFileSync(join(root, "new"), "b");
        renameSync(join(root, "new"), join(folder, "a.yaml"));
      },
    ],
    ["a file in a folder below", (folder) => writeFileSync(join(folder, "below", "b.yaml"), "b")],
    ["a file that is gone", (folder) => rmSync(join(folder, "a.yaml"))],
    [
      "a link inside that is turned, as in a mounted ConfigMap",
      (folder) => {
        symlinkSync("below", join(folder, "..data_tmp"));
        renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
      },
    ],
    [
      "the folder itself being another one",
      (folder) => {
        renameSync(folder, join(root, "old"));
        mkdirSync(folder);
      },
    ],
  ])("%s", async (_name, change) => {
    const folder = join(root, "m");
    let changes = 0;
    const watcher = watchFolder(folder, () => {
      changes += 1;
    });
    change(folder);
    await until("a change", () => changes > 0);
    watcher.close();
  });

  test("nothing where nothing changes, and nothing where there is no folder", async () => {
    const watchers = ["m", "none/at/all"].map((folder) =>
      watchFolder(join(root, folder), () => {
        throw new Error("no change was made");
      }),
    );
    writeFileSync(join(root, "beside"), "x");
    await settle(20);
    for (const watcher of watchers) watcher.close();
  });
});
