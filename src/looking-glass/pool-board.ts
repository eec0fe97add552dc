import type { FamilyCounters } from "../allocation/counters.ts";
import type { PoolSurvey } from "./allocation-survey.ts";
import type { EventData, FamilyUse, Health, PoolRow } from "./model.ts";
import { exact } from "./pool-cells.ts";

const WEEK_DAYS = 7;
const DAY_MILLIS = 86_400_000;
/** With fewer new Services than this in a week nothing is said of when a pool is full. */
const FEWEST = 3;
const NEARLY_FULL = 80;
const FULL = 95;

/** The pools as they were surveyed last. */
export class PoolBoard {
  #surveys: ReadonlyMap<string, PoolSurvey> = new Map();
  #rows: readonly PoolRow[] = [];
  readonly #changed = new Map<string, PoolRow>();
  readonly #gone = new Set<string>();
  #available = false;

  /** False where no API is asked, or nothing was surveyed yet. */
  get available(): boolean {
    return this.#available;
  }

  /** The fullest first. */
  get rows(): readonly PoolRow[] {
    return this.#rows;
  }

  take(surveys: readonly PoolSurvey[], now: number): void {
    this.#available = true;
    const before = new Map(this.#rows.map((row) => [row.name, JSON.stringify(row)]));
    this.#surveys = new Map(surveys.map((survey) => [survey.pool.name, survey]));
    this.#rows = surveys
      .map((survey) => rowOf(survey, now))
      .sort((a, b) => b.use - a.use || (a.name < b.name ? -1 : 1));
    for (const name of before.keys()) if (!this.#surveys.has(name)) this.#forget(name);
    for (const { name } of this.#rows) this.#gone.delete(name);
    for (const row of this.#rows) if (before.get(row.name) !== JSON.stringify(row)) this.#changed.set(row.name, row);
  }

  find(name: string): { readonly row: PoolRow; readonly survey: PoolSurvey } | undefined {
    const survey = this.#surveys.get(name);
    const row = this.#rows.find((one) => one.name === name);
    return survey && row && { row, survey };
  }

  /** Pools that differ since this was asked last, and those that went. */
  takeChanges(): EventData["pools"] {
    const [pools, gone] = [[...this.#changed.values()], [...this.#gone]];
    this.#changed.clear();
    this.#gone.clear();
    return { pools, gone };
  }

  #forget(name: string): void {
    this.#changed.delete(name);
    this.#gone.add(name);
  }
}

function rowOf({ pool, counters, holders, created }: PoolSurvey, now: number): PoolRow {
  const families = [counters[4], counters[6]].filter(({ capacity }) => capacity > 0n);
  const use = Math.max(0, ...families.map(percent));
  const recent = created.filter((at) => now - at < WEEK_DAYS * DAY_MILLIS).length;
  const left = Math.min(...families.map(({ available }) => Number(available)));
  const days = recent < FEWEST || families.length === 0 ? Number.NaN : Math.floor((left * WEEK_DAYS) / recent);
  return {
    name: pool.name,
    health: healthOf(use),
    addresses: pool.blocks.map(({ text }) => text),
    autoAssign: pool.autoAssign,
    ipv4: useOf(counters[4]),
    ipv6: useOf(counters[6]),
    use,
    holders,
    fullInDays: Number.isSafeInteger(days) ? days : undefined,
  };
}

function healthOf(use: number): Health {
  if (use >= FULL) return "bad";
  return use >= NEARLY_FULL ? "doubtful" : "good";
}

function percent({ assigned, capacity }: FamilyCounters): number {
  return Number((assigned * 100n) / capacity);
}

function useOf({ capacity, assigned }: FamilyCounters): FamilyUse {
  return { capacity: exact(capacity), assigned: exact(assigned) };
}
