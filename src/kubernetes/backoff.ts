import { type Micros, micros } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";

/** Between which delays repeated failures wait. */
export interface BackoffRange {
  readonly baseDelay: Micros;
  readonly maxDelay: Micros;
}

/** The delay after `failures` failures in a row (1 is the first): doubled each time, capped, then jittered to 50..100 %. */
export function backoffDelay(failures: number, range: BackoffRange, random: Random): Micros {
  const doubled = range.baseDelay * 2 ** Math.min(Math.max(failures - 1, 0), 40);
  return micros(Math.min(doubled, range.maxDelay) * (0.5 + random() / 2));
}

/** Waits; ends early, without an error, when the signal is aborted: the caller looks at the signal. */
export function pause(clock: Clock, delay: Micros, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.after(delay, end);
    signal?.addEventListener("abort", end, { once: true });
  });
}
