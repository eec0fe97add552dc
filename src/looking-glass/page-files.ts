import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { PageFile } from "./model.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".json": "application/json",
  ".map": "application/json",
};

/** Reads `index.html` and what is below `assets/`, once: nothing else of the disk can ever be asked for. */
export function readPageFiles(folder: string): readonly PageFile[] {
  const assets = readdirSync(join(folder, "assets"), { withFileTypes: true }).filter((entry) => entry.isFile());
  return [
    pageFile("/", join(folder, "index.html")),
    ...assets.map(({ name }) => pageFile(`/assets/${name}`, join(folder, "assets", name))),
  ];
}

function pageFile(path: string, file: string): PageFile {
  return { path, type: TYPES[extname(file)] ?? "application/octet-stream", bytes: readFileSync(file) };
}
