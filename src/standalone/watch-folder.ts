import { type FSWatcher, readdirSync, watch } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/**
 * Tells of changes in a folder and all below it, and of the folder itself being replaced, as with a symbolic link that is turned.
 * What is not there is not watched.
 */
export function watchFolder(folder: string, changed: () => void): { close(): void } {
  const path = resolve(folder);
  const own = basename(path);
  const watchers = [
    watchOne(dirname(path), (name) => {
      if (name === undefined || name === own) changed();
    }),
    ...foldersBelow(path).map((below) => watchOne(below, changed)),
  ];
  return {
    close: () => {
      for (const watcher of watchers) watcher?.close();
    },
  };
}

function watchOne(folder: string, changed: (name: string | undefined) => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, (_event, name) => changed(name ?? undefined));
    watcher.on("error", () => changed(undefined));
    return watcher;
  } catch (error) {
    // Gone, or there are no watches left: the folder is looked at again in any case.
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

function foldersBelow(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    const below = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
    return [folder, ...below.flatMap(({ name }) => foldersBelow(join(folder, name)))];
  } catch (error) {
    if (error instanceof Error && "code" in error) return [];
    throw error;
  }
}
