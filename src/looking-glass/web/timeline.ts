/** A stretch of time between two moments, in milliseconds. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** Something that was so from then until then, or still is. */
export interface Lasting {
  readonly start: string;
  readonly end?: string | undefined;
}

/** Where it lies in a stretch of time, in percent of it; undefined where it is outside. */
export function placeIn(
  { from, to }: Stretch,
  { start, end }: Lasting,
): { readonly left: number; readonly width: number } | undefined {
  const length = Math.max(1, to - from);
  const begins = Math.max(from, Date.parse(start));
  const ends = Math.min(to, end === undefined ? to : Date.parse(end));
  if (ends < from || begins > to || ends < begins) return undefined;
  return { left: ((begins - from) / length) * 100, width: ((ends - begins) / length) * 100 };
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440].map((minutes) => minutes * 60_000);

/** Moments to write beneath a stretch of time, at most so many. */
export function ticksOf({ from, to }: Stretch, most: number): readonly number[] {
  const step = STEPS.find((one) => (to - from) / one <= most) ?? to - from;
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, index) => first + index * step);
}
