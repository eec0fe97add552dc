import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { node, pod, service } from "../../src/apiserver/builtin/schemas.ts";
import { jsonPatch } from "../../src/apiserver/patch/json-patch.ts";
import { mergePatch } from "../../src/apiserver/patch/merge-patch.ts";
import { strategicMerge } from "../../src/apiserver/patch/strategic-merge.ts";

describe("mergePatch(): RFC 7386 appendix A", () => {
  test.each<[unknown, unknown, unknown]>([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("%j + %j = %j", (target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected);
  });

  test("never changes its target, and shares what it does not touch", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (target, patch) => {
          const before = JSON.stringify(target);
          mergePatch(target, patch);
          expect(JSON.stringify(target)).toBe(before);
        },
      ),
    );
    const spec = { big: 1 };
    expect(mergePatch({ spec, status: {} }, { status: { a: 1 } })).toHaveProperty("spec", spec);
  });
});

describe("jsonPatch()", () => {
  test("applies RFC 6902 operations without changing its target", () => {
    const target = { a: { b: [1, 2] } };
    const patch = [
      { op: "test", path: "/a/b/0", value: 1 },
      { op: "add", path: "/a/b/-", value: 3 },
      { op: "remove", path: "/a/b/0" },
    ];
    expect(jsonPatch(target, patch)).toEqual({ a: { b: [2, 3] } });
    expect(target).toEqual({ a: { b: [1, 2] } });
  });

  test.each([
    ["not a list", {}, 400],
    ["an unknown operation", [{ op: "frob", path: "/a" }], 400],
    ["a test that fails", [{ op: "test", path: "/a", value: 2 }], 422],
    ["a path that is not there", [{ op: "remove", path: "/x/y" }], 422],
  ])("refuses %s", (_name, patch, httpStatus) => {
    expect(() => jsonPatch({ a: 1 }, patch)).toThrow(expect.objectContaining({ httpStatus }));
  });
});

describe("strategicMerge()", () => {
  const ports = [
    { name: "http", port: 80, protocol: "TCP" },
    { name: "dns", port: 53, protocol: "UDP" },
  ];
  test.each<[string, unknown, unknown]>([
    ["merges ports by their number", [{ port: 80, targetPort: 8080 }], [{ ...ports[0], targetPort: 8080 }, ports[1]]],
    ["adds a port it does not find", [{ port: 443 }], [...ports, { port: 443 }]],
    ["deletes with $patch", [{ port: 80, $patch: "delete" }], [ports[1]]],
    ["replaces the list with $patch", [{ $patch: "replace" }, { port: 1 }], [{ port: 1 }]],
  ])("%s", (_name, patch, expected) => {
    expect(strategicMerge({ spec: { ports } }, { spec: { ports: patch } }, service)).toEqual({
      spec: { ports: expected },
    });
  });

  test("follows $setElementOrder and leaves others where they were", () => {
    const patch = { spec: { "$setElementOrder/ports": [{ port: 53 }, { port: 80 }] } };
    expect(strategicMerge({ spec: { ports } }, patch, service)).toEqual({ spec: { ports: [ports[1], ports[0]] } });
  });

  test("merges conditions of a node by type", () => {
    const ready = { type: "Ready", status: "True" };
    const network = { type: "NetworkUnavailable", status: "False" };
    const patch = { status: { conditions: [{ type: "Ready", status: "False" }] } };
    expect(strategicMerge({ status: { conditions: [ready, network] } }, patch, node)).toEqual({
      status: { conditions: [{ type: "Ready", status: "False" }, network] },
    });
  });

  test("merges containers and their variables by name", () => {
    const before = { spec: { containers: [{ name: "a", image: "x", env: [{ name: "A", value: "1" }] }] } };
    const patch = { spec: { containers: [{ name: "a", env: [{ name: "B", value: "2" }] }] } };
    const env = [
      { name: "A", value: "1" },
      { name: "B", value: "2" },
    ];
    expect(strategicMerge(before, patch, pod)).toEqual({ spec: { containers: [{ name: "a", image: "x", env }] } });
  });

  test.each<[string, object, object, object]>([
    ["adds to a set", { finalizers: ["a"] }, { finalizers: ["b", "a"] }, { finalizers: ["a", "b"] }],
    [
      "deletes from a set",
      { finalizers: ["a", "b"] },
      { "$deleteFromPrimitiveList/finalizers": ["a"] },
      { finalizers: ["b"] },
    ],
    ["null removes", { labels: { a: "1" } }, { labels: { a: null } }, { labels: {} }],
    [
      "$retainKeys drops the rest",
      { labels: { a: "1", b: "2" } },
      { labels: { $retainKeys: ["b"] } },
      { labels: { b: "2" } },
    ],
    [
      "$patch: replace takes the patch alone",
      { labels: { a: "1" } },
      { labels: { $patch: "replace", b: "2" } },
      { labels: { b: "2" } },
    ],
    ["$patch: delete removes the member", { labels: { a: "1" } }, { labels: { $patch: "delete" } }, {}],
  ])("metadata: %s", (_name, metadata, patch, expected) => {
    expect(strategicMerge({ metadata }, { metadata: patch }, service)).toEqual({ metadata: expected });
  });
});
