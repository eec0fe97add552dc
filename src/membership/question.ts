import type { Place } from "./place.ts";
import type { SessionId } from "./session.ts";

/** What an answer to a number of ours is for. */
export type Purpose =
  /** The regular question: `relayed` when a helper was asked to ask. */
  | { readonly type: "probe"; readonly probe: Probe; readonly relayed: boolean }
  /** Somebody else wants to know. */
  | { readonly type: "relay"; readonly relay: Relay }
  /** A suspect is asked again. */
  | { readonly type: "doubt" }
  /** A dead member is asked whether it is there again. */
  | { readonly type: "revival" }
  /** A session has to send it back before it is believed. */
  | { readonly type: "proof"; readonly session: SessionId }
  | { readonly type: "sync" }
  /** Whether the one who has a name still lives, when another claims it. */
  | { readonly type: "vacancy"; readonly claim: Claim };

/** One member asked, directly and then through others. */
export interface Probe {
  readonly target: string;
  readonly startedAt: number;
  readonly timeout: number;
  stage: "direct" | "indirect" | "failed";
  due: number;
  helpers: number;
  /** CRC-32 of the names of helpers who had no answer either. */
  readonly silentFor: number[];
}

export interface Relay {
  readonly number: number;
  readonly requester: Place;
  readonly due: number;
}

/** A process at another place that has the name of a member. */
export interface Claim {
  readonly name: string;
  readonly place: Place;
  readonly session: SessionId;
  due: number;
}

/** A number of ours that may come back. */
export interface Question {
  /** Who may answer; undefined is whoever knows the number. */
  readonly name: string | undefined;
  readonly purpose: Purpose;
  readonly askedAt: number;
  /** The stalls before it: an answer after another one says nothing about the network. */
  readonly stalls: number;
}

/** How long an answer is waited for, however late: it tells the round trip, and that somebody lives. */
const LIFETIME = 3_000_000;

/** Questions that are open at most: a flood of strangers pushes out the oldest. */
const MOST_QUESTIONS = 4096;

/** The numbers that are out. They go up from one that nobody can know: none ever comes twice, in any life. */
export class Questions {
  readonly #open = new Map<number, Question>();
  #next: number;

  constructor(first: number) {
    this.#next = first;
  }

  add(question: Question): number {
    this.#next = (this.#next + 1) % 2 ** 48 || 1;
    this.#open.set(this.#next, question);
    if (this.#open.size > MOST_QUESTIONS) this.#deleteOldest();
    return this.#next;
  }

  get(number: number): Question | undefined {
    return this.#open.get(number);
  }

  close(number: number): void {
    this.#open.delete(number);
  }

  /** Forgets those that are too old. */
  expire(time: number): void {
    for (const [number, question] of this.#open) {
      if (question.askedAt + LIFETIME > time) break;
      this.#open.delete(number);
    }
  }

  #deleteOldest(): void {
    for (const number of this.#open.keys()) {
      this.#open.delete(number);
      return;
    }
  }
}
