import { MOVE_TONES, type Move } from "../inspection/move.ts";
import { Recent } from "./bounded.ts";
import type { JournalEntry, JournalView } from "./model.ts";

/** Which moves are meant; undefined takes all. */
export interface JournalFilter {
  readonly node?: string | undefined;
  readonly service?: string | undefined;
  readonly peer?: string | undefined;
  readonly type?: string | undefined;
  /** Only those that come after this one in the list. */
  readonly before?: number | undefined;
}

const KEPT = 5000;
const MOST_TOLD = 200;

/** The latest moves of all nodes. Each node tells its past when it is asked first: what is old comes after what is new. */
export class Journal {
  readonly #entries: JournalEntry[] = [];
  readonly #latest = new Recent<JournalEntry>(MOST_TOLD);
  #isSorted = true;
  #next = 1;
  #told = 1;

  record(move: Move): void {
    const entry = { entry: this.#next++, health: MOVE_TONES[move.type], move };
    this.#isSorted &&= (this.#entries.at(-1)?.move.at ?? "") <= move.at;
    this.#entries.push(entry);
    this.#latest.push(entry);
    if (this.#entries.length >= 2 * KEPT) this.#sorted().splice(0, KEPT);
  }

  /** The latest first. */
  find(filter: JournalFilter, limit: number): Pick<JournalView, "entries" | "more"> {
    const entries: JournalEntry[] = [];
    const all = this.#sorted();
    const { before } = filter;
    const end = before === undefined ? all.length : all.findLastIndex(({ entry }) => entry === before);
    for (let i = end - 1; i >= 0; i--) {
      const entry = all[i];
      if (entry === undefined || !isMeant(entry, filter)) continue;
      if (entries.length === limit) return { entries, more: true };
      entries.push(entry);
    }
    return { entries, more: false };
  }

  /** What came since this was asked last, the oldest first, and how many there was no room for. */
  takeChanges(): { readonly entries: readonly JournalEntry[]; readonly lost: number } {
    const fresh = this.#next - this.#told;
    this.#told = this.#next;
    if (fresh === 0) return { entries: [], lost: 0 };
    const count = Math.min(fresh, MOST_TOLD);
    return { entries: this.#latest.latest(count), lost: fresh - count };
  }

  #sorted(): JournalEntry[] {
    if (!this.#isSorted) this.#entries.sort(byTime);
    this.#isSorted = true;
    return this.#entries;
  }
}

function byTime(a: JournalEntry, b: JournalEntry): number {
  return a.move.at < b.move.at ? -1 : a.move.at > b.move.at ? 1 : a.entry - b.entry;
}

function isMeant({ move }: JournalEntry, { node, service, peer, type }: JournalFilter): boolean {
  if (node !== undefined && move.node !== node) return false;
  if (service !== undefined && move.service !== service) return false;
  if (peer !== undefined && move.peer !== peer) return false;
  return type === undefined || move.type === type;
}
