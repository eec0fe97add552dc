import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../src/net/micros.ts";
import { beat, type Pulse, ThreadWatch } from "../../src/speaker/thread-watch.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

function scene(): { clock: VirtualClock; watch: ThreadWatch; pulse: Pulse; trouble: () => string | undefined } {
  const clock = new VirtualClock();
  const watch = new ThreadWatch(clock);
  const pulse = new BigInt64Array(new SharedArrayBuffer(8));
  return { clock, watch, pulse, trouble: () => watch.readings()[0]?.trouble };
}

describe("a thread that is watched", () => {
  test("is well while it beats, however long", () => {
    const { clock, watch, pulse, trouble } = scene();
    watch.started("lan", pulse);
    beat(clock, pulse);
    clock.advance(seconds(3600));
    expect(trouble()).toBeUndefined();
  });

  test("that stands still is in trouble after 15 seconds, and not a moment before", () => {
    const { clock, watch, pulse, trouble } = scene();
    watch.started("lan", pulse);
    clock.advance(seconds(15));
    expect(trouble()).toBe("has not moved for 15 s");
    const other = scene();
    other.watch.started("lan", other.pulse);
    other.clock.advance(millis(14_999));
    expect(other.trouble()).toBeUndefined();
  });

  test("that moves again is well again: nothing has to be started anew", () => {
    const { clock, watch, pulse, trouble } = scene();
    watch.started("lan", pulse);
    clock.advance(seconds(20));
    beat(clock, pulse);
    expect(trouble()).toBeUndefined();
  });

  test("that was told to end is missed by nobody", () => {
    const { clock, watch, pulse, trouble } = scene();
    watch.started("lan", pulse);
    watch.closed("lan");
    clock.advance(seconds(3600));
    expect(trouble()).toBeUndefined();
  });

  test("that is lost and started again is counted; the fifth loss in a row asks for a new process", () => {
    const { clock, watch, pulse, trouble } = scene();
    for (let n = 1; n <= 5; n++) {
      expect(trouble()).toBeUndefined();
      watch.started("bfd", pulse);
      clock.advance(seconds(1));
      watch.lost("bfd", "out of memory");
    }
    expect(watch.readings()).toEqual([{ name: "bfd", losses: 5, trouble: "was lost 5 times in a row: out of memory" }]);
  });

  test("that lives a minute between its losses is one that can be restarted", () => {
    const { clock, watch, pulse, trouble } = scene();
    for (let n = 1; n <= 20; n++) {
      watch.started("bfd", pulse);
      beat(clock, pulse);
      clock.advance(seconds(60));
      watch.lost("bfd", "out of memory");
      expect(trouble()).toBeUndefined();
    }
  });
});
