import type { ServerResponse } from "node:http";
import { seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { Alarm } from "./alarm.ts";
import { type EventLog, eventText } from "./event-log.ts";

const SIGN_OF_LIFE = seconds(10);
/** How long a reader may take nothing before it is cut off. */
const STALLED = seconds(30);

/** Writes events to a reader as they come, and no faster than it takes them; who falls too far behind is told to load anew. */
export async function streamEvents(
  { clock, log, at }: { readonly clock: Clock; readonly log: EventLog; readonly at: () => string },
  response: ServerResponse,
  lastId: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const more = new Alarm(clock);
  const stop = log.onMore(() => more.ring());
  const { after, reset } = log.resume(lastId);
  // What came since then is told at once.
  if (after !== log.last) more.ring();
  let told = after;
  const hello = eventText({ type: "hello", data: { server: log.server, event: after, at: at() } }, undefined);
  const again = reset === undefined ? "" : eventText({ type: "reset", data: { reason: reset } }, undefined);
  try {
    if (!response.write(`retry: 2000\n\n${hello}${again}`)) await room(clock, response);
    while (!response.destroyed) {
      await more.wait(SIGN_OF_LIFE, signal);
      if (signal.aborted) return;
      const events = log.after(told);
      told = log.last;
      const missed = eventText({ type: "reset", data: { reason: "too-slow" } }, `${log.server}.${told}`);
      const text = events === undefined ? missed : events.map((event) => event.text).join("");
      if (!response.write(text === "" ? ": alive\n\n" : text)) await room(clock, response);
    }
  } finally {
    stop();
    response.end();
  }
}

/** Who is gone makes no room any more. */
function room(clock: Clock, response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const stalled = clock.after(STALLED, () => response.destroy());
    const done = (): void => {
      stalled.cancel();
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.once("drain", done).once("close", done);
  });
}
