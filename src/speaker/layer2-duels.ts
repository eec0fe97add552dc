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
/** Two speakers that insist hear each other more often than this; one that yields and tries again does so more and more seldom. */
const INSISTS_WITHIN = seconds(3);

/** What came before a duel over the same address. */
export interface DuelHistory {
  /** It was not long ago. */
  readonly again: boolean;
  /** How often in a row the address was kept, and the rival announced it all the same. */
  readonly contradictions: number;
}

/** Waits a moment before a duel is settled. */
export class Layer2Duels {
  readonly #clock: Clock;
  readonly #settle: (rival: Rival, history: DuelHistory) => void;
  readonly #waiting = new Map<string, Timer>();
  readonly #settled = new Map<string, { readonly at: Micros; readonly contradictions: number }>();

  constructor(clock: Clock, settle: (rival: Rival, history: DuelHistory) => void) {
    this.#clock = clock;
    this.#settle = settle;
  }

  heard(rival: Rival): void {
    const { ip } = rival;
    if (this.#waiting.has(ip)) return;
    const timer = this.#clock.after(SETTLE_AFTER, () => {
      this.#waiting.delete(ip);
      const now = this.#clock.now();
      const before = this.#settled.get(ip);
      const since = before === undefined ? Number.POSITIVE_INFINITY : now - before.at;
      const contradictions = before === undefined || since > INSISTS_WITHIN ? 0 : before.contradictions + 1;
      this.#settled.set(ip, { at: now, contradictions });
      this.#settle(rival, { again: since <= AGAIN_WITHIN, contradictions });
    });
    this.#waiting.set(ip, timer);
  }

  /** The address is not held any more: there is nothing to settle. */
  forget(ip: string): void {
    this.#waiting.get(ip)?.cancel();
    this.#waiting.delete(ip);
    this.#settled.delete(ip);
  }

  clear(): void {
    for (const ip of [...this.#waiting.keys()]) this.forget(ip);
  }
}
