import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CheckResult, type HealthState, step, UNKNOWN } from "../../src/standalone/health-state.ts";
import { isReady } from "../../src/standalone/readiness.ts";

const THRESHOLDS = { rise: 2, fall: 3 };
const PASS: CheckResult = { ok: true };
const FAIL: CheckResult = { ok: false, reason: "HTTP status 503" };

/** `+` and `-` are runs; the answer is the health after each: `h` or `u`. */
function trace(runs: string, thresholds = THRESHOLDS): string {
  let state = UNKNOWN;
  return [...runs]
    .map((run) => {
      state = step(state, run === "+" ? PASS : FAIL, thresholds);
      return state.health.slice(0, 1);
    })
    .join("");
}

describe("rise and fall", () => {
  test.each([
    ["the first run decides at once, for the better", "+", "h"],
    ["and for the worse", "-", "u"],
    ["two failures are not three", "+--", "hhh"],
    ["the third in a row is", "+---", "hhhu"],
    ["a success in between begins the count anew", "+--+--", "hhhhhh"],
    ["one success is not two", "-+", "uu"],
    ["the second in a row is", "-++", "uuh"],
    ["a failure in between begins the count anew", "-+-+", "uuuu"],
    ["after a change the count begins at none", "+---+-++", "hhhuuuuh"],
  ])("%s", (_name, runs, health) => {
    expect(trace(runs)).toBe(health);
  });

  test("health changes only after as many runs against it as were asked for, whatever came before", () => {
    const thresholds = fc.record({ rise: fc.integer({ min: 1, max: 5 }), fall: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 40 }), thresholds, (runs, limits) => {
        let state: HealthState = UNKNOWN;
        runs.forEach((ok, i) => {
          const next = step(state, ok ? PASS : FAIL, limits);
          if (next.health !== state.health && state.health !== "unknown") {
            const needed = ok ? limits.rise : limits.fall;
            expect(runs.slice(i + 1 - needed, i + 1)).toEqual(Array(needed).fill(ok));
          }
          state = next;
        });
      }),
    );
  });

  test("the reason is that of the last failure, and gone with the next success", () => {
    const failed = step(step(UNKNOWN, PASS, THRESHOLDS), FAIL, THRESHOLDS);
    expect(failed).toEqual({ health: "healthy", against: 1, reason: "HTTP status 503" });
    expect(step(failed, PASS, THRESHOLDS)).toEqual({ health: "healthy", against: 0, reason: undefined });
  });
});

describe("a Service is ready", () => {
  test.each([
    ["never without checks", [], true, false],
    ["not while one check fails", ["healthy", "unhealthy"], true, false],
    ["not before the first runs", ["unknown"], false, false],
    ["when all pass", ["healthy", "healthy"], false, true],
    ["as before while a check that was added has not run", ["healthy", "unknown"], true, true],
    ["not yet while one of its first checks has not run", ["healthy", "unknown"], false, false],
  ] as const)("%s", (_name, states, before, ready) => {
    expect(
      isReady(
        states.map((health) => ({ health })),
        before,
      ),
    ).toBe(ready);
  });
});
