/** The latest of a row that does not end. */
export class Recent<T> {
  readonly #limit: number;
  #items: T[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  get last(): T | undefined {
    return this.#items.at(-1);
  }

  push(item: T): void {
    this.#items.push(item);
    // Dropped in lots: to shift a long array costs as much as its length.
    if (this.#items.length >= 2 * this.#limit) this.#items = this.#items.slice(-this.#limit);
  }

  /** Puts another one in the place of the latest. */
  replaceLast(item: T): void {
    this.#items.pop();
    this.#items.push(item);
  }

  /** The latest ones, the oldest first. */
  latest(count: number = this.#limit): readonly T[] {
    return this.#items.slice(-Math.min(count, this.#limit));
  }
}
