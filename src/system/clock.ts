import type { Micros } from "../net/micros.ts";

export interface Timer {
  cancel(): void;
}

/** The only way time enters the program. */
export interface Clock {
  /** Monotonic; never wall time. */
  now(): Micros;
  after(delay: Micros, fire: () => void): Timer;
}

/** Wall time, for what people and the API read; never for measuring an interval. */
export type WallClock = () => Date;

export const systemClock: Clock = {
  now: () => Math.trunc(performance.now() * 1000) as Micros,
  after(delay, fire) {
    const handle = setTimeout(fire, delay / 1000);
    return { cancel: () => clearTimeout(handle) };
  },
};

export const systemWallClock: WallClock = () => new Date();
