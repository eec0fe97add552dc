import { defineConfig } from "vitest/config";

/** The pages of the looking glass in a real browser: one file after the other, since frames are counted. */
export default defineConfig({
  test: {
    include: ["test/browser/*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
