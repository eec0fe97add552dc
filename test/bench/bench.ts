/** One benchmark: what it measures in a line, and the tables it comes to. */
export interface Bench {
  readonly name: string;
  readonly summary: string;
  /** `note` tells whoever waits how far it is. */
  run(note: (text: string) => void): Promise<readonly Table[]>;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** How the figures were made, in a few sentences. */
  readonly remark: string;
}

export function markdownOf({ title, columns, rows, remark }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = columns.map((_, i) => (i === 0 ? "---" : "---:"));
  return [`## ${title}`, "", line(columns), line(rule), ...rows.map(line), "", remark, ""].join("\n");
}

/** The middle one of several runs: one run beside a busy neighbour does not move it. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >>> 1] ?? Number.NaN;
}

/** Operations a second, the median of several runs of `count` operations; `prepare` is not timed. */
export function operationsPerSecond(runs: number, count: number, prepare: () => (i: number) => void): number {
  const rates: number[] = [];
  for (let run = 0; run < runs; run++) {
    const operation = prepare();
    const start = performance.now();
    for (let i = 0; i < count; i++) operation(i);
    rates.push(count / ((performance.now() - start) / 1000));
  }
  return median(rates);
}

/** `1,234,567`, without pretending to more than three digits. */
export function rate(value: number): string {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 2);
  return (Math.round(value / unit) * unit).toLocaleString("en-US");
}

/** Deterministic numbers below `limit`: the same run every time. */
export function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
