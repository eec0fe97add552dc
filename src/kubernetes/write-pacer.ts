import { type Micros, micros } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { pause } from "./backoff.ts";

/** How many writes at once, and how long between any two after that. */
export interface WritePace {
  readonly burst: number;
  readonly interval: Micros;
}

/** Makes writers wait, so that many of them at once do not storm the API. */
export class WritePacer {
  readonly #clock: Clock;
  readonly #burst: number;
  /** Between any two writes after a burst. */
  interval: Micros;
  /** How many writes may be sent now; below zero when some wait. */
  #credit: number;
  #since: Micros;

  constructor(clock: Clock, { burst, interval }: WritePace) {
    this.#clock = clock;
    this.#burst = burst;
    this.interval = interval;
    this.#credit = burst;
    this.#since = clock.now();
  }

  /** Resolves when one more may be sent, or the signal is aborted. */
  async take(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    this.#credit = Math.min(this.#burst, this.#credit + (now - this.#since) / this.interval) - 1;
    this.#since = now;
    const wait = Math.ceil(-this.#credit * this.interval);
    if (wait > 0) await pause(this.#clock, micros(wait), signal);
  }
}
