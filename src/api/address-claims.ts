import type { Family } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import { type IpRange, rangeOfPrefix, rangesOverlap } from "../net/ip-range.ts";

/** A piece of a pool. */
export interface PlacedPrefix {
  readonly pool: string;
  readonly prefix: IpPrefix;
}

interface Row extends PlacedPrefix {
  readonly range: IpRange;
}

/** Who holds which prefix, without overlaps: finds the one in the way of another in O(log n). */
export class AddressClaims {
  readonly #rows: Record<Family, Row[]> = { 4: [], 6: [] };

  /** The message that the first of these prefixes that is taken gives, which users and tests look for. */
  conflictOf(pool: string, prefixes: readonly IpPrefix[]): string | undefined {
    for (const prefix of prefixes) {
      const taken = this.#overlapping(rangeOfPrefix(prefix));
      if (taken !== undefined) return overlapMessage({ pool, prefix }, taken);
    }
    return undefined;
  }

  /** Claims prefixes that conflict with nothing claimed. */
  claim(pool: string, prefixes: readonly IpPrefix[]): void {
    for (const prefix of prefixes) {
      const range = rangeOfPrefix(prefix);
      this.#rows[range.family].splice(this.#position(range), 0, { pool, prefix, range });
    }
  }

  #overlapping(range: IpRange): PlacedPrefix | undefined {
    const rows = this.#rows[range.family];
    const at = this.#position(range);
    return [rows[at - 1], rows[at]].find((row) => row !== undefined && rangesOverlap(row.range, range));
  }

  /** How many rows begin before this range does. */
  #position(range: IpRange): number {
    const rows = this.#rows[range.family];
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = rows[middle];
      if (row !== undefined && row.range.first < range.first) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function overlapMessage(own: PlacedPrefix, taken: PlacedPrefix): string {
  const fragment = `CIDR "${own.prefix}" in pool "${own.pool}" overlaps with already defined CIDR "${taken.prefix}"`;
  return own.pool === taken.pool ? fragment : `${fragment} of pool "${taken.pool}"`;
}
