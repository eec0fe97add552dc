import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { isRetryable } from "./errors.ts";
import { WritePacer } from "./write-pacer.ts";

/** How the API took a write. */
type Taken = "quickly" | "in-time" | "slowly" | "refused";

/** An API that answers sooner than this has room for more; one that takes longer than that has not. */
const QUICK = millis(50);
const SLOW = millis(250);
/** Writes a second: at first, and between which bounds. A thousand nodes that begin together slow each other down. */
const FIRST = 50;
const LEAST = 5;
/** What a busy API gets all the same, as long as it refuses nothing: client-go's limit for controllers. */
const PATIENT = 20;
const MOST = 250;
const BURST = 100;

/** The rate after a write, in writes a second: it grows by one with each that was taken quickly, and shrinks by a part. */
export function nextRate(rate: number, taken: Taken): number {
  switch (taken) {
    case "quickly":
      return Math.min(MOST, rate + 1);
    case "in-time":
      return rate;
    case "slowly":
      return Math.max(Math.min(rate, PATIENT), rate * 0.9);
    case "refused":
      return Math.max(LEAST, rate / 2);
  }
}

/** Sends writes that nobody waits for as fast as the API takes them without effort, however many other clients it has. */
export class AdaptivePacer {
  readonly #clock: Clock;
  readonly #pacer: WritePacer;
  #rate = FIRST;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#pacer = new WritePacer(clock, { burst: BURST, interval: intervalOf(FIRST) });
  }

  /** Sends one when its time has come, or at once when the signal is aborted, and learns from how it is taken. */
  async write<T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#pacer.take(signal);
    const sentAt = this.#clock.now();
    try {
      const answer = await act();
      this.#learn(takenIn(micros(this.#clock.now() - sentAt)));
      return answer;
    } catch (error) {
      if (!signal.aborted) this.#learn(isRetryable(error) ? "refused" : takenIn(micros(this.#clock.now() - sentAt)));
      throw error;
    }
  }

  #learn(taken: Taken): void {
    this.#rate = nextRate(this.#rate, taken);
    this.#pacer.interval = intervalOf(this.#rate);
  }
}

function takenIn(time: Micros): Taken {
  if (time <= QUICK) return "quickly";
  return time <= SLOW ? "in-time" : "slowly";
}

function intervalOf(rate: number): Micros {
  return micros(Math.round(seconds(1) / rate));
}
