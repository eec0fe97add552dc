/** A time for which something was wrong. */
export interface Span {
  readonly key: string;
  readonly from: number;
  readonly to: number;
}

/** How long things are wrong, each by its key: the times that are over, and those that go on. */
export class Spans {
  readonly #open = new Map<string, number>();
  readonly #closed: Span[] = [];

  /** Something is wrong, or right, at a moment; how long it has been wrong by then. */
  see(key: string, at: number, wrong: boolean): number {
    const from = this.#open.get(key);
    if (wrong) {
      if (from === undefined) this.#open.set(key, at);
      return at - (from ?? at);
    }
    if (from === undefined) return 0;
    this.#open.delete(key);
    this.#closed.push({ key, from, to: at });
    return at - from;
  }

  /** The keys under which something is wrong. */
  get open(): readonly string[] {
    return [...this.#open.keys()];
  }

  /** Ends what goes on. */
  finish(at: number): void {
    for (const key of this.open) this.see(key, at, false);
  }

  get all(): readonly Span[] {
    return this.#closed;
  }
}
