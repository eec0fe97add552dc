import type { Random } from "../../../src/system/random.ts";

/** Chance that can be had again: the same seed gives the same numbers on every machine (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

/** One of a list; undefined when it is empty. */
export function pick<T>(random: Random, all: readonly T[]): T | undefined {
  return all[between(random, 0, all.length - 1)];
}

/** The same values in an order left to chance (Fisher and Yates). */
export function shuffled<T>(random: Random, all: readonly T[]): readonly T[] {
  const rest = [...all];
  const out: T[] = [];
  while (rest.length > 0) out.push(...rest.splice(between(random, 0, rest.length - 1), 1));
  return out;
}
