import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { poolName } from "../../src/api/brands.ts";
import type { Pool } from "../../src/api/config.ts";
import { poolCells } from "../../src/looking-glass/pool-cells.ts";
import { type IpAddress, parseIpAddress } from "../../src/net/ip-address.ts";
import { parseAddressBlock } from "../../src/net/ip-range.ts";

function pool(texts: readonly string[], avoidBuggyIps = false): Pool {
  const blocks = texts.map((text) => {
    const prefixes = parseAddressBlock(text).value ?? [];
    return { text, family: prefixes[0]?.family ?? 4, prefixes };
  });
  const rest = { labels: {}, autoAssign: true, serviceAllocation: undefined, conflictDetection: true };
  return { name: poolName("main"), blocks, avoidBuggyIps, ...rest };
}

function address(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (parsed === undefined) throw new RangeError(text);
  return parsed;
}
const held = (...texts: readonly string[]) => texts.map((text) => ({ ip: address(text), services: ["shop/web"] }));
const text = (cells: ReturnType<typeof poolCells>): readonly string[] =>
  cells.map(({ first, last, used, avoided }) => `${first}-${last} ${used}${avoided === true ? " avoided" : ""}`);

describe("a pool as cells", () => {
  it("has a cell for each address where there are few", () => {
    const cells = poolCells(
      pool(["192.0.2.254/31", "198.51.100.1-198.51.100.2"]),
      held("192.0.2.255", "198.51.100.1"),
      { cells: 16 },
    );
    expect(text(cells)).toEqual([
      "192.0.2.254-192.0.2.254 0",
      "192.0.2.255-192.0.2.255 1",
      "198.51.100.1-198.51.100.1 1",
      "198.51.100.2-198.51.100.2 0",
    ]);
  });

  it("says which addresses are never given", () => {
    const cells = poolCells(pool(["192.0.2.254-192.0.3.1"], true), [], { cells: 16 });
    expect(cells.map(({ avoided }) => avoided === true)).toEqual([false, true, true, false]);
  });

  it("joins blocks that touch, whatever their order", () => {
    const cells = poolCells(pool(["192.0.2.128/25", "192.0.2.0/25"]), held("192.0.2.3", "192.0.2.200"), { cells: 4 });
    expect(text(cells)).toEqual([
      "192.0.2.0-192.0.2.63 1",
      "192.0.2.64-192.0.2.127 0",
      "192.0.2.128-192.0.2.191 0",
      "192.0.2.192-192.0.2.255 1",
    ]);
  });

  it("counts what a /64 has as text, since no number can carry it", () => {
    const [cell] = poolCells(pool(["2001:db8::/32"]), held("2001:db8::1"), { cells: 1 });
    expect(cell).toMatchObject({ first: "2001:db8::", size: (2n ** 96n).toString(), used: 1 });
  });

  it("looks at a part closely", () => {
    const part = { cells: 4, first: address("10.1.2.0"), last: address("10.1.2.3") };
    const cells = poolCells(pool(["10.0.0.0/8", "2001:db8::/64"]), held("10.0.0.1", "10.1.2.2"), part);
    expect(text(cells)).toEqual([
      "10.1.2.0-10.1.2.0 0",
      "10.1.2.1-10.1.2.1 0",
      "10.1.2.2-10.1.2.2 1",
      "10.1.2.3-10.1.2.3 0",
    ]);
  });

  it("loses no holder and has no more cells than asked, whatever the pool", () => {
    const block = fc.tuple(fc.integer({ min: 0, max: 2 ** 24 }), fc.integer({ min: 16, max: 32 }));
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 8 }), fc.integer({ min: 8, max: 300 }), (blocks, most) => {
        // Blocks of a valid configuration do not overlap: each has a /8 of its own.
        const texts = blocks.map(
          ([host, length], i) => `${i + 1}.${(host >> 16) & 255}.${(host >> 8) & 255}.${host & 255}/${length}`,
        );
        const own = pool(texts);
        const firsts = own.blocks.flatMap(({ prefixes }) => prefixes.flatMap((prefix) => [prefix.first, prefix.last]));
        const holders = [...new Map(firsts.map((ip) => [ip.toString(), { ip, services: ["a/b"] }])).values()];
        holders.sort((a, b) => (a.ip.value < b.ip.value ? -1 : 1));
        const cells = poolCells(own, holders, { cells: most });
        expect(cells.length).toBeLessThanOrEqual(most);
        expect(cells.reduce((sum, { used }) => sum + used, 0)).toBe(holders.length);
      }),
    );
  });
});
