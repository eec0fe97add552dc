import { defineConfig } from "vitest/config";

/** Coverage floors on the pure folders, in percent of branches; the shells are covered by the labs. */
const PURE = ["net", "wire", "bgp", "bfd", "api", "allocation", "announcement", "layer2"];

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text-summary", "json-summary"],
      reportsDirectory: "dist/coverage",
      thresholds: Object.fromEntries(PURE.map((folder) => [`src/${folder}/**`, { branches: 95 }])),
    },
  },
});
