import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Broadcasts } from "../../src/membership/broadcasts.ts";
import { LocalHealth } from "../../src/membership/health.ts";
import { supersedes } from "../../src/membership/member-table.ts";
import { Questions } from "../../src/membership/question.ts";
import { measured, patience } from "../../src/membership/round-trip.ts";
import { Sessions, sessionId } from "../../src/membership/session.ts";
import { suspicionTime } from "../../src/membership/suspicion.ts";
import type { MemberState, Update } from "../../src/membership/update.ts";
import { updateSize } from "../../src/membership/update.ts";
import { IpAddress } from "../../src/net/ip-address.ts";
import { millis } from "../../src/net/micros.ts";

const place = { address: new IpAddress(4, 1n), port: 7946 };
const update = (name: string): Update => ({ name, state: "alive", incarnation: 1, place, accusers: [] });
const life = (n: number) => sessionId(Uint8Array.of(n >> 16, n >> 8, n));

describe("Sessions", () => {
  const sequences = [5, 3, 5, 4, 3, 100, 99, 100, 5000, 4999, 100, 2900, 3000];
  const verdicts = "new new replayed new replayed new new replayed new new replayed replayed new".split(" ");

  test("take each number once, out of order within the window, and nothing older", () => {
    const sessions = new Sessions();
    sessions.prove(life(1), "a", 1);
    expect(sequences.map((sequence) => sessions.take(life(1), sequence))).toEqual(verdicts);
  });

  test.each([2015, 2016, 2017, 2040, 2048])(
    "never take a number again after one that is higher by %i: words are cleared as a whole",
    (step) => {
      for (let number = 10; number < 42; number++) {
        const sessions = new Sessions();
        sessions.prove(life(1), "a", 1);
        expect(sessions.take(life(1), number)).toBe("new");
        sessions.take(life(1), number + step);
        expect(sessions.take(life(1), number)).toBe("replayed");
      }
    },
  );

  test("never take a number twice, in any order", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9000 }), { maxLength: 300 }), (numbers) => {
        const sessions = new Sessions();
        sessions.prove(life(1), "a", 0);
        const taken = numbers.filter((number) => sessions.take(life(1), number) === "new");
        expect(new Set(taken).size).toBe(taken.length);
        expect(taken).not.toContain(0);
      }),
    );
  });

  test("forget the oldest of very many, which then has to prove itself again", () => {
    const sessions = new Sessions();
    for (let i = 0; i <= 8192; i++) sessions.prove(life(i), "a", 1);
    expect(sessions.take(life(0), 2)).toBe("unknown");
    expect(sessions.take(life(1), 2)).toBe("new");
    expect(sessions.nameOf(life(0))).toBeUndefined();
  });
});

test.each<[MemberState, number, MemberState, number, boolean]>([
  ["alive", 1, "alive", 1, false],
  ["alive", 2, "alive", 1, true],
  ["alive", 1, "suspect", 1, false],
  ["alive", 2, "suspect", 1, true],
  ["alive", 1, "dead", 1, false],
  ["alive", 2, "dead", 1, true],
  ["suspect", 1, "alive", 1, true],
  ["suspect", 1, "alive", 2, false],
  ["suspect", 1, "suspect", 1, false],
  ["suspect", 1, "dead", 1, false],
  ["dead", 1, "alive", 1, true],
  ["dead", 1, "suspect", 1, true],
  ["dead", 1, "suspect", 2, false],
  ["dead", 1, "left", 1, false],
  ["left", 1, "alive", 1, true],
  ["left", 1, "dead", 1, false],
])("SWIM's order: %s of incarnation %i after %s of %i: %s", (state, incarnation, known, knownIncarnation, expected) => {
  const news = { ...update("x"), state, incarnation };
  expect(supersedes(news, { state: known, incarnation: knownIncarnation })).toBe(expected);
});

