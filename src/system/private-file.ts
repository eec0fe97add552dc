import { renameSync, rmSync, writeFileSync } from "node:fs";

/**
 * Writes a whole file or leaves the old one; only its owner may read it. What somebody else has put in the way, with rights or links of
 * his own, is not written into. @throws the system's error
 */
export function writePrivately(path: string, text: string): void {
  const next = `${path}.new`;
  rmSync(next, { force: true });
  writeFileSync(next, text, { mode: 0o600, flag: "wx", flush: true });
  renameSync(next, path);
}
