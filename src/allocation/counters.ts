import type { Family } from "../net/ip-address.ts";

/** How many addresses of one family a pool has, and how many of them are in use: exact, however wide the pool. */
export interface FamilyCounters {
  readonly capacity: bigint;
  /** Distinct addresses: a shared one counts once. */
  readonly assigned: bigint;
  readonly available: bigint;
}

export type PoolCounters = Readonly<Record<Family, FamilyCounters>>;

const INT64_MAX = (1n << 63n) - 1n;

/** The number as the int64 fields of a pool's status can hold it. */
export function cappedToInt64(count: bigint): bigint {
  return count > INT64_MAX ? INT64_MAX : count;
}
