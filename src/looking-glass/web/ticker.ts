/** One timer for all that shows how long ago something was. */
export class Ticker {
  readonly #watchers = new Set<(now: number) => void>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Tells the time once a second until the returned function is called. */
  watch(watcher: (now: number) => void): () => void {
    this.#watchers.add(watcher);
    this.#timer ??= setInterval(() => this.#tick(), 1000);
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #tick(): void {
    const now = Date.now();
    for (const watcher of this.#watchers) watcher(now);
  }
}
