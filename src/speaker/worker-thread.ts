import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ResourceLimits, Worker, workerData } from "node:worker_threads";
import { machineClock } from "./bfd-clock.ts";
import { beat, type Pulse, type ThreadWatch } from "./thread-watch.ts";

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

export interface ThreadOptions {
  readonly limits?: ResourceLimits;
  /** Told of the thread's life. */
  readonly watch?: Pick<ThreadWatch, "started" | "lost" | "closed"> | undefined;
}

/** Starts `NAME-worker` of this folder in a thread of its own. */
export function startThreadOf<Command, Report>(
  name: string,
  handlers: ThreadHandlers<Report>,
  { limits = {}, watch }: ThreadOptions = {},
): Thread<Command> {
  const pulse: Pulse = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
  watch?.started(name, pulse);
  const worker = startWorker(name, { resourceLimits: limits, workerData: pulse });
  let closed = false;
  worker.on("message", (report: Report) => handlers.report(report));
  worker.on("error", (error: Error) => lost(error.message));
  worker.on("exit", (status) => lost(`exit ${status}`));
  function lost(reason: string): void {
    if (closed) return;
    closed = true;
    watch?.lost(name, reason);
    handlers.lost(reason);
  }
  return {
    post: (command) => worker.postMessage(command),
    async close(): Promise<void> {
      closed = true;
      watch?.closed(name);
      await worker.terminate();
    },
  };
}

/** The bundle has it beside itself; from source it is TypeScript, and a thread does not inherit the loader. */
function startWorker(name: string, options: { resourceLimits: ResourceLimits; workerData: Pulse }): Worker {
  const bundled = new URL(`./${name}-worker.js`, import.meta.url);
  if (existsSync(fileURLToPath(bundled))) return new Worker(bundled, { name, ...options });
  const loader = import.meta.resolve("tsx/esm/api");
  const source = new URL(`./${name}-worker.ts`, import.meta.url);
  const program = `import("${loader}").then(({ register }) => { register(); return import("${source}"); });`;
  return new Worker(program, { eval: true, name, ...options });
}

/** In a thread: lets its owner see that it moves. */
export function keepBeating(): void {
  if (workerData instanceof BigInt64Array) beat(machineClock, workerData);
}
