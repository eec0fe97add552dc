// Bundles the pages of the looking glass: index.html and its assets, with the hash of what is in them in their names.
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const WEB = "src/looking-glass/web";

/** Writes the pages into this folder; says what they weigh if asked. */
export async function buildUi(folder, { report = false } = {}) {
  const { metafile } = await build({
    entryPoints: { app: join(WEB, "main.tsx"), style: join(WEB, "styles/app.css"), icon: join(WEB, "icon.svg") },
    outdir: join(folder, "assets"),
    entryNames: "[name]-[hash]",
    bundle: true,
    minify: true,
    format: "esm",
    target: ["chrome123", "firefox120", "safari17.5"],
    jsx: "automatic",
    jsxImportSource: "preact",
    tsconfig: join(WEB, "tsconfig.json"),
    loader: { ".svg": "copy" },
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
  });
  const named = (extension) => basename(Object.keys(metafile.outputs).find((path) => path.endsWith(extension)));
  const page = readFileSync(join(WEB, "index.html"), "utf8")
    .replace("{script}", named(".js"))
    .replace("{style}", named(".css"))
    .replace("{icon}", named(".svg"));
  // Builds run side by side, and programs that run read what is there: the page comes last and whole, and what no page names goes after it.
  writeFileSync(join(folder, `index.html.${process.pid}`), page);
  renameSync(join(folder, `index.html.${process.pid}`), join(folder, "index.html"));
  const made = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
  for (const name of readdirSync(join(folder, "assets")))
    if (!made.has(name)) rmSync(join(folder, "assets", name), { force: true });
  if (!report) return;
  for (const path of Object.keys(metafile.outputs)) {
    const bytes = readFileSync(path);
    console.log(`${basename(path)}: ${bytes.length} bytes, ${gzipSync(bytes).length} compressed`);
  }
}

if (process.argv[1] === import.meta.filename) await buildUi("dist/ui", { report: true });
