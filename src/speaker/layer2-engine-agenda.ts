import type { Micros } from "../net/micros.ts";

/** Something that wants to be woken. */
export interface Sleeper {
  /** Undefined while nothing is pending. */
  readonly wakeAt: Micros | undefined;
}

interface Alarm<T> {
  readonly at: Micros;
  readonly sleeper: T;
}

/** Who is to be woken next among thousands: a heap, in which alarms that hold no more are passed over. */
export class Agenda<T extends Sleeper> {
  readonly #heap: Alarm<T>[] = [];

  /** To be called when its `wakeAt` is another one. */
  plan(sleeper: T): void {
    const at = sleeper.wakeAt;
    if (at === undefined) return;
    this.#heap.push({ at, sleeper });
    this.#up(this.#heap.length - 1);
  }

  /** When the next one wakes. */
  get next(): Micros | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.sleeper.wakeAt === top.at) return top.at;
      this.#drop();
    }
    return undefined;
  }

  /** Takes out one that is to wake by now. */
  take(now: Micros): T | undefined {
    const at = this.next;
    if (at === undefined || at > now) return undefined;
    const sleeper = this.#heap[0]?.sleeper;
    this.#drop();
    return sleeper;
  }

  #drop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down(0);
  }

  #up(from: number): void {
    for (let at = from; at > 0; ) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(at, above)) return;
      this.#swap(at, above);
      at = above;
    }
  }

  #down(from: number): void {
    for (let at = from; ; ) {
      const left = 2 * at + 1;
      const least = this.#isBefore(left + 1, left) ? left + 1 : left;
      if (!this.#isBefore(least, at)) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    return one !== undefined && other !== undefined && one.at < other.at;
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) return;
    this.#heap[a] = other;
    this.#heap[b] = one;
  }
}
