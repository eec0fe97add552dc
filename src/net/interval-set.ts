import { OrderedTree } from "./ordered-tree.ts";

/** A closed interval of values: `first <= last`. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * A set of non-negative values kept as the fewest intervals, so that a whole /8 or /64 is one entry and a lookup, a
 * change or the search for a gap costs O(log n) in the number of intervals. One set is for one family: the values are
 * addresses, or their places in a pool.
 */
export class IntervalSet {
  /** Keyed by the first value of an interval, holding the last. Neighbours are merged, so there is a gap after each. */
  readonly #intervals = new OrderedTree<bigint, undefined>(() => undefined);
  #count = 0n;

  /** How many values are in the set. */
  get count(): bigint {
    return this.#count;
  }

  /** How many intervals they form. */
  get intervalCount(): number {
    return this.#intervals.size;
  }

  has(value: bigint): boolean {
    const at = this.#intervals.floor(value);
    return at !== undefined && value <= at.value;
  }

  add(value: bigint): void {
    this.addRange({ first: value, last: value });
  }

  remove(value: bigint): void {
    this.removeRange({ first: value, last: value });
  }

  /** Adds every value of the range, those already there included. */
  addRange(range: Interval): void {
    let { first, last } = range;
    // Left neighbours that touch or overlap: the one below, then every one that begins inside or right behind.
    const below = this.#intervals.floor(first);
    if (below !== undefined && below.value >= first - 1n) {
      if (below.value >= last) return;
      first = below.key;
      this.#drop(below.key, below.value);
    }
    for (let next = this.#intervals.above(first - 1n); next !== undefined && next.key <= last + 1n; ) {
      if (next.value > last) last = next.value;
      this.#drop(next.key, next.value);
      next = this.#intervals.above(first - 1n);
    }
    this.#put(first, last);
  }

  /** Removes every value of the range, those not there included. */
  removeRange(range: Interval): void {
    const { first, last } = range;
    const below = this.#intervals.floor(first);
    if (below !== undefined && below.value >= first) this.#cut(below.key, below.value, range);
    for (let next = this.#intervals.above(first); next !== undefined && next.key <= last; ) {
      this.#cut(next.key, next.value, range);
      next = this.#intervals.above(first);
    }
  }

  /** The least value from `from` on that is not in the set. */
  nextFree(from: bigint): bigint {
    const at = this.#intervals.floor(from);
    return at === undefined || at.value < from ? from : at.value + 1n;
  }

  /** The intervals, ascending, with a gap between any two. */
  *intervals(): Generator<Interval> {
    for (const { key, value } of this.#intervals.entries()) yield { first: key, last: value };
  }

  #cut(first: bigint, last: bigint, out: Interval): void {
    this.#drop(first, last);
    if (first < out.first) this.#put(first, out.first - 1n);
    if (last > out.last) this.#put(out.last + 1n, last);
  }

  #put(first: bigint, last: bigint): void {
    this.#intervals.set(first, last);
    this.#count += last - first + 1n;
  }

  #drop(first: bigint, last: bigint): void {
    this.#intervals.delete(first);
    this.#count -= last - first + 1n;
  }
}
