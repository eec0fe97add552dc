import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isFields } from "../api/read-object.ts";
import { writePrivately } from "../system/private-file.ts";
import type { ManifestSource } from "./manifest-source.ts";

const FILE = "standalone.json";
const VERSION = 1;

/** What outlives the process. */
export interface Remembered {
  /** The addresses of each Service, by `namespace/name`. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  /** The last folder that was good, for a start with one that is not; undefined before there was one. */
  readonly sources: readonly ManifestSource[] | undefined;
}

export const NOTHING: Remembered = { addresses: {}, sources: undefined };

/** What was remembered, or why nothing is: a first start has no problem. */
export interface Recollection {
  readonly remembered: Remembered;
  readonly problem: string | undefined;
}

/** A small file with the addresses that were given away: after a restart each Service has its own again. */
export class StateFile {
  readonly #path: string;
  #written: string | undefined;

  /** @throws the system's error when the folder cannot be made */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#path = join(folder, FILE);
  }

  read(): Recollection {
    const nothing = (problem?: string): Recollection => ({ remembered: NOTHING, problem });
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
      return error.code === "ENOENT" ? nothing() : nothing(`${this.#path}: ${error.message}`);
    }
    const found = parse(text);
    return typeof found === "string" ? nothing(`${this.#path}: ${found}`) : { remembered: found, problem: undefined };
  }

  /** A whole file or the old one, which nobody else may read: there are passwords in manifests. @throws the system's error */
  write(state: Remembered): void {
    const text = JSON.stringify({ version: VERSION, ...state });
    if (text === this.#written) return;
    writePrivately(this.#path, text);
    this.#written = text;
  }
}

/** What a state file says, or why it says nothing. */
function parse(text: string): Remembered | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return "is not JSON";
    throw error;
  }
  if (!isFields(value)) return "is not a state file";
  const { version, addresses, sources } = value;
  if (version !== VERSION) return `has version ${JSON.stringify(version)}, not ${VERSION}`;
  if (!isFields(addresses)) return "has no addresses";
  return { addresses: textLists(addresses), sources: Array.isArray(sources) ? sources.flatMap(sourceOf) : undefined };
}

function textLists(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, readonly string[]>> {
  const lists = Object.entries(fields).map(([key, list]) => {
    const items: readonly unknown[] = Array.isArray(list) ? list : [];
    return [key, items.filter((item): item is string => typeof item === "string")] as const;
  });
  return Object.fromEntries(lists);
}

function sourceOf(value: unknown): readonly ManifestSource[] {
  if (!isFields(value)) return [];
  const { file, documents } = value;
  return typeof file === "string" && Array.isArray(documents) ? [{ file, documents }] : [];
}
