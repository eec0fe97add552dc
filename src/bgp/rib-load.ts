import type { Route } from "./route.ts";

const NAMED = 1;
const CHANGED = 2;

/**
 * A whole table on its way into an adj-rib-out, a few routes at a time; what it does not name goes in the end. What was said of a
 * prefix after the table came is newer than what the table says.
 */
export class TableLoad {
  readonly #routes: readonly Route[];
  /** By row. */
  #marks = new Uint8Array(0);
  readonly #changed: number[] = [];
  #next = 0;
  #row = 0;

  /** Many peers may be given one list: it is not copied, and must not change until it is in. */
  constructor(routes: Iterable<Route>) {
    this.#routes = isList(routes) ? routes : [...routes];
  }

  get length(): number {
    return this.#routes.length;
  }

  /** Rows that changed since the table came: their numbers have to keep their meaning until it is in. */
  get changed(): readonly number[] {
    return this.#changed;
  }

  /** The next route, undefined when all are in. */
  nextRoute(): Route | undefined {
    return this.#routes[this.#next++];
  }

  /** The next row to be looked at for what the table does not name, undefined when all below `end` were. */
  nextRow(end: number): number | undefined {
    return this.#row < end ? this.#row++ : undefined;
  }

  /** The table names this row; false when something newer is known. */
  name(row: number): boolean {
    return this.#mark(row, NAMED) !== CHANGED;
  }

  /** The row is something else now, whatever the table says; false when it was so before. */
  change(row: number): boolean {
    if (this.#mark(row, CHANGED) === CHANGED) return false;
    this.#changed.push(row);
    return true;
  }

  /** Whether the table, or somebody after it, has said anything of this row. */
  knows(row: number): boolean {
    return (this.#marks[row] ?? 0) !== 0;
  }

  /** Sets a mark, unless it is the weaker one, and returns the one that was there. */
  #mark(row: number, mark: number): number {
    if (row >= this.#marks.length) this.#grow(row);
    const before = this.#marks[row] ?? 0;
    this.#marks[row] = Math.max(before, mark);
    return before;
  }

  #grow(row: number): void {
    const marks = new Uint8Array(Math.max(row + 1, this.#routes.length, this.#marks.length * 2));
    marks.set(this.#marks);
    this.#marks = marks;
  }
}

function isList(routes: Iterable<Route>): routes is readonly Route[] {
  return Array.isArray(routes);
}
