import type { Move } from "../inspection/move.ts";
import { Recent } from "./bounded.ts";
import type { Health, JournalEntry, JournalView } from "./model.ts";

/** Which moves are meant; undefined takes all. */
export interface JournalFilter {
  readonly node?: string | undefined;
  readonly service?: string | undefined;
  readonly peer?: string | undefined;
  readonly type?: string | undefined;
  /** Only older ones than this. */
  readonly before?: number | undefined;
}

const KEPT = 5000;
const MOST_TOLD = 200;

const HEALTH: Readonly<Record<Move["type"], Health>> = {
  allocated: "good",
  released: "doubtful",
  announced: "good",
  withdrawn: "doubtful",
  refused: "bad",
  elected: "quiet",
  answering: "good",
  silent: "doubtful",
  conflict: "bad",
  "conflict-cleared": "good",
  fenced: "bad",
  unfenced: "good",
  "session-up": "good",
  "session-down": "bad",
  "member-joined": "good",
  "member-gone": "bad",
  draining: "doubtful",
};

/** The latest moves of all nodes, in the order they were told. */
export class Journal {
  readonly #entries = new Recent<JournalEntry>(KEPT);
  #next = 1;
  #told = 1;

  record(move: Move): void {
    this.#entries.push({ entry: this.#next++, health: HEALTH[move.type], move });
  }

  /** The latest first. */
  find(filter: JournalFilter, limit: number): Pick<JournalView, "entries" | "more"> {
    const entries: JournalEntry[] = [];
    const all = this.#entries.latest();
    for (let i = all.length - 1; i >= 0; i--) {
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
    return { entries: this.#entries.latest(count), lost: fresh - count };
  }
}

function isMeant({ entry, move }: JournalEntry, { node, service, peer, type, before }: JournalFilter): boolean {
  if (before !== undefined && entry >= before) return false;
  if (node !== undefined && move.node !== node) return false;
  if (service !== undefined && move.service !== service) return false;
  if (peer !== undefined && move.peer !== peer) return false;
  return type === undefined || move.type === type;
}
