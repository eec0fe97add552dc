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
  readonly #pace: WritePace;
  /** When the writes taken so far would be done, at the pace without bursts. */
  #paid: number;

  constructor(clock: Clock, pace: WritePace) {
    this.#clock = clock;
    this.#pace = pace;
    this.#paid = clock.now();
  }

  /** Resolves when one more may be sent, or the signal is aborted. */
  async take(signal: AbortSignal): Promise<void> {
    const { burst, interval } = this.#pace;
    const now = this.#clock.now();
    this.#paid = Math.max(this.#paid, now) + interval;
    const wait = this.#paid - burst * interval - now;
    if (wait > 0) await pause(this.#clock, micros(wait), signal);
  }
}
