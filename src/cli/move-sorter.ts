import type { Move } from "../inspection/move.ts";
import { type Micros, millis } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";

/** Nodes tell at their own pace: what comes within this time is put in order before it is shown. */
const REORDER: Micros = millis(300);

/** Puts moves of several nodes in the order of their times; those of one node stay in theirs, whatever its clock does. */
export class MoveSorter {
  readonly #clock: Clock;
  readonly #show: (moves: readonly Move[]) => void;
  #held: Move[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock, show: (moves: readonly Move[]) => void) {
    this.#clock = clock;
    this.#show = show;
  }

  take(move: Move): void {
    this.#held.push(move);
    this.#timer ??= this.#clock.after(REORDER, () => this.flush());
  }

  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const merged = merge(this.#held);
    this.#held = [];
    if (merged.length > 0) this.#show(merged);
  }
}

function merge(moves: readonly Move[]): readonly Move[] {
  const queues = new Map<string, Move[]>();
  for (const move of moves) {
    const queue = queues.get(move.node);
    if (queue === undefined) queues.set(move.node, [move]);
    else queue.push(move);
  }
  const merged: Move[] = [];
  for (let first = earliest(queues); first !== undefined; first = earliest(queues)) {
    merged.push(first);
    queues.get(first.node)?.shift();
  }
  return merged;
}

function earliest(queues: ReadonlyMap<string, readonly Move[]>): Move | undefined {
  let found: Move | undefined;
  for (const [head] of queues.values()) {
    if (head !== undefined && (found === undefined || head.at < found.at)) found = head;
  }
  return found;
}
