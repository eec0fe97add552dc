import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";

/** Coverage floors on the pure folders, in percent of branches; the shells are covered by the labs. */
const PURE = ["net", "wire", "bgp", "bfd", "api", "allocation", "announcement", "layer2", "membership", "admission"];

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Milliseconds count there, so it runs alone: vitest.routers.config.ts. A browser is wanted there: vitest.browser.config.ts.
    exclude: [...configDefaults.exclude, "test/speaker/bfd-routers.test.ts", "test/browser/**"],
    // Some tests move thousands of objects through real sockets: a busy machine must not make them fail.
    // Many wait for real processes and sockets: one worker alone leaves the machine idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text-summary", "json-summary"],
      reportsDirectory: "dist/coverage",
      thresholds: Object.fromEntries(PURE.map((folder) => [`src/${folder}/**`, { branches: 95 }])),
    },
  },
});
