import { describe, expect, it } from "vitest";
import { Journal } from "../../src/looking-glass/journal.ts";

function told(...moves: readonly (readonly [node: string, minute: number])[]): Journal {
  const journal = new Journal();
  for (const [node, minute] of moves) {
    const at = `2026-01-01T00:${`${minute}`.padStart(2, "0")}:00.000Z`;
    journal.record({ type: "announced", node, seq: minute, at });
  }
  return journal;
}
const seen = ({ entries }: ReturnType<Journal["find"]>): readonly string[] =>
  entries.map(({ move }) => `${move.node}${move.seq}`);

describe("the journal", () => {
  it("has the latest first, though each node tells its past when it is asked first", () => {
    const journal = told(["a", 1], ["a", 5], ["b", 2], ["b", 4], ["a", 6]);
    expect(seen(journal.find({}, 10))).toEqual(["a6", "a5", "b4", "b2", "a1"]);
  });

  it("goes on after the last one that was seen, with none left out and none twice", () => {
    const journal = told(["a", 1], ["a", 5], ["b", 2], ["b", 4], ["a", 6]);
    const first = journal.find({}, 2);
    const second = journal.find({ before: first.entries.at(-1)?.entry }, 2);
    const third = journal.find({ before: second.entries.at(-1)?.entry }, 2);
    expect([first, second, third].map(({ more }) => more)).toEqual([true, true, false]);
    expect([first, second, third].flatMap(seen)).toEqual(["a6", "a5", "b4", "b2", "a1"]);
  });

  it("keeps the latest in time of many nodes, and not those that were told last", () => {
    const journal = told(["late", 59]);
    for (let i = 0; i < 12_000; i++)
      journal.record({ type: "announced", node: "b", seq: i, at: "2026-01-01T00:00:00.000Z" });
    expect(seen(journal.find({}, 1))).toEqual(["late59"]);
    expect(journal.takeChanges()).toMatchObject({ entries: { length: 200 }, lost: 11_801 });
  });
});
