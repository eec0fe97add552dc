import { describe, expect, test } from "vitest";
import type { TopologyLink } from "../../../src/looking-glass/model.ts";
import { lineBetween, linksToDraw, neighbours } from "../../../src/looking-glass/web/topology-lines.ts";

const session = (node: string, router: string, health: TopologyLink["health"] = "good"): TopologyLink => ({
  from: node,
  to: router,
  kind: "session",
  health,
  peer: router,
  count: 1,
});
const announcement = (service: string, node: string): TopologyLink => ({
  from: service,
  to: node,
  kind: "bgp",
  health: "good",
  count: 1,
});
const small = [session("n1", "r1"), session("n2", "r1", "bad"), announcement("s1", "n1"), announcement("s2", "n2")];
const large = [
  ...Array.from({ length: 100 }, (_, index) => session(`n${index}`, "r1", index === 7 ? "bad" : "good")),
  ...Array.from({ length: 100 }, (_, index) => announcement("s1", `n${index}`)),
];

describe("the lines of the topology", () => {
  test("few are all drawn, what is amiss on top", () => {
    const drawn = linksToDraw(small, undefined);
    expect(drawn).toHaveLength(4);
    expect(drawn.at(-1)).toMatchObject({ from: "n2", health: "bad" });
  });

  test("of many only those that are not good are drawn at rest", () => {
    expect(linksToDraw(large, undefined)).toEqual([session("n7", "r1", "bad")]);
  });

  test("of many those of a node that is pointed at are drawn", () => {
    const near = neighbours(large, "n3", new Set(["n3"]));
    expect(linksToDraw(large, near)).toEqual([announcement("s1", "n3"), session("n3", "r1")]);
  });

  test("a Service is near the routers that its nodes tell of it, and not near others", () => {
    expect(neighbours(small, "s1", new Set(["n1", "n2"]))).toEqual(new Set(["s1", "n1", "r1"]));
  });

  test("a line goes from the lower edge of the upper box to the upper edge of the lower one, whichever is named first", () => {
    const upper = { left: 0, top: 0, width: 100, height: 40 };
    const lower = { left: 200, top: 100, width: 100, height: 40 };
    expect(lineBetween(upper, lower, 0)).toMatch(/^M50 40C.* 250 100$/);
    expect(lineBetween(lower, upper, 0)).toBe(lineBetween(upper, lower, 0));
  });
});
