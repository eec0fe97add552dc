import { describe, expect, test } from "vitest";
import { counted, formatCount, formatDuration } from "../../../src/looking-glass/web/format.ts";
import { placeIn, ticksOf } from "../../../src/looking-glass/web/timeline.ts";

describe("figures for people", () => {
  test.each([
    [-5, "0s"],
    [999, "0s"],
    [59_999, "59s"],
    [60_000, "1m"],
    [200_000, "3m 20s"],
    [600_000, "10m"],
    [3_600_000, "1h"],
    [18_120_000, "5h 2m"],
    [90_000_000, "1d 1h"],
    [864_000_000, "10d"],
  ])("%i ms is %s", (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  test.each([
    [1234567, "1,234,567"],
    ["65536", "65,536"],
    ["18446744073709551616", "1.8×10¹⁹"],
  ])("%s is written %s", (count, text) => {
    expect(formatCount(count)).toBe(text);
  });

  test("one is singular, all else is plural", () => {
    expect([counted(0, "pool"), counted(1, "pool"), counted(2, "address", "addresses")]).toEqual([
      "0 pools",
      "1 pool",
      "2 addresses",
    ]);
  });
});

describe("lanes of time", () => {
  const at = (second: number): string => new Date(second * 1000).toISOString();
  const stretch = { from: 100_000, to: 200_000 };

  test.each([
    ["before", { start: at(10), end: at(99) }, undefined],
    ["after", { start: at(201), end: at(300) }, undefined],
    ["within", { start: at(125), end: at(150) }, { left: 25, width: 25 }],
    ["over the edge", { start: at(50), end: at(150) }, { left: 0, width: 50 }],
    ["until now", { start: at(150) }, { left: 50, width: 50 }],
    ["ends before it begins", { start: at(150), end: at(140) }, undefined],
  ])("%s", (_name, lasting, place) => {
    expect(placeIn(stretch, lasting)).toEqual(place);
  });

  test("ticks are round times, and few", () => {
    expect(ticksOf({ from: 60_000 * 3 + 1, to: 60_000 * 18 }, 5)).toEqual([5, 10, 15].map((minute) => minute * 60_000));
  });
});
