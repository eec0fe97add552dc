import { expect, test } from "vitest";
import { millis } from "../../src/net/micros.ts";
import { suspendAwareClock } from "../../src/system/suspend-aware-clock.ts";

test("the suspend-aware clock moves on with time, in microseconds", async () => {
  const before = suspendAwareClock.now();
  await new Promise<void>((resolve) => suspendAwareClock.after(millis(60), resolve));
  const passed = suspendAwareClock.now() - before;
  expect(passed).toBeGreaterThanOrEqual(millis(50));
  expect(passed).toBeLessThan(millis(10_000));
});
