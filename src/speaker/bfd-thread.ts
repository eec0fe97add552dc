import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { BfdChannel, BfdChannelHandlers } from "./bfd-channel.ts";
import type { BfdReport } from "./bfd-messages.ts";

/** Starts an engine in a thread of its own: whatever the main thread is busy with, BFD goes on (reference native 4). */
export function startThread(handlers: BfdChannelHandlers): BfdChannel {
  const worker = startWorker();
  let closed = false;
  worker.on("message", (report: BfdReport) => handlers.report(report));
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
function startWorker(): Worker {
  const bundled = new URL("./bfd-worker.js", import.meta.url);
  if (existsSync(fileURLToPath(bundled))) return new Worker(bundled, { name: "bfd" });
  const loader = import.meta.resolve("tsx/esm/api");
  const source = new URL("./bfd-worker.ts", import.meta.url);
  const program = `import("${loader}").then(({ register }) => { register(); return import("${source}"); });`;
  return new Worker(program, { eval: true, name: "bfd" });
}
