import { type Micros, micros } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";

/** A change of what, and when it was seen. */
export interface ConvergenceMark {
  readonly cause: "service" | "endpoints";
  readonly at: Micros;
}

/** Told how long it took until others knew. */
export type ObserveConvergence = (
  mark: Pick<ConvergenceMark, "cause">,
  protocol: "bgp" | "layer2",
  took: Micros,
) => void;

/** Measures from a change that was seen to the moment when others are told what follows from it. */
export class Convergence {
  readonly #clock: Clock;
  readonly #observe: ObserveConvergence;
  #current: ConvergenceMark | undefined;

  constructor(clock: Clock, observe: ObserveConvergence) {
    this.#clock = clock;
    this.#observe = observe;
  }

  /** What is decided while `act` runs follows from this change. */
  during(cause: ConvergenceMark["cause"], act: () => void): void {
    this.#current = { cause, at: this.#clock.now() };
    try {
      act();
    } finally {
      this.#current = undefined;
    }
  }

  /** The change that is being decided on; undefined when everything is decided again. */
  get current(): ConvergenceMark | undefined {
    return this.#current;
  }

  /** Others know now. */
  reached(mark: ConvergenceMark, protocol: "bgp" | "layer2"): void {
    this.#observe(mark, protocol, micros(this.#clock.now() - mark.at));
  }
}
