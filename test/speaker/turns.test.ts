import { describe, expect, test } from "vitest";
import { millis } from "../../src/net/micros.ts";
import { Turns, type Work } from "../../src/speaker/turns.ts";
import { BusyClock } from "../support/busy-clock.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

function scene(clock: BusyClock | VirtualClock) {
  const said: string[] = [];
  const turns = new Turns(clock, () => said.push("turn"));
  const work = function* (name: string, steps: number): Work {
    for (let i = 0; i < steps; i++) {
      said.push(name);
      yield;
    }
  };
  return { said, turns, work };
}

describe("Turns", () => {
  test("a turn ends after 8 ms, the next goes on, and the end is told after the last", () => {
    const clock = new BusyClock(millis(2));
    const { said, turns, work } = scene(clock);
    turns.begin(work("a", 6), () => said.push("done"));
    expect([said.splice(0), turns.busy]).toEqual([["a", "a", "a", "a", "turn"], true]);
    clock.turn();
    expect([said.splice(0), turns.busy]).toEqual([["a", "a", "turn", "done"], false]);
    expect(clock.turn()).toBe(false);
  });

  test("what takes less than a turn is done at once", () => {
    const { said, turns, work } = scene(new VirtualClock());
    turns.begin(work("a", 1000), () => said.push("done"));
    expect(said.slice(-2)).toEqual(["turn", "done"]);
  });

  test("a step that takes longer than a turn is a turn of its own: there is always one", () => {
    const clock = new BusyClock(millis(20));
    const { said, turns, work } = scene(clock);
    turns.begin(work("a", 2));
    while (clock.turn());
    expect(said).toEqual(["a", "turn", "a", "turn", "turn"]);
  });

  test("new work takes the place of old, whose end is never told", () => {
    const clock = new BusyClock(millis(8));
    const { said, turns, work } = scene(clock);
    turns.begin(work("old", 9), () => said.push("old done"));
    turns.begin(work("new", 1), () => said.push("new done"));
    while (clock.turn());
    expect(said).toEqual(["old", "turn", "new", "turn", "turn", "new done"]);
  });

  test("what may wait begins with the next turn, and who stops does nothing more", () => {
    const clock = new BusyClock(millis(8));
    const { said, turns, work } = scene(clock);
    turns.beginSoon(work("a", 5));
    expect(said).toEqual([]);
    clock.turn();
    turns.stop();
    expect([said, clock.turn(), turns.busy]).toEqual([["a", "turn"], false, false]);
  });

  test("work that is begun when other work is done is not lost", () => {
    const clock = new BusyClock(millis(8));
    const { said, turns, work } = scene(clock);
    turns.begin(work("a", 1), () => turns.begin(work("b", 2)));
    while (clock.turn());
    expect(said.filter((one) => one !== "turn")).toEqual(["a", "b", "b"]);
  });
});
