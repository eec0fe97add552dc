import { type Micros, micros } from "../net/micros.ts";

/** How many at once, and how long until one more. */
export interface Budget {
  readonly burst: number;
  readonly refill: Micros;
}

/** What is left of a budget, and since when it grows back. */
export interface TokenBucket {
  readonly tokens: number;
  readonly at: Micros;
}

/** Takes one token if there is one; a bucket that nobody knows is full. */
export function takeToken(
  bucket: TokenBucket | undefined,
  now: Micros,
  budget: Budget,
): { readonly bucket: TokenBucket; readonly taken: boolean } {
  const before = bucket ?? { tokens: budget.burst, at: now };
  const grown = Math.max(Math.floor((now - before.at) / budget.refill), 0);
  const tokens = Math.min(before.tokens + grown, budget.burst);
  const at = tokens === budget.burst ? now : micros(before.at + grown * budget.refill);
  if (tokens === 0) return { bucket: { tokens, at }, taken: false };
  return { bucket: { tokens: tokens - 1, at }, taken: true };
}

/** A map that forgets what was not written for the longest time. */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#limit) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }
}
