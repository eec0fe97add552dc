// Bundles the program so that it needs no node_modules beside it: dist/herald.js, or the file named, with BFD's thread, the LAN's, the one that explains, the native sockets and the pages of the looking glass next to it.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { build } from "esbuild";
import { buildUi } from "./build-ui.mjs";

const [outfile = "dist/herald.js"] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
await build({
  entryPoints: {
    [basename(outfile, ".js")]: "src/main.ts",
    "bfd-worker": "src/speaker/bfd-worker.ts",
    "lan-worker": "src/speaker/lan-worker.ts",
    "explain-worker": "src/cli/explain-worker.ts",
  },
  outdir: dirname(outfile),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: true,
  logLevel: "warning",
  // node-fetch asks for it where Node has no URL of its own. What it brings along asks for the punycode that Node 24 warns of.
  alias: { "whatwg-url": "node:url" },
  define: { HERALD_VERSION: JSON.stringify(version) },
  // Some dependencies are CommonJS and call require() for Node's own modules.
  banner: {
    js: `#!/usr/bin/env node\nimport { createRequire as __createRequire } from "node:module";\nconst require = __createRequire(import.meta.url);`,
  },
});

await buildUi(join(dirname(outfile), "ui"));

const ADDON = "src/system/native/netraw.node";
if (existsSync(ADDON)) {
  // Renamed into place: a program that runs keeps the file it has mapped.
  const target = join(dirname(outfile), "netraw.node");
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(ADDON, `${target}.${process.pid}`);
  renameSync(`${target}.${process.pid}`, target);
}
