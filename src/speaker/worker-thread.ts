import { type ResourceLimits, workerData } from "node:worker_threads";
import { startWorker } from "../system/worker.ts";
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
  const worker = startWorker(import.meta.url, name, { resourceLimits: limits, workerData: pulse });
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

/** In a thread: lets its owner see that it moves. */
export function keepBeating(): void {
  if (workerData instanceof BigInt64Array) beat(machineClock, workerData);
}
