import type { Micros } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";

/** Lets one wait until something happens, or for so long; what happened while nobody waited counts. */
export class Alarm {
  readonly #clock: Clock;
  #rang = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rang = true;
    this.#wake?.();
  }

  /** Resolves at once where it rang since the last wait, and when the signal is aborted. */
  async wait(longest: Micros, signal: AbortSignal): Promise<void> {
    if (!this.#rang && !signal.aborted) await this.#asleep(longest, signal);
    this.#rang = false;
  }

  #asleep(longest: Micros, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", wake);
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#clock.after(longest, wake);
      signal.addEventListener("abort", wake, { once: true });
      this.#wake = wake;
    });
  }
}
