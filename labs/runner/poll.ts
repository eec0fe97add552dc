import { setTimeout as sleep } from "node:timers/promises";
import { CodedError } from "../../src/wire/errors.ts";
import { InterruptedError, LabCheckError } from "./errors.ts";

/** One look at the world: what was wanted, or what was seen instead. */
export type Look<T> = { readonly value: T } | { readonly seen: string };

export interface Patience {
  /** Milliseconds until it counts as failed. */
  readonly within: number;
  /** Milliseconds between looks. */
  readonly every?: number;
  readonly signal?: AbortSignal;
  /** A reason to give up at once, such as a program that died. */
  readonly hopeless?: () => string | undefined;
}

export interface Met<T> {
  readonly value: T;
  /** Milliseconds from the first look to the one that saw it. */
  readonly took: number;
}

/**
 * Looks again and again until it sees what it wants. A look that throws one of our errors counts as not yet.
 * @throws LabCheckError that says what was wanted, for how long, and what was seen last.
 */
export async function until<T>(wanted: string, patience: Patience, look: () => Promise<Look<T>>): Promise<Met<T>> {
  const start = performance.now();
  let seen = "nothing yet";
  for (;;) {
    if (patience.signal?.aborted === true) throw new InterruptedError("interrupted");
    const result = await lookOnce(look);
    const took = performance.now() - start;
    if ("value" in result) return { value: result.value, took };
    seen = result.seen;
    const hopeless = patience.hopeless?.();
    if (hopeless !== undefined) throw new LabCheckError(`${wanted}: given up, ${hopeless}; last seen: ${seen}`);
    if (took > patience.within) {
      throw new LabCheckError(`${wanted}: not within ${(patience.within / 1000).toFixed(1)} s; last seen: ${seen}`);
    }
    await sleep(patience.every ?? 25);
  }
}

async function lookOnce<T>(look: () => Promise<Look<T>>): Promise<Look<T>> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof CodedError && !(error instanceof InterruptedError)) return { seen: error.message };
    throw error;
  }
}

/** Lets time pass, where there is nothing to see. */
export async function pause(milliseconds: number): Promise<void> {
  await sleep(milliseconds);
}
