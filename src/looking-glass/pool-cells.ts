import type { Pool } from "../api/config.ts";
import { addressBits, FAMILIES, type Family, IpAddress } from "../net/ip-address.ts";
import type { Holding } from "./allocation-survey.ts";
import type { PoolCell } from "./model.ts";

/** Which part of a pool is looked at, and in how many cells. */
export interface CellQuestion {
  readonly cells: number;
  readonly first?: IpAddress | undefined;
  readonly last?: IpAddress | undefined;
}

interface Run {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/** A pool as cells of addresses, each of a power of two in size and all of one family in the same, so that they look like prefixes. */
export function poolCells(pool: Pool, holdings: readonly Holding[], question: CellQuestion): readonly PoolCell[] {
  const runs = runsOf(pool, question);
  const families = FAMILIES.filter((family) => runs.some((run) => run.family === family));
  const most = Math.max(1, Math.floor(question.cells / Math.max(1, families.length)));
  return families.flatMap((family) => {
    const own = runs.filter((run) => run.family === family);
    const values = holdings.flatMap(({ ip }) => (ip.family === family ? [ip.value] : []));
    return cellsOf(own, { bits: bitsFor(own, most), most }, values, pool.avoidBuggyIps);
  });
}

/** Whether the address is in the part that is looked at. */
export function isWithin(
  { family, value }: IpAddress,
  first: IpAddress | undefined,
  last: IpAddress | undefined,
): boolean {
  if (first !== undefined && (family !== first.family || value < first.value)) return false;
  return last === undefined || (family === last.family && value <= last.value);
}

/** The addresses in question, ascending and without gaps inside a run: neighbouring prefixes become one. */
function runsOf(pool: Pool, { first, last }: CellQuestion): readonly Run[] {
  const runs: Run[] = [];
  const all = pool.blocks.flatMap(({ family, prefixes }) =>
    prefixes.map((prefix) => ({ family, first: prefix.first.value, last: prefix.last.value })),
  );
  for (const run of all.sort((a, b) => a.family - b.family || (a.first < b.first ? -1 : 1))) {
    const cut = trimmed(run, first, last);
    const before = runs.at(-1);
    if (cut === undefined) continue;
    if (before?.family === cut.family && before.last + 1n === cut.first)
      runs.splice(-1, 1, { ...before, last: cut.last });
    else runs.push(cut);
  }
  return runs;
}

function trimmed(
  { family, first, last }: Run,
  from: IpAddress | undefined,
  to: IpAddress | undefined,
): Run | undefined {
  if ((from !== undefined && from.family !== family) || (to !== undefined && to.family !== family)) return undefined;
  const low = from !== undefined && from.value > first ? from.value : first;
  const high = to !== undefined && to.value < last ? to.value : last;
  return low > high ? undefined : { family, first: low, last: high };
}

/** The smallest cells of which there are not too many. */
function bitsFor(runs: readonly Run[], most: number): bigint {
  const [run] = runs;
  const widest = run === undefined ? 0 : addressBits(run.family);
  for (let bits = 0n; bits < BigInt(widest); bits++) if (cellCount(runs, bits) <= BigInt(most)) return bits;
  return BigInt(widest);
}

function cellCount(runs: readonly Run[], bits: bigint): bigint {
  return runs.reduce((sum, { first, last }) => sum + (last >> bits) - (first >> bits) + 1n, 0n);
}

/** Runs that are too many even for a cell each are cut off. Values are ascending. */
function cellsOf(
  runs: readonly Run[],
  { bits, most }: { readonly bits: bigint; readonly most: number },
  values: readonly bigint[],
  avoids: boolean,
): readonly PoolCell[] {
  const cells: PoolCell[] = [];
  let at = 0;
  for (const { family, first, last } of pieces(runs, bits, most)) {
    const begin = indexFrom(values, first, at);
    at = indexFrom(values, last + 1n, begin);
    const avoided = avoids && family === 4 && first === last && isBuggy(first) ? true : undefined;
    const ends = { first: text(family, first), last: text(family, last) };
    cells.push({ ...ends, size: exact(last - first + 1n), used: at - begin, avoided });
  }
  return cells;
}

/** The runs cut where numbers are multiples of the size. */
function* pieces(runs: readonly Run[], bits: bigint, most: number): Generator<Run, void> {
  let left = most;
  for (const { family, first, last } of runs) {
    for (let index = first >> bits; index <= last >> bits && left > 0; index++, left--) {
      const [start, end] = [index << bits, ((index + 1n) << bits) - 1n];
      yield { family, first: start < first ? first : start, last: end > last ? last : end };
    }
  }
}

/** Where the first value is that is not below. */
function indexFrom(values: readonly bigint[], value: bigint, from: number): number {
  let at = from;
  while (at < values.length && (values[at] ?? value) < value) at++;
  return at;
}

/** `.0` and `.255`, which some routers and hosts mishandle. */
function isBuggy(value: bigint): boolean {
  return (value & 255n) === 0n || (value & 255n) === 255n;
}

function text(family: Family, value: bigint): string {
  return new IpAddress(family, value).toString();
}

/** JSON cannot carry every count exactly: those are text. */
export function exact(count: bigint): number | string {
  return count <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(count) : count.toString();
}
