import { expect, test } from "vitest";
import { WorkQueue } from "../../src/kubernetes/work-queue.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

function queueOf(clock: VirtualClock): WorkQueue<string> {
  return new WorkQueue({ clock, random: () => 0.5 }, { baseDelay: millis(100), maxDelay: seconds(1) });
}

test("a queue tells how many wait, and how long the one that is next has waited, of both priorities", () => {
  const clock = new VirtualClock();
  const queue = queueOf(clock);
  expect(queue.reading("q")).toEqual({ name: "q", depth: 0, adds: 0, retries: 0, oldest: 0 });
  queue.add("a");
  clock.advance(seconds(3));
  queue.add("b", "urgent");
  clock.advance(seconds(1));
  queue.add("a");
  expect(queue.reading("q")).toEqual({ name: "q", depth: 2, adds: 3, retries: 0, oldest: 4 });
});

test("work that failed is counted each time; a queue that keeps up has no age", async () => {
  const clock = new VirtualClock();
  const queue = queueOf(clock);
  const stop = new AbortController();
  let left = 2;
  const done = queue.run(() => Promise.resolve(left-- > 0 ? "retry" : "done"), { concurrency: 1, signal: stop.signal });
  queue.add("a");
  for (let n = 0; n < 3; n++) {
    await queue.idle();
    clock.advance(seconds(1));
  }
  await queue.idle();
  expect(queue.reading("q")).toEqual({ name: "q", depth: 0, adds: 3, retries: 2, oldest: 0 });
  stop.abort();
  await done;
});
