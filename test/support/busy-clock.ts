import { type Micros, micros } from "../../src/net/micros.ts";
import type { Clock, Timer } from "../../src/system/clock.ts";

/** Time that every look at it takes some of: what lasts long is seen to. Timers fire when the test says that a turn is over. */
export class BusyClock implements Clock {
  readonly #cost: Micros;
  #now = 0;
  #due: { readonly fire: () => void }[] = [];

  constructor(cost: Micros) {
    this.#cost = cost;
  }

  now(): Micros {
    this.#now += this.#cost;
    return micros(this.#now);
  }

  after(_delay: Micros, fire: () => void): Timer {
    const entry = { fire };
    this.#due.push(entry);
    return {
      cancel: () => {
        this.#due = this.#due.filter((one) => one !== entry);
      },
    };
  }

  /** Fires what was armed before; false when nothing was. */
  turn(): boolean {
    const due = this.#due;
    this.#due = [];
    for (const { fire } of due) fire();
    return due.length > 0;
  }
}
