import type { AddressBlock, Pool } from "../api/config.ts";
import { type Family, IpAddress } from "../net/ip-address.ts";

/** A run of addresses, and the place in the pool of its first. */
interface Segment {
  readonly first: bigint;
  readonly last: bigint;
  readonly rank: bigint;
}

/** How the addresses a pool may hand out are counted: all of them, or all but IPv4's `.0` and `.255`. */
interface Numbering {
  /** Only asked for addresses that may be handed out. */
  number(value: bigint): bigint;
  address(number: bigint): bigint;
  usable(value: bigint): boolean;
}

const EVERY: Numbering = { number: (value) => value, address: (number) => number, usable: () => true };

/** Leaving the two out of the count, and not skipping them in a search, keeps "next free" at O(log n) in a full /8. */
const NOT_BUGGY: Numbering = {
  number: (value) => (value >> 8n) * 254n + (value & 255n) - 1n,
  address: (number) => ((number / 254n) << 8n) + (number % 254n) + 1n,
  usable: (value) => (value & 255n) !== 0n && (value & 255n) !== 255n,
};

/**
 * The addresses of one family that a pool hands out, as places 0, 1, 2 … in the order they are tried: blocks as listed,
 * the lowest address of a block first. "The first free address" is then the first gap in a set of places.
 */
export class PoolSpace {
  readonly family: Family;
  /** How many addresses there are to hand out. */
  readonly capacity: bigint;
  readonly #numbering: Numbering;
  readonly #byRank: readonly Segment[];
  readonly #byAddress: readonly Segment[];

  constructor(pool: Pool, family: Family) {
    this.family = family;
    this.#numbering = pool.avoidBuggyIps && family === 4 ? NOT_BUGGY : EVERY;
    const segments: Segment[] = [];
    let rank = 0n;
    for (const { first, last } of runsOf(pool.blocks, family)) {
      const usable = this.#trim(first, last);
      if (usable === undefined) continue;
      segments.push({ ...usable, rank });
      rank += this.#numbering.number(usable.last) - this.#numbering.number(usable.first) + 1n;
    }
    this.capacity = rank;
    this.#byRank = segments;
    this.#byAddress = segments.toSorted((a, b) => (a.first < b.first ? -1 : 1));
  }

  /** The runs of addresses, for an index over many pools. */
  get runs(): readonly { readonly first: bigint; readonly last: bigint }[] {
    return this.#byAddress;
  }

  /** The place of an address, or undefined where the pool does not hand it out. */
  rankOf(value: bigint): bigint | undefined {
    const segment = lastWhere(this.#byAddress, (s) => s.first <= value);
    if (segment === undefined || value > segment.last || !this.#numbering.usable(value)) return undefined;
    return segment.rank + this.#numbering.number(value) - this.#numbering.number(segment.first);
  }

  /** The address at a place below `capacity`. */
  addressAt(rank: bigint): IpAddress {
    const segment = lastWhere(this.#byRank, (s) => s.rank <= rank);
    if (segment === undefined || rank >= this.capacity) throw new RangeError(`the pool has no place ${rank}`);
    const number = this.#numbering.number(segment.first) + rank - segment.rank;
    return new IpAddress(this.family, this.#numbering.address(number));
  }

  #trim(first: bigint, last: bigint): { first: bigint; last: bigint } | undefined {
    let [from, to] = [first, last];
    while (from <= to && !this.#numbering.usable(from)) from++;
    while (from <= to && !this.#numbering.usable(to)) to--;
    return from <= to ? { first: from, last: to } : undefined;
  }
}

/** The prefixes of each block, joined where one ends right before the next. */
function runsOf(blocks: readonly AddressBlock[], family: Family): readonly { first: bigint; last: bigint }[] {
  const runs: { first: bigint; last: bigint }[] = [];
  for (const prefix of blocks.flatMap((block) => (block.family === family ? block.prefixes : []))) {
    const before = runs.at(-1);
    if (before !== undefined && before.last + 1n === prefix.first.value) before.last = prefix.last.value;
    else runs.push({ first: prefix.first.value, last: prefix.last.value });
  }
  return runs;
}

/** The last element for which `holds`, in a list where it holds for a beginning only. */
export function lastWhere<T>(list: readonly T[], holds: (element: T) => boolean): T | undefined {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const element = list[middle];
    if (element !== undefined && holds(element)) low = middle + 1;
    else high = middle;
  }
  return list[low - 1];
}
