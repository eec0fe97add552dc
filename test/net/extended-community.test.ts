import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  compareExtendedCommunities,
  formatExtendedCommunity,
  linkBandwidth,
  lowestLinkBandwidth,
  parseExtendedCommunity,
  readLinkBandwidth,
} from "../../src/net/extended-community.ts";

const wire = (digits: string) => ({
  high: Number.parseInt(digits.slice(0, 8), 16),
  low: Number.parseInt(digits.slice(8), 16),
});

describe("the text of an extended community", () => {
  test.each([
    ["target:65000:7", "0002fde800000007"],
    ["target:65000:4294967295", "0002fde8ffffffff"],
    ["origin:100:1000", "00030064000003e8"],
    ["target:10.0.0.1:7", "01020a0000010007"],
    ["origin:10.0.0.1:65535", "01030a000001ffff"],
    ["target:4200000000:7", "0202fa56ea000007"],
    ["target:65000L:7", "02020000fde80007"],
    ["link-bandwidth:65001:1250000000", "0004fde94e9502f9"],
    ["link-bandwidth-non-transitive:65001:1250000000", "4004fde94e9502f9"],
    ["link-bandwidth:23456:0", "00045ba000000000"],
    ["color:100", "030b000000000064"],
    ["encapsulation:8", "030c000000000008"],
    ["0x4300000000000002", "4300000000000002"],
    ["0x0205000000000001", "0205000000000001"],
    ["0x4302000000000001", "4302000000000001"],
  ])("%s is %s both ways", (text, digits) => {
    expect(parseExtendedCommunity(text)).toEqual(wire(digits));
    expect(formatExtendedCommunity(wire(digits))).toBe(text);
  });

  test.each([
    ["rt:1:2", "target:1:2"],
    ["soo:1:2", "origin:1:2"],
    ["0x0002FDE800000007", "target:65000:7"],
  ])("%s is another word for %s", (text, canonical) => {
    expect(parseExtendedCommunity(text)).toEqual(parseExtendedCommunity(canonical));
  });

  test.each([
    "",
    "target",
    "target:1",
    "target:1:2:3",
    "target:65000:4294967296",
    "target:65536:65536",
    "target:4294967296:1",
    "target:10.0.0.1:65536",
    "target:2001:db8::1",
    "target:x:1",
    "target:L:1",
    "target:-1:1",
    "toString:1:1",
    "toString:1",
    "color:x",
    "color:1:2",
    "link-bandwidth:65536:1",
    "link-bandwidth:1:-1",
    "link-bandwidth:1:NaN",
    "link-bandwidth:1:1e+39",
    "0x00",
    "0x00020001000000070",
  ])("%j is none", (text) => {
    expect(parseExtendedCommunity(text)).toBeUndefined();
  });

  it("reads back whatever it prints", () => {
    const u32 = fc.integer({ min: 0, max: 0xffffffff });
    const typed = fc
      .tuple(fc.constantFrom(0x0002, 0x0003, 0x0004, 0x4004, 0x0102, 0x0203, 0x030b, 0x030c), u32, u32)
      .map(([type, high, low]) => ({ high: ((type << 16) | (high & 0xffff)) >>> 0, low }));
    fc.assert(
      fc.property(fc.oneof(fc.record({ high: u32, low: u32 }), typed), (community) => {
        expect(parseExtendedCommunity(formatExtendedCommunity(community))).toEqual(community);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("link bandwidth (RFC 10005)", () => {
  it("says AS_TRANS for an AS of four octets", () => {
    const community = linkBandwidth({ asn: 4_200_000_000, bytesPerSecond: 1, transitive: true });
    expect(community).toEqual(wire("00045ba03f800000"));
  });

  test.each([Number.NaN, -1, -0, Number.POSITIVE_INFINITY, 1e39])("%s is no bandwidth", (bytesPerSecond) => {
    expect(linkBandwidth({ asn: 1, bytesPerSecond, transitive: true })).toBeUndefined();
  });

  test.each([
    ["NaN", "0004fde97fc00000"],
    ["minus one", "0004fde9bf800000"],
    ["infinite", "0004fde97f800000"],
    ["another subtype", "0005fde93f800000"],
    ["another type", "0104fde93f800000"],
  ])("%s is ignored on receipt", (_name, digits) => {
    expect(readLinkBandwidth(wire(digits))).toBeUndefined();
    expect(lowestLinkBandwidth([wire(digits)])).toBeUndefined();
  });

  it("is the lowest of several, whatever their transitivity", () => {
    const many = ["0004fde94e9502f9", "4004fde93f800000", "0004fde9bf800000", "0004fde97fc00000"].map(wire);
    expect(lowestLinkBandwidth(many)).toBe(1);
    expect(lowestLinkBandwidth([...many, wire("4004000100000000")])).toBe(0);
  });
});

test("communities are ordered by their octets", () => {
  const sorted = ["0002000100000002", "0002000100000001", "0001ffff00000009"]
    .map(wire)
    .sort(compareExtendedCommunities);
  expect(sorted.map((one) => one.high * 2 ** 32 + one.low)).toEqual([
    0x0001ffff00000009, 0x0002000100000001, 0x0002000100000002,
  ]);
});
