import { describe, expect, it } from "vitest";
import type { Move } from "../../src/inspection/move.ts";
import { Layer2Board } from "../../src/looking-glass/layer2-board.ts";
import { held, layer2 } from "../inspection/explain-scene.ts";

const IP = "192.0.2.0";
const at = (minute: number): string => `2026-01-01T00:${`${minute}`.padStart(2, "0")}:00.000Z`;
const move = (type: Move["type"], node: string, minute: number, reason?: string): Move => ({
  type,
  node,
  seq: minute,
  at: at(minute),
  protocol: "layer2",
  addresses: [IP],
  reason,
});

function spansOf(board: Layer2Board): readonly string[] {
  const [history] = board.history(IP);
  return (history?.spans ?? []).map(({ node = "nobody", state, start, end, reason = "" }) =>
    `${node} ${state} ${start.slice(14, 16)}-${end?.slice(14, 16) ?? ""} ${reason}`.trim(),
  );
}

describe("who answered for an address", () => {
  it("is one node after the other, with nobody between them, and why", () => {
    const board = new Layer2Board();
    board.moved(move("answering", "a", 1));
    board.moved(move("silent", "a", 5, "lost-election"));
    board.moved(move("answering", "b", 6));
    expect(spansOf(board)).toEqual(["a answering 01-05", "nobody silent 05-06 lost-election", "b answering 06-"]);
  });

  it("does not end because another one falls silent", () => {
    const board = new Layer2Board();
    board.moved(move("answering", "b", 6));
    board.moved(move("silent", "a", 7));
    expect(spansOf(board)).toEqual(["b answering 06-"]);
  });

  it("is the present owner where no move was told", () => {
    const board = new Layer2Board();
    board.observe(layer2("a", held("a", { since: at(3) })));
    board.observe(layer2("a", held("a", { since: at(3) })));
    expect(spansOf(board)).toEqual(["a answering 03-"]);
    board.observe({ ...layer2("a"), at: at(9) });
    expect(spansOf(board)).toEqual(["a answering 03-09", "nobody silent 09-"]);
  });

  it("never goes back in time, though every node has a clock of its own", () => {
    const board = new Layer2Board();
    board.moved(move("answering", "a", 10));
    board.moved(move("answering", "b", 4));
    expect(spansOf(board)).toEqual(["a answering 10-10", "b answering 10-"]);
  });

  it("has the stranger that was met", () => {
    const board = new Layer2Board();
    board.moved(move("answering", "a", 1));
    board.moved(move("conflict", "a", 2, "address-conflict"));
    board.observe(layer2("a", held("a", { state: "quarantined" })));
    expect(spansOf(board)).toEqual(["a answering 01-02", "a conflict 02- address-conflict"]);
    expect(board.counts).toMatchObject({ addresses: 0, inConflict: 1 });
    expect(board.owners()[0]).toMatchObject({ address: IP, health: "bad" });
    board.moved(move("conflict-cleared", "a", 8));
    expect(spansOf(board).at(-1)).toBe("nobody silent 08-");
  });
});

describe("owners", () => {
  it("takes a silent node's word only where nobody else has the address, and its own when it is back", () => {
    const board = new Layer2Board();
    board.observe(layer2("a", held("a"), held("a", { address: "192.0.2.9" })));
    board.takeChanges();
    board.silence("a");
    board.observe(layer2("b", held("b")));
    expect(board.takeChanges()).toEqual([IP, "192.0.2.9"]);
    expect(
      board.owners().map(({ address, health, holders }) => [address, health, ...holders.map(({ node }) => node)]),
    ).toEqual([
      ["192.0.2.9", "unknown", "a"],
      [IP, "good", "b"],
    ]);
    expect(board.counts.addresses).toBe(1);
    expect(board.observe(layer2("a", held("a", { address: "192.0.2.9" })))).toBe(true);
    expect(board.owners().map(({ health }) => health)).toEqual(["good", "good"]);
  });

  it("puts trouble first, and is in the order of addresses", () => {
    const board = new Layer2Board();
    board.observe(layer2("a", held("a", { address: "192.0.2.10" }), held("a", { address: "192.0.2.9" }), held("a")));
    board.observe(layer2("b", held("b")));
    expect(board.owners().map(({ address, health }) => [address, health])).toEqual([
      [IP, "doubtful"],
      ["192.0.2.9", "good"],
      ["192.0.2.10", "good"],
    ]);
  });
});
