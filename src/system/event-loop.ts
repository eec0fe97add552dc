import { monitorEventLoopDelay } from "node:perf_hooks";

/** How often the event loop is looked at, in milliseconds: each look wakes the process. */
export const EVENT_LOOP_RESOLUTION = 20;

/** How late this thread's event loop is, from now on. */
export function eventLoopDelays(): ReturnType<typeof monitorEventLoopDelay> {
  const histogram = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION });
  histogram.enable();
  return histogram;
}
