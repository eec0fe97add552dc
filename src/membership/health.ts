/** Worse than this it does not get: a node that is cut off must come to its conclusions in bounded time. */
const WORST = 3;

/**
 * Lifeguard's local health: how much this node has reason to doubt itself before it doubts others. 0 is well; every time it waits for is
 * multiplied by one more.
 */
export class LocalHealth {
  #score = 0;

  get score(): number {
    return this.#score;
  }

  get multiplier(): number {
    return this.#score + 1;
  }

  worse(by = 1): void {
    this.#score = Math.min(WORST, this.#score + by);
  }

  better(): void {
    this.#score = Math.max(0, this.#score - 1);
  }
}
