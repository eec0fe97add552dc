/** Something that changed on a node, as people speak of it. */
type MoveType =
  | "allocated"
  | "released"
  | "announced"
  | "withdrawn"
  | "refused"
  | "elected"
  | "answering"
  | "silent"
  | "conflict"
  | "conflict-cleared"
  | "fenced"
  | "unfenced"
  | "session-up"
  | "session-down"
  | "member-joined"
  | "member-gone"
  | "draining";

/** How welcome each is to whoever runs the network. */
export const MOVE_TONES: Readonly<Record<MoveType, "good" | "doubtful" | "bad" | "quiet">> = {
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

/** One move of a node, with its reason. */
export interface Move {
  readonly node: string;
  /** Grows by one with every move of this node since its speaker was started. */
  readonly seq: number;
  readonly at: string;
  readonly type: MoveType;
  readonly protocol?: "bgp" | "layer2" | undefined;
  readonly service?: string | undefined;
  readonly addresses?: readonly string[] | undefined;
  readonly peer?: string | undefined;
  /** The node or speaker that it is about, where that is another one. */
  readonly other?: string | undefined;
  /** One word, the same as in refusals and metrics. */
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

/** In the stream of a node: so many moves were forgotten before they could be told. */
export interface Lost {
  readonly node: string;
  readonly lost: number;
}

/** A move before it is recorded. */
export type MoveContent = Omit<Move, "node" | "seq" | "at">;

const KEPT = 2000;

/**
 * The latest moves of a node, in order. Whoever follows keeps the number of the last one it was told and asks for what came after:
 * so a reader that is slow costs nothing, and misses what was forgotten meanwhile.
 */
export class MoveRing {
  readonly #node: string;
  readonly #now: () => Date;
  readonly #limit: number;
  readonly #moves: Move[] = [];
  #next = 0;

  constructor(node: string, now: () => Date, limit: number = KEPT) {
    this.#node = node;
    this.#now = now;
    this.#limit = limit;
  }

  record(content: MoveContent): void {
    this.#moves.push({ node: this.#node, seq: this.#next++, at: this.#now().toISOString(), ...content });
    // Dropped in lots: to shift a long array costs as much as its length.
    if (this.#moves.length >= 2 * this.#limit) this.#moves.splice(0, this.#moves.length - this.#limit);
  }

  /** The number that the next move will have. */
  get next(): number {
    return this.#next;
  }

  /** The moves from this number on, and how many of those are forgotten. */
  from(seq: number): { readonly moves: readonly Move[]; readonly lost: number } {
    const first = Math.max(this.#next - Math.min(this.#limit, this.#moves.length), 0);
    const start = Math.max(seq, first);
    return { moves: this.#moves.slice(this.#moves.length - (this.#next - start)), lost: Math.max(0, first - seq) };
  }
}
