import type { ObjectName } from "../../inspection/explain/finding.ts";

const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const [MINUTE, HOUR, DAY] = [60, 3600, 86_400];

/** How long, in the two largest units: `42s`, `3m 20s`, `5h 2m`, `12d`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < MINUTE) return `${seconds}s`;
  if (seconds < 10 * MINUTE) return two(seconds, MINUTE, "m", 1, "s");
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < DAY) return two(seconds, HOUR, "h", MINUTE, "m");
  if (seconds < 10 * DAY) return two(seconds, DAY, "d", HOUR, "h");
  return `${Math.floor(seconds / DAY)}d`;
}

function two(seconds: number, large: number, name: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)}${name}${rest === 0 ? "" : ` ${rest}${smallName}`}`;
}

/** The time of day, with the day where it is not today. */
export function formatTime(at: string, now: number): string {
  const date = new Date(at);
  const time = date.toTimeString().slice(0, 8);
  return now - date.getTime() < DAY * 1000 ? time : `${at.slice(0, 10)} ${time}`;
}

/** `1,234`; counts beyond what a number holds come as text, and are said in powers of ten. */
export function formatCount(count: number | string): string {
  if (typeof count === "number") return count.toLocaleString("en");
  if (count.length <= 15) return Number(count).toLocaleString("en");
  const exponent = [...`${count.length - 1}`].map((digit) => SUPERSCRIPT[Number(digit)]).join("");
  return `${count[0]}.${count[1]}×10${exponent}`;
}

/** `1 Service`, `3 Services`. */
export function counted(count: number | string, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 || count === "1" ? noun : plural}`;
}

/** Names with numbers in them, as people order them. */
export function byName(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** `Kind name`, as the commands name objects. */
export function formatObject({ kind, namespace, name }: ObjectName): string {
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
