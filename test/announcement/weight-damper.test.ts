import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AnnouncedRoute, RouteChange } from "../../src/announcement/route-table.ts";
import { dampWeight, type ToldWeight, WeightDamper } from "../../src/announcement/weight-damper.ts";
import { peerName } from "../../src/api/brands.ts";
import { parsePrefix } from "../../src/net/ip-prefix.ts";
import { type Micros, micros, millis, seconds } from "../../src/net/micros.ts";
import { known } from "./cluster.ts";

const INTERVAL = seconds(5);

describe("one weight", () => {
  const told = (weight: number | undefined, since: number): ToldWeight => ({ weight, since: seconds(since) });
  test.each<[string, ToldWeight | undefined, number | undefined, number, ToldWeight, number | undefined]>([
    ["the first is told at once", undefined, 3, 1, told(3, 1), undefined],
    ["the same again changes nothing, not even since when", told(3, 1), 3, 2, told(3, 1), undefined],
    ["another too soon waits for the interval", told(3, 1), 4, 2, told(3, 1), 6],
    ["a lower one too", told(3, 1), 1, 5.999_999, told(3, 1), 6],
    ["another at the end of it is told", told(3, 1), 4, 6, told(4, 6), undefined],
    ["long after, at once", told(3, 1), 4, 100, told(4, 100), undefined],
    ["none is told at once", told(3, 1), undefined, 2, told(undefined, 2), undefined],
    ["one after none is told at once", told(undefined, 1), 4, 2, told(4, 2), undefined],
    ["none at the beginning", undefined, undefined, 2, told(undefined, 2), undefined],
    ["a weight of zero is one like the others", told(0, 1), 4, 2, told(0, 1), 6],
  ])("%s", (_, previous, wanted, now, want, due) => {
    expect(dampWeight(previous, wanted, seconds(now), INTERVAL)).toEqual({
      told: want,
      due: due === undefined ? undefined : seconds(due),
    });
  });
});

const prefix = known(parsePrefix("10.0.0.1/32"));
const route = (linkBandwidth: number | undefined, more: Partial<AnnouncedRoute> = {}): AnnouncedRoute => ({
  peer: peerName("tor"),
  prefix,
  localPref: undefined,
  med: undefined,
  asPathPrepend: undefined,
  linkBandwidth,
  communities: [],
  largeCommunities: [],
  advertisements: ["ad"],
  services: [],
  ...more,
});
const set = (one: AnnouncedRoute): RouteChange => ({ peer: one.peer, prefix: one.prefix, route: one });
const gone: RouteChange = { peer: peerName("tor"), prefix, route: undefined };

/** Every UPDATE as `seconds weight`, when a damper is told at these times and asked again when it says. */
function updates(script: readonly (readonly [at: number, change: RouteChange])[]): string[] {
  const damper = new WeightDamper(INTERVAL);
  const said: string[] = [];
  const say = (at: Micros, changes: readonly RouteChange[]): void => {
    for (const one of changes) said.push(`${at / 1_000_000} ${one.route?.linkBandwidth ?? (one.route ? "-" : "gone")}`);
  };
  const runUntil = (end: Micros): void => {
    for (let due = damper.due; due !== undefined && due <= end; due = damper.due) say(due, damper.release(due));
  };
  for (const [at, change] of script) {
    runUntil(seconds(at));
    say(seconds(at), damper.pass([change], seconds(at)));
  }
  runUntil(seconds(10_000));
  return said;
}

describe("routes", () => {
  test("a Deployment that rolls over 20 pods in 20 s is a few UPDATEs, and the last one is right", () => {
    const rolling = Array.from({ length: 20 }, (_, i): (readonly [number, RouteChange])[] => [
      [1 + i, set(route(21))],
      [1.5 + i, set(route(20))],
    ]).flat();
    const said = updates([[0, set(route(20))], ...rolling]);
    expect(said.length).toBeLessThanOrEqual(6);
    expect(said.at(-1)).toMatch(/ 20$/);
  });

  test("a change and back again is no UPDATE", () => {
    expect(
      updates([
        [0, set(route(3))],
        [1, set(route(2))],
        [2, set(route(3))],
      ]),
    ).toEqual(["0 3"]);
  });

  test("a withdrawal passes at once and drops what was held back", () => {
    expect(
      updates([
        [0, set(route(3))],
        [1, set(route(2))],
        [2, gone],
        [3, set(route(1))],
      ]),
    ).toEqual(["0 3", "2 gone", "3 1"]);
  });

  test("what else a route says passes at once, with the weight it had", () => {
    expect(
      updates([
        [0, set(route(3))],
        [1, set(route(2, { med: 5 }))],
      ]),
    ).toEqual(["0 3", "1 3", "5 2"]);
  });

  test("that the weight is asked for no more is told at once", () => {
    expect(
      updates([
        [0, set(route(3))],
        [1, set(route(undefined))],
        [2, set(route(2))],
      ]),
    ).toEqual(["0 3", "1 -", "2 2"]);
  });

  test("a route without a weight is none of its business", () => {
    expect(
      updates([
        [0, set(route(undefined))],
        [0, set(route(undefined))],
        [1, gone],
      ]),
    ).toEqual(["0 -", "0 -", "1 gone"]);
  });

  test("a session that comes up has the newest weight, and the next one waits from then", () => {
    const damper = new WeightDamper(INTERVAL);
    damper.pass([set(route(3))], seconds(0));
    damper.pass([set(route(2))], seconds(1));
    expect(damper.due).toBe(seconds(5));
    damper.startOver([route(2), route(undefined, { peer: peerName("other") })], seconds(2));
    expect(damper.due).toBeUndefined();
    expect(damper.pass([set(route(4))], seconds(3))).toEqual([]);
    expect(damper.due).toBe(seconds(7));
    expect(damper.release(seconds(6))).toEqual([]);
    expect(damper.release(seconds(7)).map((one) => one.route?.linkBandwidth)).toEqual([4]);
  });
});

test("whatever comes, weights are an interval apart and the last one is right", () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 4000 }), fc.constantFrom(1, 2, 3));
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      let at = 0;
      const script = steps.map(([after, weight]): readonly [number, RouteChange] => {
        at += after;
        return [millis(at) / 1_000_000, set(route(weight))];
      });
      const said = updates(script).map((line) => line.split(" ").map(Number));
      for (const [i, [time = 0]] of said.entries()) {
        const [previous] = said[i - 1] ?? [];
        if (previous !== undefined)
          expect(micros(Math.round((time - previous) * 1e6))).toBeGreaterThanOrEqual(INTERVAL);
      }
      expect(said.at(-1)?.[1]).toBe(steps.at(-1)?.[1]);
    }),
  );
});
