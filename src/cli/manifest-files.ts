import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Document, LineCounter, parseAllDocuments } from "yaml";
import { escapeControls } from "../api/raw-object.ts";
import { SystemError } from "../wire/errors.ts";

/** Something of the input cannot be read; the message has one line for each file and place. */
class InputUnreadable extends SystemError {
  readonly code = "ERR_CLI_INPUT_UNREADABLE";
}

const MANIFEST = /\.(?:ya?ml|json)$/i;

/**
 * Reads every document of files and folders. Folders are read with all below them, in name order; in them only `.yaml`,
 * `.yml` and `.json` count, and names that start with a dot do not.
 *
 * @throws InputUnreadable with everything that is wrong, so that the user can repair it in one go.
 */
export function readManifestFiles(paths: readonly string[]): readonly unknown[] {
  return readManifestSets(paths).flat();
}

/** The same, with the documents of each path by themselves. @throws InputUnreadable */
export function readManifestSets(paths: readonly string[]): readonly (readonly unknown[])[] {
  const faults: string[] = [];
  const sets = paths.map((path) => filesOf(path, faults).flatMap((file) => documentsOf(file, faults)));
  if (faults.length > 0) throw new InputUnreadable(faults.join("\n"));
  return sets;
}

/** The files of one path by themselves, and what of them cannot be read: for those who go on with what they had. */
export function readManifestFolder(path: string): {
  readonly sources: readonly { readonly file: string; readonly documents: readonly unknown[] }[];
  readonly faults: readonly string[];
} {
  const faults: string[] = [];
  const sources = filesOf(path, faults).map((file) => ({ file, documents: documentsOf(file, faults) }));
  return { sources, faults };
}

function filesOf(path: string, faults: string[]): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const files = filesBelow(path);
    if (files.length === 0) faults.push(`${path}: no .yaml, .yml or .json file in this folder`);
    return files;
  } catch (error) {
    faults.push(systemFault(path, error));
    return [];
  }
}

function filesBelow(folder: string): readonly string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !name.startsWith("."));
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      // A link to a folder may lead in circles; a link to a file is what a mounted ConfigMap is made of.
      if (!MANIFEST.test(entry.name)) return [];
      // One to nowhere is said to be that when it is read.
      return statSync(path, { throwIfNoEntry: false })?.isFile() === false ? [] : [path];
    });
}

function documentsOf(file: string, faults: string[]): readonly unknown[] {
  let text: string;
  try {
    text = decodeText(readFileSync(file));
  } catch (error) {
    faults.push(systemFault(file, error));
    return [];
  }
  return parseJson(file, text) ?? parseYaml(file, text, faults);
}

/** Read leniently, other octets would become other text without a word. @throws TypeError */
function decodeText(octets: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(octets);
}

/** JSON.parse is many times faster, and YAML's parser reads JSON too and says where it broke. */
function parseJson(file: string, text: string): readonly unknown[] | undefined {
  if (!/\.json$/i.test(file)) return undefined;
  try {
    return [JSON.parse(text)];
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function parseYaml(file: string, text: string, faults: string[]): readonly unknown[] {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter, merge: true, logLevel: "silent" });
  if (!Array.isArray(documents)) return [];
  const broken = documents.flatMap((document) => document.errors);
  for (const { message, pos } of broken) {
    const { line, col } = lineCounter.linePos(pos[0]);
    faults.push(`${file}:${line}:${col}: ${escapeControls(firstLine(message))}`);
  }
  return broken.length > 0 ? [] : documents.flatMap((document) => contentOf(file, document, faults));
}

/** Building the value can still fail: aliases that blow up or lead nowhere. */
function contentOf(file: string, document: Document, faults: string[]): readonly unknown[] {
  try {
    const value: unknown = document.toJS();
    return [value];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    faults.push(`${file}: ${escapeControls(firstLine(error.message))}`);
    return [];
  }
}

/** The parser repeats the place and draws it; the place is said already. */
function firstLine(message: string): string {
  return (message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "");
}

function systemFault(path: string, error: unknown): string {
  if (!(error instanceof Error)) throw error;
  const code = "code" in error && typeof error.code === "string" ? error.code : error.message;
  return `${path}: ${READABLE[code] ?? code}`;
}

const READABLE: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EISDIR: "is a folder",
  ERR_ENCODING_INVALID_ENCODED_DATA: "not UTF-8 text",
};
