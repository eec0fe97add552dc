import { isFields } from "../api/read-object.ts";

/** What a host tells the others of itself: all of it, each time. */
export interface HostReport {
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The Services that work there, as `namespace/name`. */
  readonly ready: readonly string[];
}

const VERSION = 1;
/** Ten thousand Services with long names, and no more memory than that for whoever sends rubbish. */
export const LONGEST_REPORT = 4 << 20;

/** One line, without its end. */
export function formatReport(report: HostReport): string {
  return JSON.stringify({ version: VERSION, ...report });
}

/** Reads a line; undefined for what is no report of this version. */
export function parseReport(line: string): HostReport | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (!isFields(value)) return undefined;
  const { version, node, labels, ready } = value;
  if (version !== VERSION || typeof node !== "string" || node === "") return undefined;
  if (!isFields(labels) || !Array.isArray(ready)) return undefined;
  const pairs = Object.entries(labels).filter((pair): pair is [string, string] => typeof pair[1] === "string");
  return { node, labels: Object.fromEntries(pairs), ready: ready.filter((key) => typeof key === "string") };
}
