import { defineConfig } from "vitest/config";

/** BFD against real routers: what is measured are milliseconds, so nothing else may run beside it. */
export default defineConfig({
  test: { include: ["test/speaker/bfd-routers.test.ts"], fileParallelism: false, hookTimeout: 60_000 },
});
