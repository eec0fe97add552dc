import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addressBits,
  addressFromBytes,
  compareAddresses,
  type Family,
  IpAddress,
  maxAddressValue,
  parseIpAddress,
} from "../../src/net/ip-address.ts";
import { anyAddress } from "./arbitraries.ts";

const text = (t: string): string | undefined => parseIpAddress(t)?.toString();

describe("parseIpAddress() refuses", () => {
  test.each([
    ["nothing", ""],
    ["a blank", " "],
    ["two dots in a row", "1..2.3"],
    ["three parts, which inet_aton takes", "1.2.3"],
    ["one number, which inet_aton takes", "16909060"],
    ["five parts", "1.2.3.4.5"],
    ["octal", "010.0.0.1"],
    ["a leading zero", "1.2.3.04"],
    ["two zeros", "1.2.3.00"],
    ["hexadecimal", "0x1.2.3.4"],
    ["256", "1.2.3.256"],
    ["a sign", "+1.2.3.4"],
    ["a minus", "1.2.-3.4"],
    ["an exponent", "1e1.2.3.4"],
    ["a fraction at the end", "1.2.3.4."],
    ["a dot at the start", ".1.2.3.4"],
    ["a blank before", " 1.2.3.4"],
    ["a newline after", "1.2.3.4\n"],
    ["a blank after IPv6", "::1 "],
    ["a newline after IPv6", "::1\n"],
    ["full-width digits", "１.2.3.4"],
    ["Arabic digits", "١.٢.٣.٤"],
    ["a port", "1.2.3.4:80"],
    ["brackets", "[::1]"],
    ["a prefix", "1.2.3.4/32"],
    ["an IPv6 prefix", "::1/128"],
    ["a zone", "fe80::1%eth0"],
    ["an empty zone", "fe80::1%"],
    ["a zone of an IPv4 address", "1.2.3.4%eth0"],
    ["a host name", "localhost"],
    ["three colons", ":::"],
    ["one colon", ":"],
    ["two shortenings", "1::2::3"],
    ["seven groups", "1:2:3:4:5:6:7"],
    ["nine groups", "1:2:3:4:5:6:7:8:9"],
    ["eight groups and a shortening of none", "1:2:3:4::5:6:7:8"],
    ["eight groups and a shortening at the end", "1:2:3:4:5:6:7:8::"],
    ["eight groups and a shortening at the start", "::1:2:3:4:5:6:7:8"],
    ["a group of five digits", "12345::"],
    ["a group of five digits with zeros", "00001::"],
    ["a letter above f", "g::"],
    ["a colon at the start", ":1:2:3:4:5:6:7"],
    ["a colon at the end", "1:2:3:4:5:6:7:"],
    ["an IPv4 tail with octal", "::ffff:010.0.0.1"],
    ["an IPv4 tail of three parts", "::ffff:1.2.3"],
    ["an IPv4 tail above 255", "::ffff:1.2.3.256"],
    ["an IPv4 head", "1.2.3.4::"],
    ["an IPv4 tail after seven groups", "1:2:3:4:5:6:7:1.2.3.4"],
    ["an IPv4 tail after five groups", "1:2:3:4:5:1.2.3.4"],
    ["an IPv4 tail in the middle", "::1.2.3.4:5"],
    ["a NUL", "1.2.3.4\0"],
  ])("%s", (_, input) => {
    expect(text(input)).toBeUndefined();
  });
});

describe("parseIpAddress() accepts and prints canonically (RFC 5952)", () => {
  test.each([
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8::A", "2001:db8::a"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:0:2:3:0:0:4", "1::2:3:0:0:4"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["1::2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"],
    ["1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
    ["::1.2.3.4", "::102:304"],
    ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ])("%s", (input, want) => {
    expect(text(input)).toBe(want);
  });

  test.each([
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["::FFFF:102:304", "1.2.3.4"],
    ["0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"],
    ["::ffff:0:0", "0.0.0.0"],
    ["::ffff:0:0:0", "::ffff:0:0:0"],
    ["::fffe:1.2.3.4", "::fffe:102:304"],
  ])("the IPv4-mapped %s is %s (RFC 4291 section 2.5.5.2)", (input, want) => {
    expect(text(input)).toBe(want);
  });
});

describe("against node:net", () => {
  const isMapped = (t: string): boolean => /^\[::ffff:[^:]+:[^:]+\]$/.test(new URL(`http://[${t}]`).hostname);
  const soup = fc.string({ unit: fc.constantFrom(..."0123459aAfFg.:%-/ x"), maxLength: 24 });
  const groups = fc
    .array(fc.constantFrom("0", "00", "1", "ffff", "a0", "12345", "", "::", ":", ".", "1.2.3.4"), { maxLength: 12 })
    .map((parts) => parts.join(":"));

  test("whatever node:net takes without a zone is taken, and nothing else", () => {
    fc.assert(
      fc.property(fc.oneof(soup, groups, fc.ipV4(), fc.ipV6()), (t) => {
        const want = t.includes("%") ? 0 : isIP(t);
        expect(parseIpAddress(t)?.family ?? 0).toBe(want === 6 && isMapped(t) ? 4 : want);
      }),
      { numRuns: 3000 },
    );
  });

  test("what is printed parses to the same address", () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        const printed = address.toString();
        expect(isIP(printed)).toBe(address.family);
        // An IPv6 address in the mapped block reads back as the IPv4 address it carries.
        const mapped = address.family === 6 && address.value >> 32n === 0xffffn;
        expect(parseIpAddress(printed)?.value).toBe(mapped ? address.value & 0xffffffffn : address.value);
      }),
    );
  });
});

describe("IpAddress", () => {
  test.each<[Family, bigint]>([
    [4, -1n],
    [4, 1n << 32n],
    [6, -1n],
    [6, 1n << 128n],
  ])("refuses IPv%s value %s", (family, value) => {
    expect(() => new IpAddress(family, value)).toThrow(RangeError);
  });

  test("bytes go both ways", () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        const bytes = address.toBytes();
        expect(bytes.length * 8).toBe(addressBits(address.family));
        expect(addressFromBytes(bytes)?.equals(address)).toBe(true);
      }),
    );
  });

  test.each([0, 3, 5, 15, 17])("%s bytes are no address", (length) => {
    expect(addressFromBytes(new Uint8Array(length))).toBeUndefined();
  });

  test("the order is total: IPv4 first, then by value", () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (a, b) => {
        expect(Math.sign(compareAddresses(a, b))).toBe(-Math.sign(compareAddresses(b, a)) + 0);
        expect(compareAddresses(a, b) === 0).toBe(a.equals(b));
        if (a.family < b.family) expect(compareAddresses(a, b)).toBeLessThan(0);
      }),
    );
    expect(compareAddresses(new IpAddress(4, maxAddressValue(4)), new IpAddress(6, 0n))).toBeLessThan(0);
  });

  test.each([
    ["169.254.0.1", true],
    ["169.255.0.1", false],
    ["fe80::1", true],
    ["febf::1", true],
    ["fec0::1", false],
    ["10.0.0.1", false],
  ])("%s is link-local: %s", (t, want) => {
    expect(parseIpAddress(t)?.isLinkLocal).toBe(want);
  });

  test("is its text in JSON", () => {
    expect(JSON.stringify({ a: parseIpAddress("::1") })).toBe('{"a":"::1"}');
  });

  test("families do not mix", () => {
    expect(new IpAddress(4, 1n).equals(new IpAddress(6, 1n))).toBe(false);
  });
});
