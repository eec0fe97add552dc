import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ResourceLimits, Worker } from "node:worker_threads";

/** A thread that is told commands and tells reports. */
export interface Thread<Command> {
  post(command: Command): void;
  /** Stops it at once. */
  close(): Promise<void>;
}

export interface ThreadHandlers<Report> {
  report(report: Report): void;
  /** The thread is gone, with everything it knew; told once, and never after `close`. */
  lost(reason: string): void;
}

/** Starts `NAME-worker` of this folder in a thread of its own. */
export function startThreadOf<Command, Report>(
  name: string,
  handlers: ThreadHandlers<Report>,
  limits: ResourceLimits = {},
): Thread<Command> {
  const worker = startWorker(name, limits);
  let closed = false;
  worker.on("message", (report: Report) => handlers.report(report));
  worker.on("error", (error: Error) => lost(error.message));
  worker.on("exit", (status) => lost(`exit ${status}`));
  function lost(reason: string): void {
    if (closed) return;
    closed = true;
    handlers.lost(reason);
  }
  return {
    post: (command) => worker.postMessage(command),
    async close(): Promise<void> {
      closed = true;
      await worker.terminate();
    },
  };
}

/** The bundle has it beside itself; from source it is TypeScript, and a thread does not inherit the loader. */
function startWorker(name: string, resourceLimits: ResourceLimits): Worker {
  const bundled = new URL(`./${name}-worker.js`, import.meta.url);
  if (existsSync(fileURLToPath(bundled))) return new Worker(bundled, { name, resourceLimits });
  const loader = import.meta.resolve("tsx/esm/api");
  const source = new URL(`./${name}-worker.ts`, import.meta.url);
  const program = `import("${loader}").then(({ register }) => { register(); return import("${source}"); });`;
  return new Worker(program, { eval: true, name, resourceLimits });
}
