import { type Micros, micros } from "../../src/net/micros.ts";
import type { Clock, Timer } from "../../src/system/clock.ts";

/** The clock of one host among several: it began at another time, and its process can be paused while time goes on. */
export class HostClock implements Clock {
  readonly #inner: Clock;
  readonly #offset: Micros;
  #held: (() => void)[] | undefined;

  constructor(inner: Clock, offset: Micros) {
    this.#inner = inner;
    this.#offset = offset;
  }

  now(): Micros {
    return micros(this.#inner.now() + this.#offset);
  }

  after(delay: Micros, fire: () => void): Timer {
    return this.#inner.after(delay, () => {
      if (this.#held === undefined) fire();
      else this.#held.push(fire);
    });
  }

  /** From now on no timer fires. */
  pause(): void {
    this.#held ??= [];
  }

  /** All timers that came due meanwhile fire at once. */
  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const fire of held) fire();
  }
}
