import { describe, expect, test } from "vitest";
import {
  communityFromNumber,
  compareCommunities,
  compareLargeCommunities,
  formatCommunity,
  formatLargeCommunity,
  parseCommunity,
  parseLargeCommunity,
} from "../../src/net/community.ts";

describe("parseCommunity", () => {
  test.each([
    ["65535:0", "65535:0"],
    ["65535:65535", "65535:65535"],
    ["0:0", "0:0"],
    ["007:1", "7:1"],
    ["65536:0", undefined],
    ["0:65536", undefined],
    ["1", undefined],
    ["1:2:3", undefined],
    ["large:1:2:3", undefined],
    [":", undefined],
    ["1:", undefined],
    ["+1:2", undefined],
    ["-1:2", undefined],
    [" 1:2", undefined],
    ["1:2 ", undefined],
    ["1.5:2", undefined],
    ["0x1:2", undefined],
    ["1e2:2", undefined],
    ["99999999999999999999:1", undefined],
    ["", undefined],
  ])("%j is %j", (text, want) => {
    const community = parseCommunity(text);
    expect(community === undefined ? undefined : formatCommunity(community)).toBe(want);
  });
});

describe("parseLargeCommunity", () => {
  test.each([
    ["large:1:2:3", "1:2:3"],
    ["large:4294967295:4294967295:4294967295", "4294967295:4294967295:4294967295"],
    ["large:4294967296:0:0", undefined],
    ["large:0:4294967296:0", undefined],
    ["large:0:0:4294967296", undefined],
    ["1:2:3", undefined],
    ["large:1:2", undefined],
    ["large:1:2:3:4", undefined],
    ["Large:1:2:3", undefined],
    ["large:1::3", undefined],
    ["large:a:2:3", undefined],
    ["large:", undefined],
  ])("%j is %j", (text, want) => {
    const community = parseLargeCommunity(text);
    expect(community === undefined ? undefined : formatLargeCommunity(community)).toBe(want);
  });
});

test.each([-1, 0.5, 2 ** 32, Number.NaN])("%s is no community", (n) => {
  expect(communityFromNumber(n)).toBeUndefined();
});

test("communities above 2^31 print and sort as unsigned numbers", () => {
  const parsed = ["65535:0", "1:2", "32768:1"].flatMap((text) => parseCommunity(text) ?? []);
  expect(parsed.sort(compareCommunities).map(formatCommunity)).toEqual(["1:2", "32768:1", "65535:0"]);
});

test("large communities sort by their three numbers", () => {
  const parsed = ["large:2:0:0", "large:1:2:9", "large:1:2:3", "large:1:1:9"].flatMap(
    (t) => parseLargeCommunity(t) ?? [],
  );
  expect(parsed.sort(compareLargeCommunities).map(formatLargeCommunity)).toEqual(["1:1:9", "1:2:3", "1:2:9", "2:0:0"]);
});
