import { type Micros, millis, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";

/** Who else announces an address, and where it was heard. */
export interface Rival {
  readonly ip: string;
  readonly speaker: string;
  readonly interface: string;
  readonly mac: string;
}

/**
 * A move that is known here later than there looks like a duel: both speakers hear of most changes within this time, and then there
 * is none.
 */
const SETTLE_AFTER = millis(300);
/** A rival that is heard again within this time was not just late with its goodbye. */
const AGAIN_WITHIN = seconds(120);

/** Waits a moment before a duel is settled. */
export class Layer2Duels {
  readonly #clock: Clock;
  readonly #settle: (rival: Rival, again: boolean) => void;
  readonly #waiting = new Map<string, Timer>();
  readonly #settledAt = new Map<string, Micros>();

  constructor(clock: Clock, settle: (rival: Rival, again: boolean) => void) {
    this.#clock = clock;
    this.#settle = settle;
  }

  heard(rival: Rival): void {
    const { ip } = rival;
    if (this.#waiting.has(ip)) return;
    const timer = this.#clock.after(SETTLE_AFTER, () => {
      this.#waiting.delete(ip);
      const now = this.#clock.now();
      const before = this.#settledAt.get(ip);
      this.#settledAt.set(ip, now);
      this.#settle(rival, before !== undefined && now - before <= AGAIN_WITHIN);
    });
    this.#waiting.set(ip, timer);
  }

  /** The address is not held any more: there is nothing to settle. */
  forget(ip: string): void {
    this.#waiting.get(ip)?.cancel();
    this.#waiting.delete(ip);
    this.#settledAt.delete(ip);
  }

  clear(): void {
    for (const ip of [...this.#waiting.keys()]) this.forget(ip);
  }
}
