import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AS_TRANS, asnFromNumber, parseAsn } from "../../src/net/asn.ts";
import { micros, millis, seconds } from "../../src/net/micros.ts";

describe("parseAsn()", () => {
  test.each([
    ["1", 1],
    ["65535", 65535],
    ["4294967294", 4294967294],
    ["1.10", 65546],
    ["0.1", 1],
    ["65535.65534", 4294967294],
  ])("%s is %s", (text, want) => {
    expect(parseAsn(text)).toBe(want);
  });

  test.each([
    "",
    "0",
    "0.0",
    "4294967295",
    "65535.65535",
    "4294967296",
    "65536.0",
    "1.65536",
    "1.2.3",
    ".1",
    "1.",
    "-1",
    "+1",
    " 1",
    "1 ",
    "1e3",
    "0x1",
    "AS1",
    "1,000",
    "99999999999",
  ])("%j is none", (text) => {
    expect(parseAsn(text)).toBeUndefined();
  });

  test("dotted and plain mean the same", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4294967294 }), (n) => {
        expect(parseAsn(`${n}`)).toBe(n);
        expect(parseAsn(`${Math.floor(n / 65536)}.${n % 65536}`)).toBe(n);
      }),
    );
  });
});

test.each([0, -1, 1.5, 4294967295, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY])("%s is no AS number", (n) => {
  expect(asnFromNumber(n)).toBeUndefined();
});

test("AS_TRANS is what RFC 6793 says", () => {
  expect(AS_TRANS).toBe(23456);
});

test("intervals are whole microseconds", () => {
  expect([micros(1.9), millis(1.5), seconds(2)]).toEqual([1, 1500, 2_000_000]);
});
