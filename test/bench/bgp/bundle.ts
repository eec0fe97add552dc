import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

/** The process under test in one file, made as the program itself is; `remove` deletes it. */
export async function bundleSubject(): Promise<{ readonly file: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), "hben-"));
  const file = join(folder, "subject.mjs");
  await bundle(join(import.meta.dirname, "subject.ts"), file);
  return { file, remove: () => rmSync(folder, { recursive: true }) };
}

/** One file out of a module and all that it imports. */
export async function bundle(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "warning",
    external: ["*.node"],
    banner: {
      js: `import { createRequire as __createRequire } from "node:module";\nconst require = __createRequire(import.meta.url);`,
    },
  });
}
