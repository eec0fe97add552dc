import { poolName } from "./brands.ts";
import type { Pool, PoolName } from "./config.ts";
import type { LabelSelector } from "./label-selector.ts";
import { selectorMatches } from "./label-selector.ts";
import { readLabelSelectors } from "./label-selector-parse.ts";
import type { FieldReader } from "./read-object.ts";

/** Which pools an advertisement is for, as written. */
export interface PoolSelection {
  readonly names: readonly PoolName[];
  readonly selectors: readonly LabelSelector[];
}

export function readPoolSelection(spec: FieldReader): PoolSelection {
  return {
    names: spec.distinctStrings("ipAddressPools", "pool").map(({ value }) => poolName(value)),
    selectors: readLabelSelectors(spec, "ipAddressPoolSelectors"),
  };
}

/** The pools by name or by label; all of them where neither is given. Unknown names select nothing. */
export function selectPools(selection: PoolSelection, pools: ReadonlyMap<PoolName, Pool>): ReadonlySet<PoolName> {
  const { names, selectors } = selection;
  if (names.length === 0 && selectors.length === 0) return new Set(pools.keys());
  const named = new Set(names.filter((name) => pools.has(name)));
  if (selectors.length === 0) return named;
  const matched = [...pools.values()].filter(({ labels }) => selectors.some((one) => selectorMatches(one, labels)));
  return new Set([...named, ...matched.map(({ name }) => name)]);
}
