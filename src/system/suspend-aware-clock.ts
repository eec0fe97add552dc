import { uptime } from "node:os";
import { micros } from "../net/micros.ts";
import { type Clock, systemClock } from "./clock.ts";

/**
 * Monotonic time that also passes while the machine sleeps or its image is moved: the system clock stands still then, and
 * a lease would seem to hold for hours. In steps of 10 ms.
 */
export const suspendAwareClock: Clock = {
  now: () => micros(Math.round(uptime() * 1_000_000)),
  after: (delay, fire) => systemClock.after(delay, fire),
};
