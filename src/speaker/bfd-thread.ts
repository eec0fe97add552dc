import type { BfdChannel, BfdChannelHandlers } from "./bfd-channel.ts";
import { startThreadOf } from "./worker-thread.ts";

/** Starts an engine in a thread of its own: whatever the main thread is busy with, BFD goes on (reference native 4). */
export function startThread(handlers: BfdChannelHandlers): BfdChannel {
  return startThreadOf("bfd", handlers);
}
