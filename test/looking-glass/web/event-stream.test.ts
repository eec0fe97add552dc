import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EventStreamReader } from "../../../src/looking-glass/web/event-stream.ts";

const STREAM =
  ': alive\n\nid: a.1\nevent: hello\ndata: {}\n\ndata: one\r\ndata: two\r\n\r\nid: a.2\n\nevent: journal\ndata:{"x":1}\n\n';
const EVENTS = [
  { id: "a.1", type: "hello", data: "{}" },
  { id: "a.1", type: "message", data: "one\ntwo" },
  { id: "a.2", type: "journal", data: '{"x":1}' },
];

describe("EventStreamReader", () => {
  test("reads events, keeps the last id, and passes over comments and events without data", () => {
    expect(new EventStreamReader().read(STREAM)).toEqual(EVENTS);
  });

  test("reads the same, wherever the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length)), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
        const reader = new EventStreamReader();
        const events = at.flatMap((end, index) => reader.read(STREAM.slice(at[index - 1] ?? 0, end)));
        expect(events).toEqual(EVENTS);
      }),
    );
  });
});
