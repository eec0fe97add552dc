import { setMaxListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AdaptivePacer, nextRate } from "../../src/kubernetes/adaptive-pacer.ts";
import { ApiError, ApiUnreachable } from "../../src/kubernetes/errors.ts";
import { type Micros, millis, seconds } from "../../src/net/micros.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

describe("nextRate()", () => {
  test.each([
    [50, "quickly", 51],
    [250, "quickly", 250],
    [50, "in-time", 50],
    [50, "slowly", 45],
    [50, "refused", 25],
    [6, "refused", 5],
    [21, "slowly", 20],
    [20, "slowly", 20],
    [5, "slowly", 5],
  ] as const)("%d a second, and one that is taken %s: %d", (rate, taken, next) => {
    expect(nextRate(rate, taken)).toBe(next);
  });

  test("never stops, and never storms", () => {
    const taken = fc.constantFrom("quickly" as const, "in-time" as const, "slowly" as const, "refused" as const);
    fc.assert(
      fc.property(fc.array(taken, { maxLength: 500 }), (all) => {
        const rate = all.reduce((now, one) => nextRate(now, one), 50);
        expect(rate).toBeGreaterThanOrEqual(5);
        expect(rate).toBeLessThanOrEqual(250);
      }),
    );
  });
});

/** Thirty writers without a pause, at an API that takes so long or refuses: how many writes it saw in each second. */
async function writesEachSecond(took: Micros, refusal?: Error): Promise<readonly number[]> {
  const clock = new VirtualClock();
  const pacer = new AdaptivePacer(clock);
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  let writes = 0;
  const act = async (): Promise<void> => {
    writes += 1;
    await new Promise<void>((resolve) => clock.after(took, resolve));
    if (refusal !== undefined) throw refusal;
  };
  const writer = async (): Promise<void> => {
    for (;;) await pacer.write(act, signal).catch(() => {});
  };
  for (let i = 0; i < 30; i++) void writer();
  const seen: number[] = [];
  for (let second = 0; second < 20; second++) {
    const before = writes;
    for (let i = 0; i < 1000; i++) {
      clock.advance(millis(1));
      for (let k = 0; k < 6; k++) await Promise.resolve();
    }
    seen.push(writes - before);
  }
  return seen;
}

describe("AdaptivePacer", () => {
  test("an API that answers at once gets 250 a second after a few seconds, and not more", async () => {
    const seen = await writesEachSecond(millis(5));
    expect(seen[0]).toBeGreaterThan(100);
    expect(seen.at(-1)).toBeGreaterThan(240);
    expect(Math.max(...seen.slice(2))).toBeLessThanOrEqual(251);
  });

  test("one that takes long gets twenty a second", async () => {
    const seen = await writesEachSecond(millis(400));
    expect(seen.at(-1)).toBeGreaterThanOrEqual(19);
    expect(seen.at(-1)).toBeLessThanOrEqual(21);
  });

  test.each([
    [
      "says that it is too much",
      millis(5),
      new ApiError({ status: 429, reason: "TooManyRequests", message: "slow down" }),
    ],
    ["is not there", millis(5), new ApiUnreachable("no route")],
  ])("one that %s gets five a second in the end", async (_, took, refusal) => {
    const seen = await writesEachSecond(took, refusal);
    expect(seen.at(-1)).toBeGreaterThanOrEqual(4);
    expect(seen.at(-1)).toBeLessThanOrEqual(6);
  });

  test("a conflict is an answer like any other", async () => {
    const seen = await writesEachSecond(
      millis(5),
      new ApiError({ status: 409, reason: "Conflict", message: "changed" }),
    );
    expect(seen.at(-1)).toBeGreaterThan(240);
  });

  test("what was given up says nothing of the API", async () => {
    const clock = new VirtualClock();
    const pacer = new AdaptivePacer(clock);
    const given = AbortSignal.abort();
    for (let i = 0; i < 20; i++)
      await pacer.write(() => Promise.reject(new ApiUnreachable("gone")), given).catch(() => {});
    let taken = 0;
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    for (let i = 0; i < 180; i++) void pacer.write(() => Promise.resolve(taken++), signal);
    // 80 of the burst are left; the other hundred go at fifty a second at least.
    for (let i = 0; i < 2000; i++) {
      clock.advance(millis(1));
      await Promise.resolve();
    }
    for (let i = 0; i < 9; i++) await Promise.resolve();
    expect(taken).toBeGreaterThan(175);
    clock.advance(seconds(1));
  });
});