describe("suspicionTime()", () => {
  const times = { least: millis(200), most: millis(600), confirmers: 5 };
  const suspicion = (accusers: number, own = true) => ({
    since: 0,
    accusers: new Set(Array.from({ length: accusers }, (_, i) => i)),
    own,
    askAt: 0,
  });

  test("is the longest for one accuser, the shortest for three, and between for two", () => {
    expect(suspicionTime(suspicion(1), times)).toBe(600_000);
    expect(suspicionTime(suspicion(2), times)).toBeCloseTo(347_628, 0);
    expect(suspicionTime(suspicion(3), times)).toBe(200_000);
    expect(suspicionTime(suspicion(4), times)).toBe(200_000);
  });

  test("ends also where nobody's name is under the accusation", () => {
    expect(suspicionTime(suspicion(0), times)).toBe(600_000);
  });

  test("needs fewer where there are fewer, and stays long where nobody could confirm", () => {
    expect(suspicionTime(suspicion(2), { ...times, confirmers: 1 })).toBe(200_000);
    expect(suspicionTime(suspicion(1), { ...times, confirmers: 0 })).toBe(600_000);
  });

  test("lets those who accused come first", () => {
    expect(suspicionTime(suspicion(3, false), times)).toBe(300_000);
  });
});

describe("Broadcasts", () => {
  test("go out newest first, then those told least often, and only so often", () => {
    const broadcasts = new Broadcasts();
    for (const name of ["a", "b", "c"]) broadcasts.add(update(name), 2);
    const room = 2 * updateSize(update("a"));
    const rounds = Array.from({ length: 4 }, () => {
      const into: Update[] = [];
      broadcasts.fill(into, room);
      return into.map(({ name }) => name).join("");
    });
    expect(rounds).toEqual(["ab", "ca", "bc", ""]);
    expect(broadcasts.isEmpty).toBe(true);
  });

  test("never say two things of one member in a packet, nor what is overtaken", () => {
    const broadcasts = new Broadcasts();
    broadcasts.add(update("a"), 3);
    broadcasts.add({ ...update("a"), incarnation: 2 }, 3);
    const into: Update[] = [];
    broadcasts.fill(into, 1000);
    expect(into.map(({ incarnation }) => incarnation)).toEqual([2]);
    const besides = [update("a")];
    broadcasts.fill(besides, 1000);
    expect(besides).toHaveLength(1);
  });

  test("stop at what one octet can count", () => {
    const broadcasts = new Broadcasts();
    for (let i = 0; i < 300; i++) broadcasts.add(update(`m${i}`), 1);
    const into: Update[] = [];
    broadcasts.fill(into, 1_000_000);
    expect(into).toHaveLength(255);
  });
});

test("LocalHealth stays between well and its worst", () => {
  const health = new LocalHealth();
  health.better();
  expect(health.multiplier).toBe(1);
  health.worse(10);
  expect(health.score).toBe(3);
  health.better();
  expect(health.score).toBe(2);
});

test("patience follows the round trip (RFC 6298)", () => {
  const first = measured(undefined, 1000);
  expect(patience(first)).toBe(3000);
  expect(patience(measured(first, 1000))).toBe(2500);
});

describe("Questions", () => {
  const question = { name: "a", purpose: { type: "doubt" }, askedAt: 0, stalls: 0 } as const;

  test("are numbered from an unpredictable one upwards, past the end of 48 bits, never 0", () => {
    const questions = new Questions(2 ** 48 - 2);
    expect([1, 2, 3].map(() => questions.add(question))).toEqual([2 ** 48 - 1, 1, 2]);
  });

  test("are forgotten after three seconds, and the oldest of very many at once", () => {
    const questions = new Questions(10);
    const first = questions.add(question);
    for (let i = 0; i < 4096; i++) questions.add({ ...question, askedAt: 2_000_000 });
    expect(questions.get(first)).toBeUndefined();
    const last = questions.add({ ...question, askedAt: 2_000_000 });
    questions.expire(4_999_999);
    expect(questions.get(last)).toBeDefined();
    questions.expire(5_000_000);
    expect(questions.get(last)).toBeUndefined();
  });
});
