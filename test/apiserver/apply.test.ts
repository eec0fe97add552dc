import { beforeEach, describe, expect, test } from "vitest";
import { asArray, asObject, at } from "../../src/apiserver/json.ts";
import { Fixture, type Reply, SERVICES, service, WIDGET_LIST, widget } from "./fixture.ts";

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.start();
  return async () => fixture[Symbol.asyncDispose]();
});

function apply(path: string, manager: string, body: unknown, more = ""): Promise<Reply> {
  return fixture.send("PATCH", `${path}?fieldManager=${manager}${more}`, {
    body,
    type: "application/apply-patch+yaml",
  });
}

function managers(reply: Reply): readonly string[] {
  return asArray(at(reply.body, "metadata", "managedFields")).map(
    (row) => `${String(at(row, "manager"))} ${String(at(row, "operation"))}`,
  );
}

const one = `${WIDGET_LIST}/one`;

describe("server-side apply", () => {
  test("creates, and a second time changes nothing at all", async () => {
    const first = await apply(one, "a", widget("one", { size: 1 }));
    const second = await apply(one, "a", widget("one", { size: 1 }));
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body["metadata"]).toEqual(first.body["metadata"]);
    expect(managers(first)).toEqual(["a Apply"]);
  });

  test("an object that was applied empty gets fields: it is not taken for one that was given up", async () => {
    await apply(one, "a", widget("one", { size: 1, free: {} }));
    const filled = await apply(one, "a", widget("one", { size: 1, free: { x: 1 } }));
    expect(at(filled.body, "spec", "free")).toEqual({ x: 1 });
  });

  test("another manager's value is a conflict that names the field; force takes it over", async () => {
    await apply(one, "a", widget("one", { size: 1, limit: 5 }));
    const refused = await apply(one, "b", widget("one", { size: 2 }));
    expect(refused.status).toBe(409);
    expect(refused.body["message"]).toBe(
      'Apply failed with 1 conflict: conflict with "a" using test.io/v1: .spec.size',
    );
    expect(at(refused.body, "details", "causes")).toEqual([
      { reason: "FieldManagerConflict", field: ".spec.size", message: 'conflict with "a" using test.io/v1' },
    ]);
    const forced = await apply(one, "b", widget("one", { size: 2 }), "&force=true");
    expect(at(forced.body, "spec", "size")).toBe(2);
    // The first manager has lost the field: it no longer conflicts for the second.
    expect((await apply(one, "b", widget("one", { size: 3 }))).status).toBe(200);
  });

  test("two managers that agree share a field; it goes when both let go", async () => {
    await apply(one, "a", widget("one", { size: 1, note: "x" }));
    expect((await apply(one, "b", widget("one", { size: 1, note: "x" }))).status).toBe(200);
    const shared = await apply(one, "a", widget("one", { size: 1 }));
    expect(at(shared.body, "spec", "note")).toBe("x");
    const gone = await apply(one, "b", widget("one", { size: 1 }));
    expect(at(gone.body, "spec", "note")).toBeUndefined();
  });

  test("keyed lists merge by entry, sets by value, and only one's own entries leave", async () => {
    await apply(one, "a", widget("one", { size: 1, parts: [{ name: "x" }], tags: ["a"] }));
    await apply(one, "b", widget("one", { size: 1, parts: [{ name: "y", count: 2 }], tags: ["b"] }));
    const left = await apply(one, "a", widget("one", { size: 1 }));
    expect(at(left.body, "spec", "parts")).toEqual([{ name: "y", count: 2 }]);
    expect(at(left.body, "spec", "tags")).toEqual(["b"]);
  });

  test("a plain update takes ownership of what it alters", async () => {
    await apply(one, "a", widget("one", { size: 1 }));
    const patched = await fixture.send("PATCH", one, {
      body: { spec: { size: 4 } },
      type: "application/merge-patch+json",
    });
    expect(managers(patched)).toContain("tester Update");
    const refused = await apply(one, "a", widget("one", { size: 1 }));
    expect(refused.body["message"]).toContain('conflict with "tester"');
  });

  test("what a plain delete of an entry removes, its former owner no longer owns", async () => {
    await fixture.send("POST", SERVICES, { body: service("web", { ports: [{ port: 80, name: "a" }] }) });
    const json = "application/strategic-merge-patch+json";
    const ports = [
      { port: 80, $patch: "delete" },
      { port: 81, name: "a" },
    ];
    await fixture.send("PATCH", `${SERVICES}/web`, { body: { spec: { ports } }, type: json });
    const applied = await apply(`${SERVICES}/web`, "b", service("web", { ports: [{ port: 80, name: "b" }] }));
    expect(applied.status).toBe(200);
  });

  test("ports of a Service are told apart by port and protocol, whose default is TCP", async () => {
    await apply(
      `${SERVICES}/web`,
      "a",
      service("web", {
        ports: [
          { port: 53, name: "t" },
          { port: 53, name: "u", protocol: "UDP" },
        ],
      }),
    );
    const next = await apply(`${SERVICES}/web`, "a", service("web", { ports: [{ port: 53, name: "t" }] }));
    expect(asArray(at(next.body, "spec", "ports")).map((port) => asObject(port)["name"])).toEqual(["t"]);
  });

  test("the status is applied through its own subresource and owned there", async () => {
    await apply(one, "a", widget("one", { size: 1 }));
    const body = { apiVersion: "test.io/v1", kind: "Widget", metadata: { name: "one" }, status: { phase: "Ready" } };
    const done = await apply(`${one}/status`, "b", body);
    expect(at(done.body, "status")).toEqual({ phase: "Ready" });
    expect(at(asArray(at(done.body, "metadata", "managedFields"))[1], "subresource")).toBe("status");
  });

  test.each([
    ["no field manager", "", { metadata: { name: "one" } }, /fieldManager is required/],
    [
      "managedFields in the body",
      "?fieldManager=a",
      { metadata: { name: "one", managedFields: [{}] } },
      /managedFields must be nil/,
    ],
    ["another name than the path's", "?fieldManager=a", { metadata: { name: "two" } }, /does not match/],
  ])("refuses %s", async (_name, query, body, message) => {
    const full = { apiVersion: "test.io/v1", kind: "Widget", spec: { size: 1 }, ...body };
    const refused = await fixture.send("PATCH", `${one}${query}`, { body: full, type: "application/apply-patch+yaml" });
    expect(refused.status).toBe(400);
    expect(refused.body["message"]).toMatch(message);
  });

  test("takes YAML", async () => {
    const text = "apiVersion: test.io/v1\nkind: Widget\nmetadata:\n  name: one\nspec:\n  size: 3\n";
    expect(at((await apply(one, "a", text)).body, "spec", "size")).toBe(3);
  });
});
