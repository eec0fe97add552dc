import { describe, expect, it } from "vitest";
import { EventLog, eventText } from "../../src/looking-glass/event-log.ts";
import type { GlassEvent } from "../../src/looking-glass/model.ts";

const event = (name: string): GlassEvent => ({ type: "layer2", data: { addresses: [name] } });

function filled(count: number): EventLog {
  const log = new EventLog("abc");
  for (let i = 0; i < count; i++) log.append([event(`${i}`)]);
  return log;
}

describe("the events that are remembered", () => {
  it.each<[string, string | undefined, number, string | undefined]>([
    ["a reader that comes for the first time", undefined, 5, undefined],
    ["one that saw all", "abc.5", 5, undefined],
    ["one that missed two", "abc.3", 3, undefined],
    ["one that has the number of a document", "3", 3, undefined],
    ["one that was here before a restart", "xyz.3", 5, "other-server"],
    ["one that knows what is still to come", "abc.6", 5, "other-server"],
    ["one that sends nonsense", "abc.3; DROP", 5, "other-server"],
    ["one that sends another number", "-1", 5, "other-server"],
  ])("%s", (_, id, after, reset) => {
    expect(filled(5).resume(id)).toEqual({ after, reset });
  });

  it("forgets the oldest, and says so to whoever was away for too long", () => {
    const log = filled(1500);
    expect(log.resume("abc.499")).toEqual({ after: 1500, reset: "too-long-ago" });
    expect(log.resume("abc.500")).toEqual({ after: 500, reset: undefined });
    expect(log.after(500)).toHaveLength(1000);
    expect(log.after(499)).toBeUndefined();
  });

  it("keeps no more text than it may, however large the events", () => {
    const log = new EventLog("abc");
    for (let i = 0; i < 20; i++) log.append([event("x".repeat(1_000_000))]);
    expect(log.after(10)).toBeUndefined();
    expect(log.after(13)).toHaveLength(7);
  });

  it("tells of more once for all that comes together", () => {
    const log = filled(0);
    let told = 0;
    const stop = log.onMore(() => told++);
    log.append([event("a"), event("b")]);
    log.append([]);
    stop();
    log.append([event("c")]);
    expect(told).toBe(1);
  });

  it("writes an event so that a line break in it is none", () => {
    expect(eventText(event("a\nid: 9"), "abc.1")).toBe(
      'id: abc.1\nevent: layer2\ndata: {"addresses":["a\\nid: 9"]}\n\n',
    );
  });
});
