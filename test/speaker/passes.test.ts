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

  test("whoever waits for the end of one does not wait for those after it: changes may come without end", async () => {
    const { passes } = scene();
    await passes.ended();
    passes.request();
    passes.request();
    let ended = 0;
    const count = (): void => {
      ended += 1;
    };
    void passes.ended().then(count);
    await Promise.resolve();
    expect(ended).toBe(0);
    passes.done();
    passes.request();
    await Promise.resolve();
    expect(ended).toBe(1);
    void passes.ended().then(count);
    await Promise.resolve();
    expect(ended).toBe(1);
    passes.done();
    await Promise.resolve();
    expect(ended).toBe(2);
  });

  test("a pass that is done before its request returns is done", async () => {
    let begun = 0;
    const passes: Passes = new Passes(() => {
      begun += 1;
      passes.done();
    });
    passes.request();
    passes.request();
    await passes.ended();
    expect(begun).toBe(2);
  });
});
