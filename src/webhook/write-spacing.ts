import { type Micros, micros, seconds } from "../net/micros.ts";

const FREE_WRITES = 4;
const FIRST_SPACING = seconds(15);
const LONGEST_SPACING = seconds(1800);
const MEMORY = seconds(86_400);

/**
 * How long a write waits, given when the last ones were. The first few of a day are free; then the pause doubles, up to half an hour
 * unless told otherwise: whoever always undoes what we write, a tool or a replica whose clock is wrong, gets no storm in answer.
 */
export function writeDelay(writes: readonly Micros[], now: Micros, longest = LONGEST_SPACING): Micros {
  const recent = writes.filter((at) => now - at < MEMORY);
  const last = recent.at(-1);
  if (last === undefined || recent.length < FREE_WRITES) return micros(0);
  const spacing = Math.min(FIRST_SPACING * 2 ** (recent.length - FREE_WRITES), longest);
  return micros(Math.max(last + spacing - now, 0));
}
