import { type Update, updateSize } from "./update.ts";

interface Broadcast {
  readonly update: Update;
  left: number;
}

/** News that is still to be told, on packets that go out anyway: what was told least often first. */
export class Broadcasts {
  readonly #fresh = new Map<string, Broadcast>();
  readonly #told = new Map<string, Broadcast>();

  /** Newer news of a member takes the place of older. */
  add(update: Update, times: number): void {
    this.#told.delete(update.name);
    this.#fresh.set(update.name, { update, left: times });
  }

  get isEmpty(): boolean {
    return this.#fresh.size === 0 && this.#told.size === 0;
  }

  /** Puts as much of it behind `into` as has room. */
  fill(into: Update[], room: number): void {
    if (this.isEmpty) return;
    const besides = new Set(into.map(({ name }) => name));
    let space = room;
    const taken: Broadcast[] = [];
    for (const queue of [this.#fresh, this.#told]) {
      for (const broadcast of queue.values()) {
        if (into.length >= MOST_UPDATES || space < SMALLEST) break;
        const size = updateSize(broadcast.update);
        if (size > space || besides.has(broadcast.update.name)) continue;
        space -= size;
        into.push(broadcast.update);
        taken.push(broadcast);
      }
    }
    for (const broadcast of taken) this.#tell(broadcast);
  }

  #tell(broadcast: Broadcast): void {
    const { name } = broadcast.update;
    this.#fresh.delete(name);
    this.#told.delete(name);
    broadcast.left -= 1;
    if (broadcast.left > 0) this.#told.set(name, broadcast);
  }
}

/** Their number is one octet on the wire. */
const MOST_UPDATES = 255;
/** Octets below which nothing more fits. */
const SMALLEST = 13;
