/** What is pushed at one end is read at the other, until the signal. */
export class Feed<T> {
  readonly #signal: AbortSignal | undefined;
  #queue: T[] = [];
  #error: Error | undefined;
  #wake: () => void = () => {};

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener("abort", () => this.#wake(), { once: true });
  }

  push(item: T): void {
    this.#queue.push(item);
    this.#wake();
  }

  /** Ends it with an error. */
  break(error: Error): void {
    this.#error = error;
    this.#wake();
  }

  async *items(): AsyncGenerator<T, void> {
    while (this.#signal?.aborted !== true) {
      const items = this.#queue;
      this.#queue = [];
      yield* items;
      if (this.#error !== undefined) throw this.#error;
      if (this.#queue.length > 0) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#signal?.aborted === true) resolve();
      });
    }
  }
}
