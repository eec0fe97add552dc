import type { Micros } from "../net/micros.ts";
import { type BgpState, type Effect, type Fsm, type FsmEvent, step } from "./fsm.ts";

/**
 * One step of a state machine with all that went into it: it can be taken again from this line alone. `connection` tells the
 * connections of a session apart.
 */
export interface JournalStep {
  readonly type: "step";
  readonly seq: number;
  readonly at: Micros;
  readonly connection: number;
  readonly before: Fsm;
  readonly event: FsmEvent;
  readonly chance: number;
  readonly after: BgpState;
  readonly effects: readonly Effect[];
}

/** A whole message, header included, as it was on the wire. */
interface JournalMessage {
  readonly type: "message";
  readonly seq: number;
  readonly at: Micros;
  readonly connection: number;
  readonly direction: "in" | "out";
  readonly bytes: readonly number[];
}

export type JournalLine = JournalStep | JournalMessage;

/** How much a session remembers. */
interface JournalLimits {
  /** Steps that changed the state or ended in a NOTIFICATION. */
  readonly changes: number;
  /** All others, of which a quiet session makes two every keepalive time. */
  readonly routine: number;
  readonly messages: number;
  /** Octets of messages, whatever their number. */
  readonly octets: number;
}

const LIMITS: JournalLimits = { changes: 128, routine: 64, messages: 64, octets: 64 * 1024 };

type KeptMessage = Omit<JournalMessage, "bytes"> & { readonly bytes: Uint8Array };

/** What happened on a session lately: bounded, and what changed something outlives what did not. */
export class Journal {
  readonly #limits: JournalLimits;
  readonly #changes: JournalStep[] = [];
  readonly #routine: JournalStep[] = [];
  readonly #messages: KeptMessage[] = [];
  #octets = 0;
  #seq = 0;

  constructor(limits: JournalLimits = LIMITS) {
    this.#limits = limits;
  }

  /** Remembers a step that was taken. */
  recordStep(taken: Omit<JournalStep, "type" | "seq">): void {
    const changed = taken.before.state !== taken.after || taken.effects.some((effect) => effect.type === "close");
    const ring = changed ? this.#changes : this.#routine;
    ring.push({ type: "step", seq: this.#seq++, ...taken });
    if (ring.length > (changed ? this.#limits.changes : this.#limits.routine)) ring.shift();
  }

  /** Remembers a message; the octets are copied. */
  recordMessage(seen: Omit<KeptMessage, "type" | "seq">): void {
    this.#messages.push({ type: "message", seq: this.#seq++, ...seen, bytes: seen.bytes.slice() });
    this.#octets += seen.bytes.length;
    while (this.#messages.length > this.#limits.messages || this.#octets > this.#limits.octets) {
      this.#octets -= this.#messages.shift()?.bytes.length ?? 0;
    }
  }

  /** Everything remembered, oldest first, as values that survive JSON. */
  lines(): readonly JournalLine[] {
    const messages = this.#messages.map((one): JournalMessage => ({ ...one, bytes: [...one.bytes] }));
    return [...this.#changes, ...this.#routine, ...messages].sort((a, b) => a.seq - b.seq);
  }
}

/** One line of JSON for each: what a file in the field, and a test made from it, contains. */
export function formatJournal(lines: readonly JournalLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** Reads what `formatJournal` wrote. @throws SyntaxError for what is not JSON */
export function parseJournal(text: string): readonly JournalLine[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as JournalLine);
}

/** Takes a recorded step again, with the code as it is now. */
export function replayStep({ before, event, chance }: JournalStep): {
  readonly after: BgpState;
  readonly effects: readonly Effect[];
} {
  const { fsm, effects } = step(before, event, chance);
  return { after: fsm.state, effects };
}
