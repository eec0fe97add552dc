/** One choice for every name. */
export type Row = Readonly<Record<string, number>>;

type Counts = Readonly<Record<string, number>>;
type Choice = readonly [name: string, choice: number];

/** Rows of choices in which every choice meets every choice of every other name. `counts` says how many choices a name has. */
export function pairwise(counts: Counts): readonly Row[] {
  const missing = new Map(pairsOf(counts).map((pair) => [keyOf(...pair), pair]));
  const rows: Row[] = [];
  for (const [first] of missing.values()) {
    const second = [...missing.values()].find(([a]) => a === first)?.[1];
    const row = grow(counts, second === undefined ? [first] : [first, second], missing);
    for (const pair of pairsIn(row)) missing.delete(keyOf(...pair));
    rows.push(row);
  }
  return rows;
}

/** Gives every name that has none the choice that meets most of what is missing. */
function grow(counts: Counts, begun: readonly Choice[], missing: ReadonlyMap<string, unknown>): Row {
  const row: Record<string, number> = Object.fromEntries(begun);
  for (const [name, count] of Object.entries(counts)) {
    if (row[name] !== undefined) continue;
    const gains = Array.from(
      { length: count },
      (_, choice) => Object.entries(row).filter((other) => missing.has(keyOf(other, [name, choice]))).length,
    );
    row[name] = gains.indexOf(Math.max(...gains));
  }
  return row;
}

function pairsOf(counts: Counts): readonly (readonly [Choice, Choice])[] {
  const choices = Object.entries(counts).flatMap(([name, count]) =>
    Array.from({ length: count }, (_, choice): Choice => [name, choice]),
  );
  return choices.flatMap((a, index) =>
    choices.slice(index + 1).flatMap((b) => (a[0] === b[0] ? [] : [[a, b] as const])),
  );
}

function pairsIn(row: Row): readonly (readonly [Choice, Choice])[] {
  const choices = Object.entries(row);
  return choices.flatMap((a, index) => choices.slice(index + 1).map((b) => [a, b] as const));
}

/** The same for both orders. */
function keyOf(a: Choice, b: Choice): string {
  return [a, b]
    .map((choice) => choice.join("="))
    .toSorted()
    .join("&");
}
