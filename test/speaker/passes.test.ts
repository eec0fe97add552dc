import { describe, expect, test } from "vitest";
import { Passes } from "../../src/speaker/passes.ts";

function scene(): { readonly passes: Passes; readonly begun: () => number } {
  let begun = 0;
  const passes = new Passes(() => {
    begun += 1;
  });
  return { passes, begun: () => begun };
}

describe("Passes", () => {
  test("whatever is asked for during a pass is one pass after it", () => {
    const { passes, begun } = scene();
    for (let i = 0; i < 5; i++) passes.request();
    expect(begun()).toBe(1);
    passes.done();
    expect(begun()).toBe(2);
    passes.done();
    expect(begun()).toBe(2);
    passes.request();
    expect(begun()).toBe(3);
  });

  test("idle() resolves after the last one that is wanted", async () => {
    const { passes } = scene();
    await passes.idle();
    passes.request();
    passes.request();
    let idle = false;
    const waiting = passes.idle().then(() => {
      idle = true;
    });
    passes.done();
    await Promise.resolve();
    expect(idle).toBe(false);
    passes.done();
    await waiting;
  });

  test("a pass that is done before its request returns is done", async () => {
    let begun = 0;
    const passes: Passes = new Passes(() => {
      begun += 1;
      passes.done();
    });
    passes.request();
    passes.request();
    await passes.idle();
    expect(begun).toBe(2);
  });
});
