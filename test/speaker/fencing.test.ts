import { beforeEach, describe, expect, test } from "vitest";
import type { FencePolicy } from "../../src/layer2/fence.ts";
import { type Micros, micros, seconds } from "../../src/net/micros.ts";
import { Fencing } from "../../src/speaker/fencing.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

let clock: VirtualClock;
let apiAnswers: boolean;
let lastHeardAt: Micros | undefined;
let asked: number;
let changes: string[];
let stop: AbortController;

beforeEach(() => {
  clock = new VirtualClock();
  [apiAnswers, lastHeardAt, asked, changes] = [true, undefined, 0, []];
  stop = new AbortController();
});

function start(policy: FencePolicy): Fencing {
  const api = {
    get lastHeardAt() {
      return lastHeardAt;
    },
    ask: () => {
      asked += 1;
      if (!apiAnswers) return Promise.reject(new Error("no route"));
      lastHeardAt = clock.now();
      return Promise.resolve();
    },
  };
  const fencing = new Fencing(
    { clock, log: silentLog, api, changed: (on, why) => changes.push(`${on ? "on" : "off"}: ${why}`) },
    { self: "a", policy, after: seconds(10) },
  );
  fencing.start(stop.signal);
  fencing.setMembers(["a", "b", "c"]);
  return fencing;
}

/** What is asked is answered between the timers, as it would be. */
async function pass(time: Micros): Promise<void> {
  const end = clock.now() + time;
  while (clock.now() < end) {
    clock.advance(micros(Math.min(seconds(0.5), end - clock.now())));
    for (let i = 0; i < 4; i++) await Promise.resolve();
  }
}

describe("fencing", () => {
  test("an outage of the API alone costs nothing, and the API is not even asked", async () => {
    apiAnswers = false;
    const fencing = start("both");
    await pass(seconds(300));
    expect([fencing.fenced, changes, asked]).toEqual([undefined, [], 0]);
  });

  test("the loss of most members alone costs nothing: the API is asked, and answers", async () => {
    const fencing = start("both");
    fencing.setMembers(["a"]);
    await pass(seconds(300));
    expect([fencing.fenced, changes]).toEqual([undefined, []]);
    expect(asked).toBeGreaterThan(100);
  });

  test("both gone: within the time, and no longer once either is back", async () => {
    const fencing = start("both");
    await pass(seconds(20));
    apiAnswers = false;
    fencing.setMembers(["a"]);
    await pass(seconds(9.5));
    expect(changes).toEqual([]);
    await pass(seconds(1));
    expect(changes).toEqual(["on: the API has not answered for 30 s and 1 of 3 speakers are alive"]);
    apiAnswers = true;
    await pass(seconds(3));
    expect(changes[1]).toMatch(/^off: the API answers, after the API has not/);
  });

  test("members that said goodbye are no loss", async () => {
    apiAnswers = false;
    const fencing = start("both");
    fencing.left(["b", "c"]);
    fencing.setMembers(["a"]);
    await pass(seconds(60));
    expect(fencing.fenced).toBeUndefined();
  });

  test.each<[FencePolicy, boolean, boolean, boolean]>([
    ["api", false, true, true],
    ["api", true, false, false],
    ["members", true, false, true],
    ["members", false, true, false],
    ["off", false, false, false],
  ])("policy %s: API there %s, members there %s, fenced %s", async (policy, api, members, expected) => {
    apiAnswers = api;
    const fencing = start(policy);
    if (!members) fencing.setMembers(["a"]);
    await pass(seconds(15));
    expect(fencing.fenced !== undefined).toBe(expected);
  });

  test("leaves no timer behind", async () => {
    const fencing = start("both");
    fencing.setMembers(["a"]);
    await pass(seconds(5));
    stop.abort();
    await pass(seconds(1));
    expect(clock.armed).toBe(0);
  });
});

describe("standing against a speaker that is taken for dead and announces all the same", () => {
  test.each([
    ["with most of the speakers an address is kept: the other cannot be with most", ["a", "b"], true, 20, "keep"],
    ["with few, while the API answers, the election says: the others may be as lonely", ["a"], true, 20, undefined],
    ["with few and without the API, first the election says", ["a"], false, 4, undefined],
    ["and after half the time that fences, the other keeps it", ["a"], false, 6, "yield"],
  ])("%s", async (_name, alive, answers, time, standing) => {
    const fencing = start("both");
    await pass(seconds(20));
    apiAnswers = answers;
    fencing.setMembers(alive);
    await pass(seconds(time));
    expect(fencing.standing).toBe(standing);
  });

  test("who never knew another speaker is with nobody", () => {
    const fencing = start("both");
    fencing.left(["b", "c"]);
    fencing.setMembers(["a"]);
    expect(fencing.standing).toBeUndefined();
  });
});

describe("giving way to a speaker that goes on announcing, against the order of the election", () => {
  test.each([
    ["never with most of the speakers and the API", ["a", "b"], true, 99, false],
    ["never at once", ["a"], false, 3, false],
    ["without the API, whoever is taken for alive: the other decides on newer news", ["a", "b", "c"], false, 4, true],
    ["with few, later than who has no API", ["a"], true, 4, false],
    ["with few and the API in the end: the others may not hear this one's gossip", ["a"], true, 8, true],
  ])("%s", async (_name, alive, answers, contradictions, expected) => {
    const fencing = start("both");
    fencing.setMembers(alive);
    apiAnswers = answers;
    await pass(seconds(6));
    fencing.givesWay("A", 2);
    await pass(seconds(1));
    expect(fencing.givesWay("A", contradictions)).toBe(expected);
  });

  test("asks an API that had nothing to tell, once at a time, before it is taken for silent", async () => {
    const fencing = start("both");
    await pass(seconds(300));
    expect(asked).toBe(0);
    for (let i = 0; i < 1000; i++) expect(fencing.givesWay("A", 2)).toBe(false);
    expect(asked).toBe(1);
    await pass(seconds(1));
    expect(fencing.givesWay("A", 4)).toBe(false);
  });

  test("of two that are alike the one that comes first by name is convinced later: the other has given way by then", async () => {
    const fencing = start("both");
    apiAnswers = false;
    await pass(seconds(6));
    expect([4, 5, 6].map((times) => fencing.givesWay("b", times))).toEqual([false, false, true]);
    expect(fencing.givesWay("A", 4)).toBe(true);
  });

  test("alone from the beginning counts as with few", async () => {
    const fencing = start("both");
    fencing.left(["b", "c"]);
    fencing.setMembers(["a"]);
    await pass(seconds(1));
    expect([fencing.givesWay("A", 7), fencing.givesWay("A", 8)]).toEqual([false, true]);
  });
});
