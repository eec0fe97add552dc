import type { IpAddress } from "../net/ip-address.ts";
import type { Micros } from "../net/micros.ts";
import { step } from "./fsm.ts";
import type { BgpState, Effect, Fsm, FsmEvent } from "./fsm-values.ts";
import { MESSAGE_TYPE } from "./iana.ts";
import { HEADER_LENGTH } from "./message/header.ts";

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

/** One end of a connection. */
export interface JournalEnd {
  readonly address: IpAddress;
  readonly port: number;
}

/** Between which ends the messages of a connection went. */
export interface JournalConnection {
  readonly connection: number;
  readonly at: Micros;
  /** Who opened it. */
  readonly direction: "incoming" | "outgoing";
  readonly local: JournalEnd;
  readonly remote: JournalEnd;
}

/** How much a session remembers. */
interface JournalLimits {
  /** Steps that changed the state or ended in a NOTIFICATION. */
  readonly changes: number;
  /** All others, of which a quiet session makes two every keepalive time. */
  readonly routine: number;
  readonly messages: number;
  /** Octets of messages, whatever their number. */
  readonly octets: number;
  /** OPENs and NOTIFICATIONs older than those: nothing else can be read without the one, or explained without the other. */
  readonly landmarks: number;
  readonly connections: number;
}

const LIMITS: JournalLimits = {
  changes: 128,
  routine: 64,
  messages: 64,
  octets: 64 * 1024,
  landmarks: 16,
  // Every one begins with an OPEN: those of all messages that are remembered are among the latest of this many.
  connections: 80,
};

/** A message as it is kept. */
export type KeptMessage = Omit<JournalMessage, "bytes"> & { readonly bytes: Uint8Array };

const LANDMARKS: readonly (number | undefined)[] = [MESSAGE_TYPE.open, MESSAGE_TYPE.notification];

/** What happened on a session lately: bounded, and what changed something outlives what did not. */
export class Journal {
  readonly #limits: JournalLimits;
  readonly #changes: JournalStep[] = [];
  readonly #routine: JournalStep[] = [];
  readonly #messages: KeptMessage[] = [];
  readonly #landmarks: KeptMessage[] = [];
  readonly #connections: JournalConnection[] = [];
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
      this.#forgetOldest();
    }
  }

  /** Remembers between which ends a connection is. */
  recordConnection(connection: JournalConnection): void {
    this.#connections.push(connection);
    if (this.#connections.length > this.#limits.connections) this.#connections.shift();
  }

  /** The latest connections, oldest first. */
  connections(): readonly JournalConnection[] {
    return [...this.#connections];
  }

  /** The messages that are remembered, from this number on, oldest first. */
  messagesFrom(seq: number): readonly KeptMessage[] {
    return [...this.#landmarks, ...this.#messages].filter((one) => one.seq >= seq);
  }

  /** Everything remembered, oldest first, as values that survive JSON. */
  lines(): readonly JournalLine[] {
    const messages = this.messagesFrom(0).map((one): JournalMessage => ({ ...one, bytes: [...one.bytes] }));
    return [...this.steps(), ...messages].sort((a, b) => a.seq - b.seq);
  }

  /** The steps that are remembered, oldest first. */
  steps(): readonly JournalStep[] {
    return [...this.#changes, ...this.#routine].sort((a, b) => a.seq - b.seq);
  }

  #forgetOldest(): void {
    const oldest = this.#messages.shift();
    if (oldest === undefined) return;
    this.#octets -= oldest.bytes.length;
    if (!LANDMARKS.includes(oldest.bytes[HEADER_LENGTH - 1])) return;
    this.#landmarks.push(oldest);
    if (this.#landmarks.length > this.#limits.landmarks) this.#landmarks.shift();
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
