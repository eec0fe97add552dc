/** Nanoseconds: what Go's time.Duration counts. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const MAX = (1n << 63n) - 1n;
const PART = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;

export const SECOND = 1_000_000_000n;

/**
 * Parses a duration as strictly as Go's time.ParseDuration ("1m30s", "1.5h", "0"), into nanoseconds. A number without
 * a unit, a blank, days, and what does not fit 63 bits are undefined.
 */
export function parseDuration(text: string): bigint | undefined {
  const negative = text.startsWith("-");
  const body = negative || text.startsWith("+") ? text.slice(1) : text;
  if (body === "0") return 0n;
  if (body === "") return undefined;
  let total = 0n;
  for (let at = 0; at < body.length; ) {
    PART.lastIndex = at;
    const match = PART.exec(body);
    const nanoseconds = match === null ? undefined : valueOfPart(match);
    if (nanoseconds === undefined) return undefined;
    total += nanoseconds;
    at = PART.lastIndex;
  }
  if (total > MAX) return undefined;
  return negative ? -total : total;
}

function valueOfPart(match: RegExpExecArray): bigint | undefined {
  const [, whole = "", fraction = "", unit = ""] = match;
  const scale = UNITS[unit];
  if (scale === undefined || whole + fraction === "") return undefined;
  return BigInt(whole === "" ? "0" : whole) * scale + (BigInt(`0${fraction}`) * scale) / 10n ** BigInt(fraction.length);
}
