import { lastWhere } from "../allocation/pool-space.ts";
import type { Pool } from "../api/config.ts";
import { FAMILIES, type Family, type IpAddress } from "../net/ip-address.ts";
import { type IpRange, rangeContains, rangeOfPrefix } from "../net/ip-range.ts";

interface Row {
  readonly range: IpRange;
  readonly pool: Pool;
}

/** Finds the pool of an address in O(log n) of the blocks. Valid pools never overlap, so there is at most one. */
export class PoolIndex {
  readonly #rows: Readonly<Record<Family, readonly Row[]>>;

  constructor(pools: Iterable<Pool>) {
    const rows: Record<Family, Row[]> = { 4: [], 6: [] };
    for (const pool of pools) {
      for (const { family, prefixes } of pool.blocks) {
        for (const prefix of prefixes) rows[family].push({ range: rangeOfPrefix(prefix), pool });
      }
    }
    for (const family of FAMILIES)
      rows[family].sort((a, b) => Number(a.range.first > b.range.first) - Number(a.range.first < b.range.first));
    this.#rows = rows;
  }

  poolOf(address: IpAddress): Pool | undefined {
    const row = lastWhere(this.#rows[address.family], ({ range }) => range.first <= address.value);
    return row !== undefined && rangeContains(row.range, address) ? row.pool : undefined;
  }

  /** The one pool that holds every address; avoidBuggyIPs is about handing out, not about announcing (rule 4.1). */
  poolOfAll(addresses: readonly IpAddress[]): Pool | undefined {
    const [first, ...rest] = addresses;
    const pool = first === undefined ? undefined : this.poolOf(first);
    return rest.every((address) => this.poolOf(address) === pool) ? pool : undefined;
  }
}
