// Bundles the program into one file that needs no node_modules beside it: dist/herald.js, or the file named.
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const [outfile = "dist/herald.js"] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
await build({
  entryPoints: ["src/main.ts"],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: true,
  logLevel: "warning",
  define: { HERALD_VERSION: JSON.stringify(version) },
  // Some dependencies are CommonJS and call require() for Node's own modules.
  banner: {
    js: `#!/usr/bin/env node\nimport { createRequire as __createRequire } from "node:module";\nconst require = __createRequire(import.meta.url);`,
  },
});
