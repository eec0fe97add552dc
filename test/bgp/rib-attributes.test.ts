import { expect, it } from "vitest";
import { AttributeSets } from "../../src/bgp/rib-attributes.ts";
import { route } from "./values.ts";

const one = route("10.0.0.1/32", { communities: ["1:1"], largeCommunities: ["1:2:3"] });

it("equal sets have one number, and it leads back to a route with them", () => {
  const sets = new AttributeSets(() => {});
  const set = sets.setOf(one);
  expect(sets.setOf(route("10.0.0.2/32", { communities: ["1:1", "1:1"], largeCommunities: ["1:2:3"] }))).toBe(set);
  expect(sets.setOf({ ...one })).toBe(set);
  expect(sets.setOf({ ...one, med: 0 })).not.toBe(set);
  expect(sets.routeOf(set)).toMatchObject({ communities: one.communities, largeCommunities: one.largeCommunities });
  expect(sets.size).toBe(2);
});

it("a set is free when the last one who kept it lets go, and its number goes to another", () => {
  const freed: number[] = [];
  const sets = new AttributeSets((set) => freed.push(set));
  const set = sets.setOf(one);
  sets.retain(set);
  sets.retain(set);
  sets.release(set);
  expect([freed, sets.size]).toEqual([[], 1]);
  sets.release(set);
  expect([freed, sets.size]).toEqual([[set], 0]);
  expect(() => sets.routeOf(set)).toThrow(RangeError);
  const other = sets.setOf({ ...one, med: 5 });
  expect([other, sets.routeOf(other).med]).toEqual([set, 5]);
});

it.each([0, 7, -1])("there is no route with set %d before one was made", (set) => {
  expect(() => new AttributeSets(() => {}).routeOf(set)).toThrow(`no attribute set ${set}`);
});
