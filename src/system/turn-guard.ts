import { micros, millis } from "../net/micros.ts";
import type { Clock } from "./clock.ts";

/** So long objects are taken in without a pause. What follows from a burst of them takes a second. */
const TURN = millis(8);

/** Tells who works on what comes in bursts when he has held the event loop for long enough. One object alone never waits. */
export class TurnGuard {
  readonly #clock: Clock;
  #turn: { readonly end: number; readonly next: Promise<void> } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The next turn, which is to be waited for; undefined while there is time left in this one. */
  get over(): Promise<void> | undefined {
    const now = this.#clock.now();
    this.#turn ??= { end: now + TURN, next: this.#next() };
    return now >= this.#turn.end ? this.#turn.next : undefined;
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(micros(0), () => {
        this.#turn = undefined;
        resolve();
      });
    });
  }
}
