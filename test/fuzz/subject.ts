/** One thing that is fed with chance until the time is up. */
export interface Subject {
  readonly name: string;
  /** Runs for about as long as it is told, or until it has found something. */
  run(seed: number, millis: number): SubjectResult;
}

export interface SubjectResult {
  readonly runs: number;
  /** What was found, with all that is needed to see it again. */
  readonly finding: string | undefined;
}

/** STYLE: no input stalls the loop for longer. */
const STALL_MILLIS = 10;

/** Runs `work` and says how long its slowest part took. */
export type Timed = () => number;

/**
 * Fails when `work` takes too long every time it is tried: a machine that does other things too, or collects garbage, may stop
 * anywhere once.
 */
export function expectNoStall(work: Timed, what: () => string): void {
  let quickest = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 6 && quickest > STALL_MILLIS; attempt++) quickest = Math.min(quickest, work());
  if (quickest > STALL_MILLIS) throw new Error(`${quickest.toFixed(1)} ms for ${what()}`);
}
