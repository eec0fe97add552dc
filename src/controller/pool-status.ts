/** What `status` of an IPAddressPool says: numbers of addresses (reference 3.9). */
export interface PoolStatus {
  readonly assignedIPv4: number;
  readonly assignedIPv6: number;
  readonly availableIPv4: number;
  readonly availableIPv6: number;
}

/** Addresses of one family that a pool has and that are in use. */
export interface FamilyUsage {
  readonly capacity: bigint;
  readonly assigned: bigint;
}

/** The field is an int64, and JSON carries whole numbers exactly up to 2^53 - 1 only: a /64 counts as that many. */
const MOST = BigInt(Number.MAX_SAFE_INTEGER);

/** The status for a pool's usage. */
export function poolStatus(usage: { readonly 4: FamilyUsage; readonly 6: FamilyUsage }): PoolStatus {
  return {
    assignedIPv4: count(usage[4].assigned),
    assignedIPv6: count(usage[6].assigned),
    availableIPv4: count(usage[4].capacity - usage[4].assigned),
    availableIPv6: count(usage[6].capacity - usage[6].assigned),
  };
}

/** Whether the object already says so: a manual edit differs and is written over. */
export function samePoolStatus(actual: unknown, wanted: PoolStatus): boolean {
  if (typeof actual !== "object" || actual === null) return false;
  const fields = new Map(Object.entries(actual));
  return Object.entries(wanted).every(([name, value]) => fields.get(name) === value);
}

function count(n: bigint): number {
  return Number(n < 0n ? 0n : n > MOST ? MOST : n);
}
