import { type Micros, micros } from "../net/micros.ts";

/** A smoothed round-trip time with its variation (RFC 6298 section 2). */
export interface RoundTrip {
  readonly smoothed: number;
  readonly variation: number;
}

/** Takes a measurement into account. */
export function measured(before: RoundTrip | undefined, sample: number): RoundTrip {
  if (before === undefined) return { smoothed: sample, variation: sample / 2 };
  const variation = 0.75 * before.variation + 0.25 * Math.abs(before.smoothed - sample);
  return { smoothed: 0.875 * before.smoothed + 0.125 * sample, variation };
}

/** How long an answer may take: RFC 6298's sum. */
export function patience({ smoothed, variation }: RoundTrip): Micros {
  return micros(smoothed + 4 * variation);
}
