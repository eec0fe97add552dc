import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maxAddressValue, parseIpAddress } from "../../src/net/ip-address.ts";
import { parsePrefix } from "../../src/net/ip-prefix.ts";
import {
  parseAddressBlock,
  prefixesOfRange,
  rangeContains,
  rangeOfPrefix,
  rangeSize,
  rangesOverlap,
} from "../../src/net/ip-range.ts";
import { anyAddress, anyPrefix, anyRange } from "./arbitraries.ts";

describe("parseAddressBlock() refuses (rule 3.1)", () => {
  test.each([
    ["a bare address", "10.0.0.1", /^invalid CIDR "10.0.0.1"$/],
    ["nothing", "", /^invalid CIDR ""$/],
    ["blanks around a CIDR", " 10.0.0.0/24 ", /invalid CIDR/],
    ["an empty part", "1..2.3/24", /invalid CIDR/],
    ["octal", "010.0.0.0/24", /invalid CIDR/],
    ["a reversed range", "10.0.0.9-10.0.0.1", /start is after end/],
    ["a reversed range of neighbours", "10.0.1.0-10.0.0.255", /start is after end/],
    ["a reversed IPv6 range", "::2-::1", /start is after end/],
    ["a range of two families, which MetalLB takes for an empty pool", "10.0.0.1-::1", /start is IPv4, end is IPv6/],
    ["a range of two families, reversed", "::1-10.0.0.1", /start is IPv6, end is IPv4/],
    ["a range without an end", "10.0.0.1-", /invalid end IP ""/],
    ["a range without a start", "-10.0.0.1", /invalid start IP ""/],
    ["a dash", "-", /invalid start IP ""/],
    ["two dashes", "10.0.0.1-10.0.0.2-10.0.0.3", /invalid end IP "10.0.0.2-10.0.0.3"/],
    ["a range of CIDRs", "10.0.0.0/24-10.0.1.0/24", /invalid start IP/],
    ["a CIDR with a dash", "10.0.0.0-24", /invalid end IP "24"/],
    ["an end in short form", "10.0.0.1-9", /invalid end IP "9"/],
    ["an en dash", "10.0.0.1–10.0.0.9", /invalid CIDR/],
    ["a zone", "fe80::1%a-fe80::2", /invalid start IP/],
  ])("%s", (_, text, message) => {
    expect(parseAddressBlock(text).problem).toMatch(message);
  });
});

describe("parseAddressBlock() accepts", () => {
  test.each([
    ["10.0.0.5/24", "10.0.0.0/24"],
    ["10.0.0.1-10.0.0.1", "10.0.0.1/32"],
    ["10.0.0.0-10.0.0.255", "10.0.0.0/24"],
    ["10.0.0.1 - 10.0.0.4", "10.0.0.1/32 10.0.0.2/31 10.0.0.4/32"],
    ["\t10.0.0.254-10.0.1.1 ", "10.0.0.254/31 10.0.1.0/31"],
    ["0.0.0.0-255.255.255.255", "0.0.0.0/0"],
    ["0.0.0.0-255.255.255.254", Array.from({ length: 32 }, (_, i) => `/${i + 1}`).join(" ")],
    ["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"],
    ["2001:db8::-2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"],
    ["255.255.255.255-255.255.255.255", "255.255.255.255/32"],
    ["::ffff:10.0.0.0-10.0.0.1", "10.0.0.0/31"],
  ])("%j", (text, want) => {
    const prefixes = parseAddressBlock(text).value?.map(String) ?? [];
    const got = want.startsWith("/") ? prefixes.map((p) => p.slice(p.indexOf("/"))) : prefixes;
    expect(got.join(" ")).toBe(want);
  });

  test("never throws, whatever the text", () => {
    const soup = fc.string({ unit: fc.constantFrom(..."0129af.:-/ %"), maxLength: 40 });
    fc.assert(
      fc.property(fc.oneof(soup, fc.string()), (text) => {
        const { value, problem } = parseAddressBlock(text);
        expect(value === undefined).toBe(problem !== undefined);
        if (value !== undefined) expect(value.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe("prefixesOfRange()", () => {
  test("covers the range exactly, ascending, and with the fewest prefixes", () => {
    fc.assert(
      fc.property(anyRange, (range) => {
        const prefixes = prefixesOfRange(range);
        let next = range.first;
        for (const prefix of prefixes) {
          expect(prefix.family).toBe(range.family);
          expect(prefix.first.value).toBe(next);
          next = prefix.last.value + 1n;
        }
        expect(next).toBe(range.last + 1n);
        for (const [i, a] of prefixes.entries()) {
          const b = prefixes[i + 1];
          // Two halves of one wider prefix would be one prefix too many.
          const halves = a.length === b?.length && isLowerHalf(a.first.value, rangeSize(rangeOfPrefix(a)));
          expect(halves).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  const isLowerHalf = (first: bigint, size: bigint): boolean => (first / size) % 2n === 0n;

  test("of a prefix is that prefix", () => {
    fc.assert(
      fc.property(anyPrefix, (prefix) => {
        expect(prefixesOfRange(rangeOfPrefix(prefix)).map(String)).toEqual([`${prefix}`]);
      }),
    );
  });

  test.each([4, 6] as const)("the longest IPv%s list has twice the bits, less two", (family) => {
    const list = prefixesOfRange({ family, first: 1n, last: maxAddressValue(family) - 1n });
    expect(list).toHaveLength(family === 4 ? 62 : 254);
  });
});

describe("ranges", () => {
  test("overlap exactly when one holds an end of the other", () => {
    fc.assert(
      fc.property(anyRange, anyRange, (a, b) => {
        const holds = (x: bigint, r: typeof a): boolean => x >= r.first && x <= r.last;
        const want = a.family === b.family && (holds(a.first, b) || holds(a.last, b) || holds(b.first, a));
        expect(rangesOverlap(a, b)).toBe(want);
        expect(rangesOverlap(b, a)).toBe(want);
      }),
    );
  });

  test("contain addresses of their own family alone", () => {
    fc.assert(
      fc.property(anyRange, anyAddress, (range, address) => {
        const inside = address.value >= range.first && address.value <= range.last;
        expect(rangeContains(range, address)).toBe(inside && address.family === range.family);
      }),
    );
  });

  test.each([
    ["10.0.0.0/8", 16777216n],
    ["2001:db8::/64", 1n << 64n],
    ["::/0", 1n << 128n],
    ["10.0.0.1/32", 1n],
  ])("%s holds %s addresses, exactly", (text, want) => {
    const prefix = parsePrefix(text);
    expect(prefix === undefined ? undefined : rangeSize(rangeOfPrefix(prefix))).toBe(want);
  });

  test("touching ranges do not overlap", () => {
    const [a, b] = ["10.0.0.0/24", "10.0.1.0/24"].flatMap((text) => parsePrefix(text) ?? []).map(rangeOfPrefix);
    expect(a !== undefined && b !== undefined && rangesOverlap(a, b)).toBe(false);
    expect(parseIpAddress("10.0.1.0")?.value).toBe((a?.last ?? 0n) + 1n);
  });
});
