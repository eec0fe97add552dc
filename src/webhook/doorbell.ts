import { pause } from "../kubernetes/backoff.ts";
import type { Micros } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";

/** Ends the pause of a loop early when there is something to do. A ring while nobody waits is not lost. */
export class Doorbell {
  #rung = new AbortController();

  ring(): void {
    this.#rung.abort();
  }

  /** Waits for a ring, the end of the delay, or the signal. */
  async wait(clock: Clock, delay: Micros, signal: AbortSignal): Promise<void> {
    await pause(clock, delay, AbortSignal.any([this.#rung.signal, signal]));
    this.#rung = new AbortController();
  }
}
