import { at, parseJson, textOf } from "./json.ts";

const KINDS = ["answer", "announcement", "question", "probe", "asked"] as const;

/** One thing a tap heard, or asked itself. */
export interface Heard {
  /** Milliseconds of the monotonic clock. */
  readonly at: number;
  readonly kind: (typeof KINDS)[number];
  readonly ip: string;
  readonly mac: string;
}

/** One line of a tap; undefined when it is none. */
export function parseHeard(line: string): Heard | undefined {
  if (!line.startsWith("{")) return undefined;
  const value = parseJson(line);
  const time = at(value, "at");
  const kind = KINDS.find((known) => known === at(value, "kind"));
  if (typeof time !== "number" || kind === undefined) return undefined;
  return { at: time, kind, ip: textOf(at(value, "ip")), mac: textOf(at(value, "mac")) };
}

/** One question of a tap, and who answered it before the next. */
export interface Round {
  readonly at: number;
  readonly macs: readonly string[];
}

/** The finished rounds of one address, oldest first. */
export function roundsOf(heard: readonly Heard[], ip: string): readonly Round[] {
  const rounds: { at: number; macs: string[] }[] = [];
  for (const { at: time, kind, ip: about, mac } of heard) {
    if (about !== ip) continue;
    if (kind === "asked") rounds.push({ at: time, macs: [] });
    else if (kind === "answer") rounds.at(-1)?.macs.push(mac);
  }
  return rounds.slice(0, -1);
}

/** How many answers in a row of one and the same node make it the owner. */
const SURE = 4;

/** The one that answered each of the last questions alone, and once; else what was heard, in words. */
export function ownerIn(rounds: readonly Round[]): { readonly mac: string } | { readonly seen: string } {
  const last = rounds.slice(-SURE);
  const [mac] = last[0]?.macs ?? [];
  if (last.length === SURE && mac !== undefined && last.every(({ macs }) => macs.length === 1 && macs[0] === mac)) {
    return { mac };
  }
  return { seen: last.map(({ macs }) => macs.join("+") || "nobody").join(", ") || "no question yet" };
}

/** The longest time, in milliseconds, for which each question was answered as `wrong` says; 0 when none was. */
export function longest(rounds: readonly Round[], wrong: (macs: ReadonlySet<string>) => boolean): number {
  let begin: number | undefined;
  let most = 0;
  for (const { at: time, macs } of rounds) {
    if (begin !== undefined) most = Math.max(most, time - begin);
    if (!wrong(new Set(macs))) begin = undefined;
    else begin ??= time;
  }
  return most;
}

/** For {@link longest}: more than one node answered. */
export function answeredTwice(macs: ReadonlySet<string>): boolean {
  return macs.size > 1;
}

/** For {@link longest}: no node answered. */
export function unanswered(macs: ReadonlySet<string>): boolean {
  return macs.size === 0;
}
