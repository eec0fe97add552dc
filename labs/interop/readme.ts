import { readFileSync, writeFileSync } from "node:fs";
import type { Cell } from "./case.ts";
import { InteropError } from "./errors.ts";
import type { Results } from "./run.ts";

const BEGIN = "<!-- interop -->";
const END = "<!-- /interop -->";

interface Files {
  readonly readme: string;
  readonly results: string;
}

/** Writes the table of the last complete run between the markers. Returns the exit code. */
export function writeReadme(files: Files): number {
  const text = readFileSync(files.readme, "utf8");
  const { before, after } = split(text, files.readme);
  writeFileSync(files.readme, `${before}${BEGIN}\n${interopTable(readResults(files.results))}\n${END}${after}`);
  return 0;
}

/** Compares the table with what the last complete run found; the routers' versions may differ. Returns the exit code. */
export function checkReadme(files: Files): number {
  const { between } = split(readFileSync(files.readme, "utf8"), files.readme);
  const wanted = interopTable(readResults(files.results));
  if (withoutVersions(between) === withoutVersions(wanted)) return 0;
  process.stderr.write(
    `${files.readme} does not say what the suite found: npm run interop -- --write-readme\n${wanted}\n`,
  );
  return 1;
}

/** Feature x router, in Markdown, with the reasons of what is missing below. */
export function interopTable({ routers, cases, cells }: Results): string {
  const notes: string[] = [];
  const mark = (cell: Cell | undefined): string => {
    if (cell === undefined) return "";
    if (cell.verdict === "ok") return "yes";
    if (cell.verdict === "not yet") return "not yet";
    if (cell.verdict === "failed") return "**fails**";
    if (!notes.includes(cell.detail)) notes.push(cell.detail);
    return `– [${notes.indexOf(cell.detail) + 1}]`;
  };
  const cellOf = (name: string, router: string): Cell | undefined =>
    cells.find((cell) => cell.case === name && cell.router === router);
  const rows = cases.map(({ name, title }) => [title, ...routers.map((router) => mark(cellOf(name, router.name)))]);
  const head = ["", ...routers.map(({ title, version }) => `${title} ${version}`)];
  const lines = [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`);
  return [...lines, "", notes.map((note, i) => `[${i + 1}] ${note}.`).join(" ")].join("\n").trimEnd();
}

function withoutVersions(table: string): string {
  return table.trim().replace(/^.*\n/, (head) => head.replace(/ \d+(\.\d+)+/g, ""));
}

function readResults(file: string): Results {
  return JSON.parse(readFileSync(file, "utf8"));
}

function split(text: string, file: string): { before: string; between: string; after: string } {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new InteropError(`${file} has no ${BEGIN} ... ${END}`);
  return {
    before: text.slice(0, begin),
    between: text.slice(begin + BEGIN.length, end),
    after: text.slice(end + END.length),
  };
}
