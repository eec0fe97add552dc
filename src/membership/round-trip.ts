import { type Micros, micros } from "../net/micros.ts";

/** A smoothed round-trip time with its variation (RFC 6298 section 2). */
export interface RoundTrip {
  readonly smoothed: number;
  readonly variation: number;
}

/** What takes longer is no slow network, but a process that stood still; and who did may die next, and must be missed in time. */
const SLOWEST = 300_000;

/** Takes a measurement into account. */
export function measured(before: RoundTrip | undefined, took: number): RoundTrip {
  const sample = Math.min(took, SLOWEST);
  if (before === undefined) return { smoothed: sample, variation: sample / 2 };
  const variation = 0.75 * before.variation + 0.25 * Math.abs(before.smoothed - sample);
  return { smoothed: 0.875 * before.smoothed + 0.125 * sample, variation };
}

/** How long an answer may take: RFC 6298's sum, within bounds. */
export function patience({ smoothed, variation }: RoundTrip): Micros {
  return micros(Math.min(SLOWEST, smoothed + 4 * variation));
}
