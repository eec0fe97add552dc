import { escapeControls } from "../api/raw-object.ts";

/** Aligns cells under their columns, two blanks apart; the last column is as long as it is, an empty cell is a dash. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [columns, ...rows].map((row) => row.map((cell) => (cell === "" ? "-" : escapeControls(cell))));
  const widths = columns.map((_, i) => lines.reduce((width, line) => Math.max(width, line[i]?.length ?? 0), 0));
  return lines
    .map(
      (line) =>
        `  ${line
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
