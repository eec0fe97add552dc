import type { BfdChannel, BfdChannelHandlers } from "./bfd-channel.ts";
import { startThreadOf, type ThreadOptions } from "./worker-thread.ts";

/** Starts an engine in a thread of its own: whatever the main thread is busy with, BFD goes on (reference native 4). */
export function startThread(handlers: BfdChannelHandlers, watch?: ThreadOptions["watch"]): BfdChannel {
  return startThreadOf("bfd", handlers, { watch });
}
