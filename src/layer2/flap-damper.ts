import { type Micros, micros, seconds } from "../net/micros.ts";

/** When an interface last announced all that it carries, and how long it must wait to do so again. */
export interface FlapHistory {
  readonly burstAt: Micros;
  readonly gap: Micros;
}

const FIRST_GAP = seconds(2);
const LONGEST_GAP = seconds(60);
/** An interface that was quiet for so long is forgiven. */
const MEMORY = seconds(120);

/**
 * When an interface that has just come up may announce all that it carries: at once, and when it flaps, at gaps that double.
 * Requests are answered all the time.
 */
export function nextBurst(history: FlapHistory | undefined, now: Micros): Micros {
  return history === undefined || isForgiven(history, now) ? now : micros(Math.max(now, history.burstAt + history.gap));
}

/** What is remembered of a burst that happens now. */
export function afterBurst(history: FlapHistory | undefined, now: Micros): FlapHistory {
  if (history === undefined || isForgiven(history, now)) return { burstAt: now, gap: FIRST_GAP };
  return { burstAt: now, gap: micros(Math.min(history.gap * 2, LONGEST_GAP)) };
}

/** Whether it may be forgotten. */
export function isForgiven({ burstAt }: FlapHistory, now: Micros): boolean {
  return now - burstAt >= MEMORY;
}
