/**
 * Something that takes several turns and is wanted again and again. What is asked for while it runs waits until it is done, and then it
 * runs once more for all of that: changes without end must not keep it from an end.
 */
export class Passes {
  readonly #begin: () => void;
  #state: "idle" | "running" | "wanted-again" = "idle";
  #waiting: (() => void)[] = [];

  constructor(begin: () => void) {
    this.#begin = begin;
  }

  /** Begins now, or when the present one is done. */
  request(): void {
    if (this.#state !== "idle") {
      this.#state = "wanted-again";
      return;
    }
    this.#state = "running";
    this.#begin();
  }

  /** The present one is done. */
  done(): void {
    const again = this.#state === "wanted-again";
    this.#state = "idle";
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
    if (again) this.request();
  }

  /** Resolves when the one that runs is done, whether another is wanted or not: there may always be one. */
  ended(): Promise<void> {
    return this.#state === "idle" ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }
}
