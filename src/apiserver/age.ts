const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Two units while the second one still says something. */
function pair(ms: number, big: number, small: number, units: readonly [string, string]): string {
  const high = Math.floor(ms / big);
  const low = Math.floor((ms % big) / small);
  return low === 0 ? `${high}${units[0]}` : `${high}${units[0]}${low}${units[1]}`;
}

/** The age column as kubectl's own printers round it: `45s`, `4m10s`, `25m`, `5h3m`, `2d4h`, `40d`. */
export function humanDuration(ms: number): string {
  if (ms < -SECOND) return "<invalid>";
  if (ms < 2 * MINUTE) return `${Math.max(0, Math.floor(ms / SECOND))}s`;
  if (ms < 10 * MINUTE) return pair(ms, MINUTE, SECOND, ["m", "s"]);
  if (ms < 3 * HOUR) return `${Math.floor(ms / MINUTE)}m`;
  if (ms < 8 * HOUR) return pair(ms, HOUR, MINUTE, ["h", "m"]);
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)}h`;
  if (ms < 8 * DAY) return pair(ms, DAY, HOUR, ["d", "h"]);
  if (ms < 2 * 365 * DAY) return `${Math.floor(ms / DAY)}d`;
  return pair(ms, 365 * DAY, DAY, ["y", "d"]);
}

/** The age of a timestamp, or `<unknown>` when there is none. */
export function ageOf(timestamp: unknown, now: Date): string {
  const then = typeof timestamp === "string" ? Date.parse(timestamp) : Number.NaN;
  return Number.isNaN(then) ? "<unknown>" : humanDuration(now.getTime() - then);
}
