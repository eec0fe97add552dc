import type { NodeName } from "../api/config.ts";
import { type Micros, micros } from "../net/micros.ts";

/** Which nodes have been there or were spoken of and are not there now, and since when. */
export class GoneNodes {
  readonly #grace: Micros;
  readonly #since = new Map<NodeName, Micros>();
  #known: ReadonlySet<NodeName> = new Set();

  /** @param grace how long a node may be away: one that is installed anew comes back under its name */
  constructor(grace: Micros) {
    this.#grace = grace;
  }

  /** These nodes are there now. */
  observe(nodes: ReadonlySet<NodeName>, now: Micros): void {
    for (const node of this.#since.keys()) if (nodes.has(node)) this.#since.delete(node);
    const before = this.#known;
    this.#known = new Set(nodes);
    for (const node of before) this.spokenOf(node, now);
  }

  /** There are objects about a node. */
  spokenOf(node: NodeName, now: Micros): void {
    if (!this.#known.has(node) && !this.#since.has(node)) this.#since.set(node, now);
  }

  /** Those that have been away for so long that they will not come back. */
  goneAt(now: Micros): readonly NodeName[] {
    return [...this.#since].flatMap(([node, since]) => (since + this.#grace <= now ? [node] : []));
  }

  /** When the next node will have been away for too long; undefined when all are there. */
  nextAt(): Micros | undefined {
    const first = Math.min(...this.#since.values());
    return Number.isFinite(first) ? micros(first + this.#grace) : undefined;
  }

  /** Nothing is left of it, or somebody answers for it: its time begins anew if it is spoken of again. */
  forget(node: NodeName): void {
    this.#since.delete(node);
  }
}
