import type { Micros } from "../net/micros.ts";

/** A member that somebody found silent, and has not contradicted yet. */
export interface Suspicion {
  /** Since when the clock runs. An answer that comes late starts it again. */
  since: number;
  /** CRC-32 of the names of those who found it silent, each by itself. */
  readonly accusers: Set<number>;
  /** We are one of them: we go on asking, and we decide. The others wait a little longer for our word. */
  own: boolean;
  /** When the suspect is asked again. */
  askAt: number;
}

/** What the suspicion time is made of. */
export interface SuspicionTimes {
  readonly least: Micros;
  readonly most: Micros;
  /** How many could confirm it, besides the first accuser. */
  readonly confirmers: number;
}

/** Confirmations after which the time is the shortest. */
const ENOUGH = 2;

/** Who did not accuse lets those who did come first. */
const BYSTANDERS_SHARE = 1.5;

/**
 * Lifeguard's suspicion time: long for one accuser, who may be the one that is ill, and shorter with every independent confirmation. Where
 * nobody could confirm it stays long.
 */
export function suspicionTime({ accusers, own }: Suspicion, { least, most, confirmers }: SuspicionTimes): number {
  const wanted = Math.min(ENOUGH, confirmers);
  const had = Math.max(0, Math.min(wanted, accusers.size - 1));
  const share = wanted <= 0 ? 0 : Math.log(had + 1) / Math.log(wanted + 1);
  return (most - (most - least) * share) * (own ? 1 : BYSTANDERS_SHARE);
}
