import { describe, expect, test } from "vitest";
import type { GlassEvent, JournalEntry, ServiceRow, SessionRow } from "../../../src/looking-glass/model.ts";
import { isAboutService, isChangedBy, waitBefore } from "../../../src/looking-glass/web/changed-by.ts";
import { session } from "../../inspection/explain-scene.ts";

const row = (name: string): ServiceRow => ({
  namespace: "shop",
  name,
  health: "good",
  addresses: ["192.0.2.1"],
  bgp: { nodes: ["a"], peers: ["tor"] },
  layer2: [],
});
const services = (name: string, many = false): GlassEvent => ({
  type: "services",
  data: { rows: [row(name)], gone: [], many },
});
const sessions = (node: string): GlassEvent => {
  const changed: SessionRow = { health: "good", fresh: true, session: session(node), timeline: [] };
  return { type: "sessions", data: { rows: [changed], gone: [] } };
};
const journal = (service: string, lost = 0): GlassEvent => {
  const move = { type: "announced", node: "a", seq: 1, at: "2026-01-01T00:00:00.000Z", service } as const;
  const entry: JournalEntry = { entry: 1, health: "good", move };
  return { type: "journal", data: { entries: [entry], lost } };
};

describe("a Service is explained anew, which costs the API and the speakers something,", () => {
  test.each<[string, GlassEvent, boolean]>([
    ["not for another one that changes", services("other"), false],
    ["when it changes", services("web"), true],
    ["when more changed than was told", services("other", true), true],
    ["when it goes", { type: "services", data: { rows: [], gone: ["shop/web"], many: false } }, true],
    ["not for the move of another one", journal("shop/other"), false],
    ["for a move of its own", journal("shop/web"), true],
    ["when moves were lost", journal("shop/other", 3), true],
    ["not for a session that does not carry it", sessions("b"), false],
    ["for a session that does", sessions("a"), true],
    ["when one went", { type: "sessions", data: { rows: [], gone: [{ node: "a", peer: "tor" }] } }, true],
    ["not for the address of another one", { type: "layer2", data: { addresses: ["192.0.2.9"] } }, false],
    ["for its own address", { type: "layer2", data: { addresses: ["192.0.2.1"] } }, true],
    ["when a speaker is lost", { type: "sources", data: { sources: [], gone: [] } }, true],
  ])("%s", (_, event, expected) => {
    expect(isAboutService(event, "shop/web", row("web"))).toBe(expected);
  });
});

test("everything is loaded anew after a reset", () => {
  const reset: GlassEvent = { type: "reset", data: { reason: "too-slow" } };
  expect(isChangedBy([], reset)).toBe(true);
  expect(isChangedBy(() => false, reset)).toBe(true);
  expect(isChangedBy(["pools"], services("web"))).toBe(false);
});

test.each([
  ["a change after a long time is shown soon", 100_000, 0, 400],
  ["changes without end are loaded no more often than the gap", 100_000, 99_000, 4_000],
])("%s", (_, now, loaded, expected) => {
  expect(waitBefore(now, loaded, 5_000)).toBe(expected);
});
