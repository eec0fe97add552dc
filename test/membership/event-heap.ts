interface Entry<T> {
  readonly at: number;
  readonly seq: number;
  readonly value: T;
}

/** What comes next in time; of one instant in the order of arrival. */
export class EventHeap<T> {
  readonly #heap: Entry<T>[] = [];
  #seq = 0;

  push(at: number, value: T): void {
    const heap = this.#heap;
    const entry = { at, seq: this.#seq++, value };
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !before(entry, parent)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = entry;
  }

  /** The next one that is not after `end`. */
  pop(end: number): Entry<T> | undefined {
    const heap = this.#heap;
    const [top] = heap;
    if (top === undefined || top.at > end) return undefined;
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) this.#sink(last);
    return top;
  }

  #sink(entry: Entry<T>): void {
    const heap = this.#heap;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      let child = heap[down];
      const right = heap[down + 1];
      if (child === undefined) break;
      if (right !== undefined && before(right, child)) {
        child = right;
        down += 1;
      }
      if (!before(child, entry)) break;
      heap[i] = child;
      i = down;
    }
    heap[i] = entry;
  }
}

function before<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq);
}
