import type { Lab } from "../runner/lab.ts";
import type { Explanation } from "./answers.ts";
import type { HeraldAsker } from "./asker.ts";

/** Where faults are planted. */
export interface Stage {
  readonly lab: Lab;
  readonly herald: HeraldAsker;
}

/** Takes a fault away again. */
export type Undo = () => Promise<void>;

/** Brings a fault about. */
export type Plant = (stage: Stage) => Promise<Undo>;

/** The cause that `herald explain` has to name first. */
export interface NamedCause {
  readonly cause: string;
  /** `Kind name`; left out where no object is to blame. */
  readonly object?: string;
  readonly field?: string;
  /** What the words say beside that. */
  readonly words?: RegExp;
  /** A part of the one thing to change. */
  readonly change: RegExp;
  readonly answers: Explanation["answers"];
  /** Another cause, which is named after it. */
  readonly also?: string;
}

/** One row: what is planted, what a user asks then, and what the answer has to be. */
export type Fault = {
  readonly name: string;
  readonly plant: Plant;
} & (
  | { readonly ask: readonly string[]; readonly names: NamedCause }
  /** Where no Service is concerned: `herald sessions` of a BGPPeer, and what `herald sessions describe` says is to change. */
  | { readonly sessions: string; readonly says: RegExp; readonly change: RegExp }
  /** Nobody can be asked: what is said instead, and the exit code. */
  | { readonly ask: readonly string[]; readonly complains: RegExp; readonly code: number }
);
