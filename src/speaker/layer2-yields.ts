import { type Micros, micros, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";

/** A rival's view may be the older one: whoever yielded looks again, less and less often. */
const LOOK_AGAIN = { first: seconds(10), longest: seconds(300) };

/** The addresses left to rivals for a while, although this node's own election gave them to it. */
export class Layer2Yields {
  readonly #clock: Clock;
  readonly #over: (ip: string) => void;
  readonly #yielded = new Map<string, Timer>();
  /** How long the last time was, for addresses that are tried again. */
  readonly #waits = new Map<string, Micros>();

  constructor(clock: Clock, over: (ip: string) => void) {
    this.#clock = clock;
    this.#over = over;
  }

  has(ip: string): boolean {
    return this.#yielded.has(ip);
  }

  add(ip: string): void {
    if (this.#yielded.has(ip)) return;
    const last = this.#waits.get(ip);
    const wait = last === undefined ? LOOK_AGAIN.first : micros(Math.min(last * 2, LOOK_AGAIN.longest));
    this.#waits.set(ip, wait);
    const timer = this.#clock.after(wait, () => {
      this.#yielded.delete(ip);
      this.#over(ip);
    });
    this.#yielded.set(ip, timer);
  }

  /** The address is no longer this node's to yield: a later duel begins anew. */
  forget(ip: string): void {
    this.#yielded.get(ip)?.cancel();
    this.#yielded.delete(ip);
    this.#waits.delete(ip);
  }

  /** Forgets all, and says which they were. */
  clear(): readonly string[] {
    const ips = [...this.#yielded.keys()];
    for (const ip of ips) this.forget(ip);
    return ips;
  }
}
