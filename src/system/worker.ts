import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts `NAME-worker` beside the module with this URL in a thread. The bundle has it beside itself; from source it is TypeScript, and a
 * thread does not inherit the loader.
 */
export function startWorker(
  beside: string,
  name: string,
  options: Pick<WorkerOptions, "resourceLimits" | "workerData"> = {},
): Worker {
  const bundled = new URL(`./${name}-worker.js`, beside);
  if (existsSync(fileURLToPath(bundled))) return new Worker(bundled, { name, ...options });
  const loader = import.meta.resolve("tsx/esm/api");
  const source = new URL(`./${name}-worker.ts`, beside);
  const program = `import("${loader}").then(({ register }) => { register(); return import("${source}"); });`;
  return new Worker(program, { eval: true, name, ...options });
}
