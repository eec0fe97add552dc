import type { Bench } from "./bench.ts";
import type { Feature } from "./features.ts";

/** One promise, to be kept with every router that can take part. */
export interface InteropCase {
  readonly name: string;
  /** The row of the table. */
  readonly title: string;
  /** What the engine has to have; a build without is "not yet". */
  readonly needs?: readonly Feature[];
  /** Runs it; what it returns is shown behind the time. @throws LabCheckError when the promise is not kept. */
  run(bench: Bench): Promise<string | undefined>;
}

/** How a case ended with one router. */
export type Verdict = "ok" | "failed" | "not yet" | "n/a";

export interface Cell {
  readonly router: string;
  readonly case: string;
  readonly verdict: Verdict;
  /** Milliseconds. */
  readonly took: number;
  /** Why it failed, what is not there yet, or why it cannot be. */
  readonly detail: string;
}
