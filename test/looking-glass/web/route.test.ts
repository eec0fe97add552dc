import { describe, expect, test } from "vitest";
import { hashOf, hashOfObject, hashOfPlace, parseLocation } from "../../../src/looking-glass/web/route.ts";

describe("the address bar", () => {
  test.each([
    ["", "overview", [], {}],
    ["#/nowhere/at/all", "overview", ["at", "all"], {}],
    ["#/services/%E0%A4%A/x", "services", ["%E0%A4%A", "x"], {}],
    ["#/services", "services", [], {}],
    ["#/services/shop/web", "services", ["shop", "web"], {}],
    ["#/sessions/node1/tor%2F1", "sessions", ["node1", "tor/1"], {}],
    ["#/routes?node=a&prefix=10.0.0.0%2F8", "routes", [], { node: "a", prefix: "10.0.0.0/8" }],
  ])("%j is %s", (hash, page, ids, query) => {
    expect(parseLocation(hash)).toEqual({ page, ids, query });
  });

  test("what hashOf() writes parseLocation() reads, and filters without a value are left out", () => {
    const hash = hashOf("services", ["a/b", "c?d"], { q: "x&y=z", pool: undefined, node: "" });
    expect(parseLocation(hash)).toEqual({ page: "services", ids: ["a/b", "c?d"], query: { q: "x&y=z" } });
  });

  test.each([
    [{ kind: "Service", namespace: "shop", name: "web" }, "#/services/shop/web"],
    [{ kind: "IPAddressPool", namespace: "metallb-system", name: "main" }, "#/pools/main"],
    [{ kind: "Node", name: "n1" }, "#/topology?node=n1"],
    [{ kind: "BGPPeer", name: "tor1" }, "#/sessions?peer=tor1"],
    [{ kind: "Secret", namespace: "a", name: "b" }, undefined],
    [{ kind: "Service", namespace: "shop", name: "" }, undefined],
  ])("an object leads to its page: %j", (object, hash) => {
    expect(hashOfObject(object)).toBe(hash);
  });

  test.each([
    [{ page: "session", node: "n1", peer: "tor1" }, "#/sessions/n1/tor1"],
    [{ page: "layer2" }, "#/layer2"],
    [{ page: "layer2", address: "2001:db8::1" }, "#/layer2?q=2001%3Adb8%3A%3A1"],
  ] as const)("a place of the API leads to its page: %j", (place, hash) => {
    expect(hashOfPlace(place)).toBe(hash);
  });
});
