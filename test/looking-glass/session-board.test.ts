import { describe, expect, it } from "vitest";
import type { SessionItem } from "../../src/inspection/session-view.ts";
import { SessionBoard } from "../../src/looking-glass/session-board.ts";
import { down, session } from "../inspection/explain-scene.ts";

const at = (minute: number): string => `2026-01-01T00:${`${minute}`.padStart(2, "0")}:00.000Z`;
const up = (minute: number, fields: Partial<SessionItem> = {}): SessionItem =>
  session("a", { since: at(minute), ...fields });
const lost = (minute: number, reason: string, fields: Partial<SessionItem> = {}): SessionItem => ({
  ...down("a", reason),
  since: at(minute),
  flaps: 1,
  lastDown: { at: at(minute), reason },
  ...fields,
});

function spansOf(board: SessionBoard): readonly string[] {
  const { timeline = [] } = board.find("a", "tor") ?? {};
  const short = (time: string | undefined): string => time?.slice(14, 16) ?? "";
  return timeline.map(({ state, start, end, reason }) =>
    `${state} ${short(start)}-${short(end)} ${reason ?? ""}`.trim(),
  );
}

describe("the timeline of a session", () => {
  it("begins with what the session itself says of its past", () => {
    const board = new SessionBoard();
    board.observe(up(5, { lastDown: { at: at(3), reason: "hold time" } }), at(10));
    expect(spansOf(board)).toEqual(["idle 03-05 hold time", "established 05-"]);
  });

  it("has a loss with its reason, and the attempts after it as one span", () => {
    const board = new SessionBoard();
    board.observe(up(1), at(2));
    board.observe(lost(10, "hold time"), at(10));
    for (const state of ["connect", "active", "connect", "open-sent"] as const) {
      board.observe(lost(10, "hold time", { state, lastError: "refused" }), at(11));
    }
    board.observe(up(20, { flaps: 1 }), at(20));
    expect(spansOf(board)).toEqual(["established 01-10", "open-sent 10-20 refused", "established 20-"]);
  });

  it("shows a flap that was over before anybody looked", () => {
    const board = new SessionBoard();
    board.observe(up(1), at(2));
    board.observe(up(12, { flaps: 1, lastDown: { at: at(11), reason: "reset" } }), at(13));
    expect(spansOf(board)).toEqual(["established 01-11", "idle 11-12 reset", "established 12-"]);
  });

  it("does not know what was while the node was silent, and says which way it came back", () => {
    const board = new SessionBoard();
    board.observe(up(1), at(2));
    board.silence("a", at(5));
    expect(board.reach("a", "tor")).toBe("unknown");
    expect(board.find("a", "tor")).toMatchObject({
      fresh: false,
      health: "unknown",
      session: { state: "established" },
    });
    board.silence("a", at(6));
    board.observe(lost(7, "reset"), at(9));
    expect(spansOf(board)).toEqual(["established 01-05", "unknown 05-09 the node does not answer", "active 09- reset"]);
  });

  it("forgets the oldest spans of a session that does nothing but flap", () => {
    const board = new SessionBoard();
    for (let i = 0; i < 1000; i++) {
      board.observe(
        up(1, { since: new Date(2e12 + i * 2000).toISOString(), flaps: i }),
        new Date(2e12 + i * 2000).toISOString(),
      );
      board.observe(lost(1, "x", { since: "", flaps: i + 1 }), new Date(2e12 + i * 2000 + 1000).toISOString());
    }
    expect(spansOf(board)).toHaveLength(64);
  });
});

describe("sessions in numbers", () => {
  it("counts those that are up, and forgets those that went", () => {
    const board = new SessionBoard();
    board.observe(up(1, { prefixesOut: 7 }), at(1));
    board.observe(session("b", { prefixesOut: 5 }), at(1));
    expect([board.established, board.prefixesOut, board.size]).toEqual([2, 12, 2]);
    board.observe(lost(2, "x"), at(2));
    expect([board.established, board.prefixesOut]).toEqual([1, 5]);
    board.remove("b", "tor");
    expect([board.established, board.prefixesOut, board.size]).toEqual([0, 0, 1]);
  });

  it.each<[string, Partial<SessionItem>, string]>([
    ["up", {}, "good"],
    ["up, with BFD down", { bfd: { state: "down" } }, "doubtful"],
    ["up, with prefixes that it cannot carry", { prefixesNotSent: 1 }, "doubtful"],
    ["not up", { state: "active" }, "bad"],
  ])("%s", (_, fields, health) => {
    const board = new SessionBoard();
    board.observe(up(1, fields), at(1));
    expect(board.find("a", "tor")?.health).toBe(health);
  });

  it("tells what changed once", () => {
    const board = new SessionBoard();
    board.observe(up(1), at(1));
    board.observe(up(1), at(1));
    expect(board.takeChanges().rows).toHaveLength(1);
    expect(board.takeChanges()).toEqual({ rows: [], gone: [] });
    board.remove("a", "tor");
    expect(board.takeChanges()).toEqual({ rows: [], gone: [{ node: "a", peer: "tor" }] });
  });
});
