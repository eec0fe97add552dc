import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressBits, type Family, IpAddress, maxAddressValue, parseIpAddress } from "../../src/net/ip-address.ts";
import { comparePrefixes, IpPrefix, parsePrefix } from "../../src/net/ip-prefix.ts";
import { addressesOf, anyAddress, anyPrefix } from "./arbitraries.ts";

describe("parsePrefix() refuses", () => {
  test.each([
    ["a bare address", "10.0.0.0"],
    ["a bare IPv6 address", "::"],
    ["no length", "10.0.0.0/"],
    ["no address", "/24"],
    ["a length above 32", "10.0.0.0/33"],
    ["an IPv6 length on IPv4", "10.0.0.0/64"],
    ["a length above 128", "::/129"],
    ["a negative length", "10.0.0.0/-1"],
    ["a signed length", "10.0.0.0/+8"],
    ["a length with a leading zero", "10.0.0.0/08"],
    ["a fractional length", "10.0.0.0/8.0"],
    ["a netmask", "10.0.0.0/255.0.0.0"],
    ["two slashes", "10.0.0.0//8"],
    ["two lengths", "10.0.0.0/8/8"],
    ["blanks around the slash", "10.0.0.0 / 8"],
    ["a blank before", " 10.0.0.0/8"],
    ["a newline after", "10.0.0.0/8\n"],
    ["shortened IPv4", "10/8"],
    ["an empty part", "1..2.3/8"],
    ["octal", "010.0.0.0/8"],
    ["a zone", "fe80::%eth0/64"],
    ["an IPv4-mapped block", "::ffff:10.0.0.0/104"],
    ["an IPv4-mapped address that would fit /8", "::ffff:10.0.0.0/8"],
    ["nothing", ""],
    ["a huge length", "::/99999999999999999999"],
  ])("%s", (_, text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });
});

describe("parsePrefix() masks host bits off", () => {
  test.each([
    ["10.0.0.5/24", "10.0.0.0/24"],
    ["10.0.0.5/32", "10.0.0.5/32"],
    ["255.255.255.255/0", "0.0.0.0/0"],
    ["255.255.255.255/31", "255.255.255.254/31"],
    ["2001:db8::5/64", "2001:db8::/64"],
    ["ffff::/0", "::/0"],
    ["::1/128", "::1/128"],
    ["::1/127", "::/127"],
  ])("%s is %s", (text, want) => {
    expect(parsePrefix(text)?.toString()).toBe(want);
  });
});

describe("IpPrefix", () => {
  test("what is printed parses to the same prefix", () => {
    const notMapped = anyPrefix.filter(({ family, address }) => family === 4 || address.value >> 32n !== 0xffffn);
    fc.assert(
      fc.property(notMapped, (prefix) => {
        expect(parsePrefix(`${prefix}`)?.equals(prefix)).toBe(true);
      }),
    );
  });

  test("holds exactly the addresses from first to last", () => {
    const cases = anyPrefix.chain((prefix) => fc.tuple(fc.constant(prefix), addressesOf(prefix.family)));
    fc.assert(
      fc.property(cases, ([prefix, address]) => {
        const { first, last, length, family } = prefix;
        expect(last.value - first.value + 1n).toBe(1n << BigInt(addressBits(family) - length));
        expect(prefix.contains(address)).toBe(address.value >= first.value && address.value <= last.value);
        expect(prefix.contains(first) && prefix.contains(last)).toBe(true);
      }),
    );
  });

  test.each([
    ["0.0.0.0/0", "255.255.255.255"],
    ["10.0.0.0/8", "10.255.255.255"],
    ["10.0.0.4/30", "10.0.0.7"],
    ["10.0.0.4/31", "10.0.0.5"],
    ["10.0.0.4/32", "10.0.0.4"],
    ["::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff"],
  ])("the last address of %s is %s", (text, want) => {
    expect(parsePrefix(text)?.last.toString()).toBe(want);
  });

  test("holds no address of the other family", () => {
    const other = (family: Family): IpAddress => new IpAddress(family === 4 ? 6 : 4, 0n);
    fc.assert(
      fc.property(anyPrefix, (prefix) => {
        expect(prefix.contains(other(prefix.family))).toBe(false);
      }),
    );
  });

  test.each<[Family, number]>([
    [4, 33],
    [4, -1],
    [4, 1.5],
    [4, Number.NaN],
    [6, 129],
  ])("IPv%s has no prefix of %s bits", (family, length) => {
    expect(() => IpPrefix.containing(new IpAddress(family, 0n), length)).toThrow(RangeError);
  });

  test("ofHost() holds one address", () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        const host = IpPrefix.ofHost(address);
        expect([host.first.value, host.last.value, host.length]).toEqual([
          address.value,
          address.value,
          addressBits(address.family),
        ]);
      }),
    );
  });

  test("sorts by address, the wider one first", () => {
    const texts = ["::/0", "10.0.0.0/24", "9.0.0.0/8", "10.0.0.0/8", "::/64", "10.0.1.0/24"];
    const sorted = texts.flatMap((text) => parsePrefix(text) ?? []).sort(comparePrefixes);
    expect(sorted.map(String)).toEqual(["9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/24", "10.0.1.0/24", "::/0", "::/64"]);
  });

  test("differs by length and by address", () => {
    const [a, b, c] = ["10.0.0.0/8", "10.0.0.0/9", "11.0.0.0/8"].map(parsePrefix);
    expect([b, c].map((other) => other !== undefined && a?.equals(other))).toEqual([false, false]);
    expect(JSON.stringify([a])).toBe('["10.0.0.0/8"]');
    expect(maxAddressValue(4)).toBe(0xffffffffn);
    expect(parseIpAddress("10.0.0.0")?.equals(a?.first ?? new IpAddress(6, 0n))).toBe(true);
  });
});
