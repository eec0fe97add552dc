import type { ServiceKey } from "../api/config.ts";
import { type Micros, micros, seconds } from "../net/micros.ts";

const FIRST_WAIT = seconds(600);
const LONGEST_WAIT = seconds(7200);
/** So often a Service leaves for another address at once: a router that answers for everything must not chase it through the pool. */
const QUICK_MOVES = 3;

/** Until when, and how long it was the last time. */
interface Wait {
  readonly until: Micros;
  readonly length: Micros;
  readonly times: number;
}

/** Which addresses strangers were found on, and how often Services left because of that. Times come from outside. */
export class ConflictLedger {
  readonly #addresses = new Map<string, Wait>();
  readonly #moves = new Map<ServiceKey, Wait>();
  readonly #targets = new Map<ServiceKey, string>();

  /** Keeps an address out of automatic allocation, for twice as long as the last time. */
  shun(address: string, at: Micros): void {
    const before = this.#addresses.get(address);
    if (before !== undefined && before.until > at) return;
    this.#addresses.set(address, longer(before, at));
  }

  isShunned(address: string, at: Micros): boolean {
    return (this.#addresses.get(address)?.until ?? at) > at;
  }

  /** Whether a Service may leave its address now. */
  mayMove(key: ServiceKey, at: Micros): boolean {
    const before = this.#moves.get(key);
    return before === undefined || before.times < QUICK_MOVES || before.until <= at;
  }

  /** The same move told again, because it could not be written, counts once. */
  moved(key: ServiceKey, to: string, at: Micros): void {
    if (this.#targets.get(key) === to) return;
    this.#targets.set(key, to);
    this.#moves.set(key, longer(this.#moves.get(key), at));
  }

  forget(key: ServiceKey): void {
    this.#moves.delete(key);
    this.#targets.delete(key);
  }

  /** When the next wait is over, for Services that could not be helped; undefined without any. What is long over is dropped. */
  nextEnd(at: Micros): Micros | undefined {
    let next: Micros | undefined;
    for (const waits of [this.#addresses, this.#moves]) {
      dropOld(waits, at);
      for (const { until } of waits.values()) {
        if (until > at && (next === undefined || until < next)) next = until;
      }
    }
    return next;
  }
}

function dropOld<Key>(waits: Map<Key, Wait>, at: Micros): void {
  for (const [key, { until }] of waits) if (until + LONGEST_WAIT < at) waits.delete(key);
}

function longer(before: Wait | undefined, at: Micros): Wait {
  const recent = before !== undefined && at < before.until + LONGEST_WAIT ? before : undefined;
  const length = recent === undefined ? FIRST_WAIT : micros(Math.min(recent.length * 2, LONGEST_WAIT));
  return { until: micros(at + length), length, times: (recent?.times ?? 0) + 1 };
}
