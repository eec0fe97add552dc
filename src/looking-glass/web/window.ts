/** Rows from the first to the last, the last not included. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** Rows beyond the edge that are there already when they scroll into sight, in steps: not every pixel moves the span. */
const STEP = 8;

/** The rows to have in the page: those in sight and some around them. `top` is how far the first row is above the edge of the screen. */
export function visibleSpan(top: number, height: number, row: number, count: number): Span {
  const from = Math.floor(top / row / STEP) * STEP - STEP;
  const first = Math.min(Math.max(0, from), count);
  return { first, last: Math.min(count, Math.max(first, from + slotsFor(height, row))) };
}

/** No more rows than these are ever there at once. */
export function slotsFor(height: number, row: number): number {
  return (Math.ceil(height / row / STEP) + 3) * STEP;
}

/** The blocks of rows that this span needs and that are not there. */
export function missingBlocks({ first, last }: Span, size: number, has: (block: number) => boolean): readonly number[] {
  const [from, to] = [Math.floor(first / size), Math.floor(Math.max(first, last - 1) / size)];
  return Array.from({ length: to - from + 1 }, (_, index) => from + index).filter((block) => !has(block));
}
