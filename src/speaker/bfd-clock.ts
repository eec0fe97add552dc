import { micros } from "../net/micros.ts";
import { type Clock, systemClock } from "../system/clock.ts";

/** The machine's monotonic clock: unlike the system clock it reads the same in every thread. */
export const machineClock: Clock = {
  now: () => micros(Number(process.hrtime.bigint() / 1000n)),
  after: (delay, fire) => systemClock.after(delay, fire),
};
