import type { Origination } from "./packing.ts";
import { AttributeSets } from "./rib-attributes.ts";
import { PrefixTable } from "./rib-prefixes.ts";
import { UpdateGroup } from "./update-group.ts";

/** What all peers of a speaker share: prefixes and attribute sets as numbers, and the update groups. */
export class RouteStore {
  readonly prefixes = new PrefixTable();
  readonly sets = new AttributeSets((set) => this.#forget(set));
  readonly #groups = new Map<string, UpdateGroup>();
  /** How many peers have, or are to have, a row's prefix. */
  #holders = new Uint32Array(0);

  get groups(): Iterable<UpdateGroup> {
    return this.#groups.values();
  }

  /** The group of the peers that get just these octets. */
  join(origination: Origination): UpdateGroup {
    const key = JSON.stringify(origination);
    const group = this.#groups.get(key) ?? new UpdateGroup(key, origination, this);
    this.#groups.set(key, group);
    group.count(1);
    return group;
  }

  leave(group: UpdateGroup): void {
    group.count(-1);
    if (group.members === 0) this.#groups.delete(group.key);
  }

  hold(row: number): void {
    if (row >= this.#holders.length) {
      const bigger = new Uint32Array(Math.max(row + 1, this.#holders.length * 2));
      bigger.set(this.#holders);
      this.#holders = bigger;
    }
    this.#holders[row] = this.#holdersOf(row) + 1;
  }

  release(row: number): void {
    const holders = this.#holdersOf(row) - 1;
    this.#holders[row] = holders;
    if (holders === 0) this.prefixes.remove(row);
  }

  #holdersOf(row: number): number {
    return this.#holders[row] ?? 0;
  }

  #forget(set: number): void {
    for (const group of this.#groups.values()) group.forget(set);
  }
}
