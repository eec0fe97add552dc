import { expect, test } from "vitest";
import { WritePacer } from "../../src/kubernetes/write-pacer.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

test("WritePacer lets a burst through, then one in each interval, and saves up no more than the burst", async () => {
  const clock = new VirtualClock();
  const pacer = new WritePacer(clock, { burst: 3, interval: millis(100) });
  const { signal } = new AbortController();
  let taken = 0;
  const take = (count: number): void => {
    for (let i = 0; i < count; i++) void pacer.take(signal).then(() => taken++);
  };
  const after = async (ms: number): Promise<number> => {
    clock.advance(millis(ms));
    for (let i = 0; i < 5; i++) await Promise.resolve();
    return taken;
  };
  take(10);
  expect([await after(0), await after(99), await after(1), await after(600)]).toEqual([3, 3, 4, 10]);
  clock.advance(seconds(60));
  take(10);
  expect(await after(0)).toBe(13);
});
