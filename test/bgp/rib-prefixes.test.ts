import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PrefixTable } from "../../src/bgp/rib-prefixes.ts";
import { addressBits, type Family, IpAddress, maxAddressValue } from "../../src/net/ip-address.ts";
import { IpPrefix } from "../../src/net/ip-prefix.ts";
import { prefix } from "./values.ts";

const anyPrefix: fc.Arbitrary<IpPrefix> = fc
  .constantFrom<Family>(4, 6)
  .chain((family) =>
    fc.tuple(
      fc.oneof(fc.bigInt(0n, 40n), fc.bigInt(0n, maxAddressValue(family))),
      fc.nat({ max: addressBits(family) }),
      fc.constant(family),
    ),
  )
  .map(([value, length, family]) => IpPrefix.containing(new IpAddress(family, value), length));

describe("PrefixTable", () => {
  it("has a row for each prefix, in both families, and none for others", () => {
    const table = new PrefixTable();
    const texts = [
      "0.0.0.0/0",
      "0.0.0.0/32",
      "0.0.0.1/32",
      "255.255.255.255/32",
      "::/0",
      "::/64",
      "::1/128",
      "2001:db8::/32",
      "2001:db8::/33",
    ];
    expect(texts.map((text) => table.add(prefix(text)))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(texts.map((text) => `${table.prefixAt(table.rowOf(prefix(text)))}`)).toEqual(texts);
    expect(texts.map((text) => table.familyAt(table.rowOf(prefix(text))))).toEqual([4, 4, 4, 4, 6, 6, 6, 6, 6]);
    expect(["::/32", "0.0.0.0/1", "10.0.0.0/8"].map((text) => table.rowOf(prefix(text)))).toEqual([-1, -1, -1]);
  });

  it("gives a removed row to the next prefix, and says that numbers mean something else now", () => {
    const table = new PrefixTable();
    const row = table.add(prefix("10.0.0.1/32"));
    const { generation } = table;
    table.remove(row);
    expect([table.size, table.has(row), table.rowOf(prefix("10.0.0.1/32"))]).toEqual([0, false, -1]);
    expect(table.generation).not.toBe(generation);
    expect([table.add(prefix("2001:db8::/32")), table.end]).toEqual([row, 1]);
    table.clear();
    expect([table.size, table.end, table.rowOf(prefix("2001:db8::/32"))]).toEqual([0, 0, -1]);
  });

  it("has nothing in rows that never were", () => {
    const table = new PrefixTable();
    table.add(prefix("10.0.0.1/32"));
    expect([-1, 0, 1, 15, 16, 1_000_000].map((row) => table.has(row))).toEqual([
      false,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it("grows after rows were removed and given away again", () => {
    const table = new PrefixTable();
    const hosts = Array.from({ length: 40 }, (_, i) => `10.0.0.${i}/32`);
    for (const text of hosts.slice(0, 16)) table.add(prefix(text));
    for (const text of hosts.slice(3, 9)) table.remove(table.rowOf(prefix(text)));
    for (const text of hosts) table.add(prefix(text));
    expect([table.size, table.end]).toEqual([40, 40]);
    expect(hosts.map((text) => `${table.prefixAt(table.rowOf(prefix(text)))}`)).toEqual(hosts);
  });

  it("finds all it has when room is made for many, also while it was growing, and never makes less", () => {
    const table = new PrefixTable();
    const hosts = Array.from({ length: 70 }, (_, i) => prefix(`10.0.0.${i}/32`));
    for (const [i, one] of hosts.entries()) {
      table.add(one);
      if (i === 33) table.reserve(1000);
      if (i === 50) table.reserve(10);
      for (const before of hosts.slice(0, i + 1)) expect(table.prefixAt(table.rowOf(before))).toEqual(before);
    }
    const [gone = prefix("::/0")] = hosts;
    table.remove(table.rowOf(gone));
    expect([table.rowOf(gone), table.size]).toEqual([-1, 69]);
  });

  it("forgets in the midst of growing too, and gives the number away", () => {
    const table = new PrefixTable();
    const hosts = Array.from({ length: 17 }, (_, i) => prefix(`10.0.0.${i}/32`));
    for (const one of hosts) table.add(one);
    const last = hosts[15] ?? prefix("::/0");
    const row = table.rowOf(last);
    table.remove(row);
    expect([table.rowOf(last), table.add(prefix("10.1.0.0/16")), table.rowOf(last)]).toEqual([-1, row, -1]);
    expect(table.add(last)).not.toBe(row);
    expect(hosts.map((one) => `${table.prefixAt(table.rowOf(one))}`)).toEqual(hosts.map(String));
  });

  it.each([
    ["0.0.0.0/0", [0]],
    ["10.0.0.0/8", [8, 10]],
    ["10.128.0.0/9", [9, 10, 128]],
    ["192.0.2.1/32", [32, 192, 0, 2, 1]],
    ["2001:db8::/33", [33, 0x20, 1, 0x0d, 0xb8, 0]],
    ["2001:db8:1:2:3:4:5:6/128", [128, 0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6]],
  ])("writes %s as RFC 4271 section 4.3 has it", (text, octets) => {
    const table = new PrefixTable();
    const row = table.add(prefix(text));
    const bytes = new Uint8Array(20);
    expect(table.writeNlri(bytes, 1, row)).toBe(1 + octets.length);
    expect(table.nlriLength(row)).toBe(octets.length);
    expect([...bytes.subarray(1, 1 + octets.length)]).toEqual(octets);
  });

  it("is a map, whatever is put in and taken out, of prefixes and of their paths", () => {
    const move = fc.tuple(fc.constantFrom("add", "remove"), anyPrefix, fc.constantFrom(0, 0, 1, 7, 0xffffffff));
    fc.assert(
      fc.property(fc.array(move, { maxLength: 200 }), (moves) => {
        const table = new PrefixTable();
        const rows = new Map<string, number>();
        for (const [what, one, id] of moves) {
          const key = `${one} ${id}`;
          expect(table.rowOf(one, id)).toBe(rows.get(key) ?? -1);
          if (what === "add") rows.set(key, table.add(one, id));
          else if (rows.delete(key)) table.remove(table.rowOf(one, id));
          expect(table.size).toBe(rows.size);
        }
        for (const [key, row] of rows) {
          const [text = "", id] = key.split(" ");
          expect(table.rowOf(prefix(text), Number(id))).toBe(row);
          expect(`${table.prefixAt(row)} ${table.pathIdAt(row)}`).toBe(key);
        }
        expect(new Set(rows.values()).size).toBe(rows.size);
      }),
      { numRuns: 500 },
    );
  });

  it("holds a million prefixes", () => {
    const table = new PrefixTable();
    for (let i = 0; i < 1_000_000; i++) table.add(IpPrefix.ofHost(new IpAddress(4, BigInt(i))));
    expect([table.size, table.rowOf(prefix("0.15.66.63/32"))]).toEqual([1_000_000, 999_999]);
  });
});
