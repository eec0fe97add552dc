import { escapeControls } from "../api/raw-object.ts";

/** How a cell is to be taken: colours on a terminal, nothing elsewhere. */
export type Tone = "good" | "bad" | "doubtful" | "quiet";

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  /** Undefined and empty are shown as `<none>`. */
  readonly read: (row: Row) => string | number | undefined;
  /** Only with `-o wide`. */
  readonly wide?: true;
  readonly tone?: (row: Row) => Tone | undefined;
}

/** How a table is printed. */
export interface TableStyle {
  readonly wide?: boolean;
  /** False leaves out the line of titles. */
  readonly headers?: boolean;
  readonly colours?: boolean;
  /** How wide each column is at least: what comes later stands beneath what was printed before. */
  readonly widths?: readonly number[];
  /** What stands in front of each line. */
  readonly indent?: string;
  readonly gap?: string;
  /** What stands for an empty cell. */
  readonly empty?: string;
}

const SGR: Record<Tone, string> = { good: "32", bad: "31", doubtful: "33", quiet: "2" };
const GAP = "   ";
const EMPTY = "<none>";

/** Columns as kubectl prints them: upper-case titles, three blanks between, nothing drawn. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: TableStyle = {},
): string {
  return layOut(columns, rows, style).text;
}

/** A table within a text: rows of cells under their titles, indented; an empty cell is a dash. */
export function textTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = titles.map((title, i): Column<readonly string[]> => ({ title, read: (row) => row[i] }));
  return renderTable(columns, rows, { indent: "  ", gap: "  ", empty: "-" });
}

/** A table whose rows come one after the other. */
export class TableStream<Row> {
  readonly #columns: readonly Column<Row>[];
  #style: TableStyle;

  constructor(columns: readonly Column<Row>[], style: TableStyle) {
    this.#columns = columns;
    this.#style = style;
  }

  /** The next rows; the first ones with the titles above them. */
  next(rows: readonly Row[]): string {
    return this.#print(this.#columns, rows);
  }

  /** Rows that are no more: the last cell says so. */
  gone(rows: readonly Row[]): string {
    const last = shownOf(this.#columns, this.#style).at(-1);
    const columns = this.#columns.map((column) =>
      column === last ? { title: column.title, read: () => GONE } : column,
    );
    return this.#print(columns, rows);
  }

  #print(columns: readonly Column<Row>[], rows: readonly Row[]): string {
    if (rows.length === 0) return "";
    const { text, widths } = layOut(columns, rows, this.#style);
    this.#style = { ...this.#style, widths, headers: false };
    return text;
  }
}

const GONE = "<deleted>";

function shownOf<Row>(columns: readonly Column<Row>[], { wide }: TableStyle): readonly Column<Row>[] {
  return columns.filter((column) => column.wide !== true || wide === true);
}

function layOut<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: TableStyle,
): { readonly text: string; readonly widths: readonly number[] } {
  const shown = shownOf(columns, style);
  const cells = rows.map((row) => shown.map((column) => cellOf(column, row, style)));
  const titles = shown.map(({ title }) => title);
  const lines = style.headers === false ? cells : [titles, ...cells];
  const widths = titles.map((_, i) => Math.max(style.widths?.[i] ?? 0, longest(lines, i)));
  const body = cells.map((line, at) =>
    lineOf(line, { ...style, widths }, (text, i) =>
      painted(text, style.colours === true ? toneOf(shown[i], rows[at]) : undefined),
    ),
  );
  const head = style.headers === false ? [] : [lineOf(titles, { ...style, widths }, (text) => text)];
  return { text: [...head, ...body].map((line) => `${line}\n`).join(""), widths };
}

/** The text in the colour of its tone. */
export function painted(text: string, tone: Tone | undefined): string {
  return tone === undefined ? text : `\u001b[${SGR[tone]}m${text}\u001b[0m`;
}

/** How long ago, as kubectl says it: `45s`, `12m`, `3h7m`, `2d4h`. */
export function formatAge(since: string, now: string): string {
  const seconds = Math.max(0, Math.trunc((Date.parse(now) - Date.parse(since)) / 1000));
  if (Number.isNaN(seconds)) return "<unknown>";
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.trunc(seconds / unit));
  if (seconds < 120 || minutes === undefined || hours === undefined || days === undefined) return `${seconds}s`;
  if (hours < 1) return `${minutes}m`;
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  if (days < 8) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
  return `${days}d`;
}

function cellOf<Row>({ read }: Column<Row>, row: Row, { empty = EMPTY }: TableStyle): string {
  const value = read(row);
  return value === undefined || value === "" ? empty : escapeControls(String(value));
}

function toneOf<Row>(column: Column<Row> | undefined, row: Row | undefined): Tone | undefined {
  return row === undefined ? undefined : column?.tone?.(row);
}

function longest(lines: readonly (readonly string[])[], at: number): number {
  let most = 0;
  for (const line of lines) most = Math.max(most, line[at]?.length ?? 0);
  return most;
}

/** The last cell is as long as it is. */
function lineOf(
  cells: readonly string[],
  { widths = [], indent = "", gap = GAP }: TableStyle,
  paint: (text: string, at: number) => string,
): string {
  const padded = cells.map((cell, i) => {
    const fill = i === cells.length - 1 ? "" : " ".repeat(Math.max(0, (widths[i] ?? 0) - cell.length));
    return paint(cell, i) + fill;
  });
  return indent + padded.join(gap);
}
