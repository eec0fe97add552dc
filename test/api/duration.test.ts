import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDuration } from "../../src/api/duration.ts";

// The rows come from the tests and documentation of Go's time.ParseDuration.
test.each([
  ["0", 0n],
  ["+0", 0n],
  ["-0", 0n],
  ["5s", 5_000_000_000n],
  ["1478s", 1_478_000_000_000n],
  ["-5s", -5_000_000_000n],
  ["+5s", 5_000_000_000n],
  ["5.0s", 5_000_000_000n],
  ["5.6s", 5_600_000_000n],
  ["5.s", 5_000_000_000n],
  [".5s", 500_000_000n],
  ["1.004s", 1_004_000_000n],
  ["100.00100s", 100_001_000_000n],
  ["10ns", 10n],
  ["11us", 11_000n],
  ["12µs", 12_000n],
  ["12μs", 12_000n],
  ["13ms", 13_000_000n],
  ["14s", 14_000_000_000n],
  ["15m", 900_000_000_000n],
  ["16h", 57_600_000_000_000n],
  ["3h30m", 12_600_000_000_000n],
  ["10.5s4m", 250_500_000_000n],
  ["-2m3.4s", -123_400_000_000n],
  ["1h2m3s4ms5us6ns", 3_723_004_005_006n],
  ["52763797000ns", 52_763_797_000n],
  ["0.3333333333333333333h", 1_199_999_999_999n],
  ["9223372036854775807ns", 9_223_372_036_854_775_807n],
])("%s", (text, want) => {
  expect(parseDuration(text)).toBe(want);
});

test.each([
  "",
  "3",
  "-",
  "s",
  ".",
  "-.",
  ".s",
  "+.s",
  "1d",
  "1w",
  "\x85\x85",
  "\xffff",
  "hello \xffff world",
  "1 s",
  " 1s",
  "1s ",
  "1S",
  "90sec",
  "1e3s",
  "--1s",
  "1s-1s",
  "9223372036854775808ns",
  "9223372036854775.808us",
  "3000000h",
  "1h,1m",
  "0x1s",
  "１s",
])("%j is none", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test("whole units add up", () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1000), fc.nat(1000), (h, m, s) => {
      expect(parseDuration(`${h}h${m}m${s}s`)).toBe(BigInt(h * 3600 + m * 60 + s) * 1_000_000_000n);
    }),
  );
});
