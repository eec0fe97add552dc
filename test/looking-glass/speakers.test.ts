import { expect, it } from "vitest";
import { Board } from "../../src/looking-glass/board.ts";
import type { Roster } from "../../src/looking-glass/speaker-port.ts";
import { Speakers } from "../../src/looking-glass/speakers.ts";
import { seconds } from "../../src/net/micros.ts";
import { settle } from "../support/settle.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { MadeUpSpeaker } from "./made-up-speaker.ts";

it("a speaker that could not be found for a while tells no move twice when it is back", async () => {
  const clock = new VirtualClock();
  const now = (): Date => new Date(2e12 + clock.now() / 1000);
  const board = new Board(now);
  const speaker = new MadeUpSpeaker("a", now);
  const stop = new AbortController();
  let found: Roster = { speakers: [speaker], silent: [] };
  const roster = (): Promise<Roster> => Promise.resolve(found);
  const pass = async (time: number): Promise<void> => {
    clock.advance(seconds(time));
    await settle(10);
  };
  speaker.move({ type: "announced", service: "shop/one" });
  void new Speakers({ clock, random: () => 1, board, roster }, { plans: false }).run(stop.signal);
  await settle(10);
  found = { speakers: [], silent: [{ node: "a", reason: "the pod is not ready" }] };
  await pass(16);
  expect(board.silent).toMatchObject([{ name: "a", message: "the pod is not ready" }]);
  found = { speakers: [speaker], silent: [] };
  await pass(16);
  expect(board.silent).toEqual([]);
  expect(board.journal.find({}, 10).entries).toHaveLength(1);
  stop.abort();
});
