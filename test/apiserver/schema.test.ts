import { beforeAll, describe, expect, test } from "vitest";
import { asArray, asObject, at } from "../../src/apiserver/json.ts";
import { ruleEnvironment } from "../../src/apiserver/schema/cel-library.ts";
import { Fixture, WIDGET_LIST, WIDGETS, widget } from "./fixture.ts";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.start();
  return async () => fixture[Symbol.asyncDispose]();
});

let count = 0;
async function create(
  spec: object,
  query = "",
): Promise<{ status: number; body: Record<string, unknown>; headers: object }> {
  count += 1;
  return fixture.send("POST", `${WIDGET_LIST}${query}`, { body: widget(`w${count}`, spec) });
}

describe("a custom resource that breaks its schema is 422 and names the field", () => {
  test.each<[string, object, string]>([
    ["a missing field", {}, "spec.size: Required value"],
    [
      "a wrong type",
      { size: "x" },
      'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
    ],
    [
      "below the minimum",
      { size: 0 },
      "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
    ],
    [
      "outside int32",
      { size: 2 ** 31, limit: 2 ** 32 },
      "spec.size: Invalid value: 2147483648: spec.size in body must be of type int32: 2147483648",
    ],
    [
      "a fraction",
      { size: 1.5 },
      'spec.size: Invalid value: "number": spec.size in body must be of type integer: "number"',
    ],
    [
      "outside the enumeration",
      { size: 1, color: "blue" },
      'spec.color: Unsupported value: "blue": supported values: "red", "green"',
    ],
    ["too long", { size: 1, note: "abcdef" }, "spec.note: Too long: may not be more than 5 bytes"],
    [
      "not the pattern",
      { size: 1, note: "A" },
      "spec.note: Invalid value: \"A\": spec.note in body should match '^[a-z]*$'",
    ],
    ["too many items", { size: 1, tags: ["a", "b", "c", "d"] }, "spec.tags: Too many: 4: must have at most 3 items"],
    ["an entry without its key", { size: 1, parts: [{ count: 1 }] }, "spec.parts[0].name: Required value"],
    [
      "a null where none may be",
      { size: null },
      'spec.size: Invalid value: "null": spec.size in body must be of type integer: "null"',
    ],
    ["a broken rule", { size: 11 }, 'spec.size: Invalid value: "object": size must not exceed limit'],
    [
      "a broken rule of a library function",
      { size: 1, address: "1.2.3" },
      'spec.address: Invalid value: "1.2.3": no address',
    ],
  ])("%s", async (_name, spec, message) => {
    const refused = await create(spec);
    expect(refused.status).toBe(422);
    expect(refused.body["reason"]).toBe("Invalid");
    expect(refused.body["message"]).toBe(`Widget.test.io "w${count}" is invalid: ${message}`);
  });

  test("all broken fields come in one answer", async () => {
    const refused = await create({ size: 0, color: "blue" });
    const fields = asArray(at(refused.body, "details", "causes")).map((cause) => asObject(cause)["field"]);
    expect(fields).toEqual(expect.arrayContaining(["spec.size", "spec.color"]));
  });

  test.each([{ port: 80 }, { port: "http" }, { note: null }, { color: "red" }, { address: "2001:db8::1" }])(
    "%j is taken",
    async (spec) => {
      expect((await create({ size: 1, ...spec })).status).toBe(201);
    },
  );
});

test("a transition rule compares with the stored value, and says nothing on create", async () => {
  await create({ size: 1, color: "red" });
  const path = `${WIDGET_LIST}/w${count}`;
  const refused = await fixture.send("PATCH", path, {
    body: { spec: { color: "green" } },
    type: "application/merge-patch+json",
  });
  expect(refused.body["message"]).toContain('spec.color: Invalid value: "green": color is immutable');
});

test("defaults are filled in, also inside lists", async () => {
  const created = await create({ size: 1, parts: [{ name: "a" }] });
  expect(created.body["spec"]).toEqual({ size: 1, limit: 10, parts: [{ name: "a", count: 1 }] });
});

describe("unknown fields", () => {
  const spec = { size: 1, sise: 2, parts: [{ name: "a", cuont: 1 }], free: { anything: [1] } };

  test("are pruned with a warning for each, but kept where the schema preserves them", async () => {
    const created = await create(spec);
    expect(created.body["spec"]).toEqual({
      size: 1,
      limit: 10,
      parts: [{ name: "a", count: 1 }],
      free: { anything: [1] },
    });
    expect(created.headers).toHaveProperty(
      "warning",
      '299 - "unknown field \\"spec.sise\\"", 299 - "unknown field \\"spec.parts[0].cuont\\""',
    );
  });

  test("are 400 with fieldValidation=Strict", async () => {
    const refused = await create(spec, "?fieldValidation=Strict");
    expect(refused.status).toBe(400);
    expect(refused.body["message"]).toBe(
      'strict decoding error: unknown field "spec.sise", unknown field "spec.parts[0].cuont"',
    );
  });

  test("go without a word with fieldValidation=Ignore", async () => {
    expect((await create(spec, "?fieldValidation=Ignore")).headers).not.toHaveProperty("warning");
  });
});

describe("versions", () => {
  test("an object is served in every version, with only apiVersion changed by default", async () => {
    await create({ size: 3 });
    const other = await fixture.get(`/apis/test.io/v1beta1/namespaces/default/widgets/w${count}`);
    expect([other.body["apiVersion"], at(other.body, "spec", "size")]).toEqual(["test.io/v1beta1", 3]);
  });

  test("the given conversion is used both ways, and the storage version is the one converted to", async () => {
    const limits: Record<string, number> = { "test.io/v1": 1, "test.io/v1beta1": 100 };
    await using own = await Fixture.start({
      crds: [WIDGETS],
      convert: (object, toApiVersion) => ({
        ...object,
        apiVersion: toApiVersion,
        spec: { ...asObject(object["spec"]), limit: limits[toApiVersion] },
      }),
    });
    const path = "/apis/test.io/v1beta1/namespaces/default/widgets";
    await own.send("POST", path, {
      body: { apiVersion: "test.io/v1beta1", kind: "Widget", metadata: { name: "a" }, spec: { size: 1 } },
    });
    expect(at((await own.get(`${WIDGET_LIST}/a`)).body, "spec", "limit")).toBe(1);
    expect(at((await own.get(`${path}/a`)).body, "spec", "limit")).toBe(100);
  });
});

describe("CustomResourceDefinitions through the API", () => {
  const gadgets = {
    ...WIDGETS,
    metadata: { name: "gadgets.test.io" },
    spec: { ...WIDGETS.spec, names: { plural: "gadgets", kind: "Gadget" } },
  };
  const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const list = "/apis/test.io/v1/namespaces/default/gadgets";

  test("a kind exists from the moment it is defined until it is deleted, and takes its objects along", async () => {
    expect((await fixture.get(list)).status).toBe(404);
    const defined = await fixture.send("POST", definitions, { body: gadgets });
    expect(at(defined.body, "status", "acceptedNames", "listKind")).toBe("GadgetList");
    await fixture.send("POST", list, { body: { ...widget("a", { size: 1 }), kind: "Gadget" } });
    expect((await fixture.get(list)).body["kind"]).toBe("GadgetList");
    await fixture.send("DELETE", `${definitions}/gadgets.test.io`);
    expect((await fixture.get(list)).status).toBe(404);
    await fixture.send("POST", definitions, { body: gadgets });
    expect(asArray((await fixture.get(list)).body["items"])).toEqual([]);
  });

  test.each<[string, object, RegExp]>([
    ["a name that is not plural.group", { metadata: { name: "x" } }, /must be spec.names.plural/],
    ["no version", { spec: { ...gadgets.spec, versions: [] } }, /exactly one version marked as storage/],
    [
      "no schema",
      { spec: { ...gadgets.spec, versions: [{ name: "v1", served: true, storage: true }] } },
      /schemas are required/,
    ],
    [
      "no names",
      { spec: { group: "test.io", scope: "Cluster", versions: gadgets.spec.versions } },
      /spec.names.plural: Required value/,
    ],
    ["a rule that is no CEL", { spec: { ...gadgets.spec, versions: [withRule("self.size >")] } }, /compilation failed/],
  ])("refuses %s", async (_name, change, message) => {
    const refused = await fixture.send("POST", definitions, { body: { ...gadgets, ...change } });
    expect(refused.status).toBe(422);
    expect(refused.body["message"]).toMatch(message);
  });
});

function withRule(rule: string): object {
  const openAPIV3Schema = { type: "object", "x-kubernetes-validations": [{ rule }] };
  return { name: "v1", served: true, storage: true, schema: { openAPIV3Schema } };
}

describe("the rule library", () => {
  const context = { self: "192.0.2.0/24", oldSelf: undefined };
  test.each([
    ['isIP("192.0.2.1") && !isIP("192.0.2.0/24")', true],
    ["isCIDR(self) && !isCIDR('x')", true],
    ["cidr(self).prefixLength() == 24 && cidr(self).ip().family() == 4", true],
    ["cidr(self).containsIP('192.0.2.9') && !cidr(self).containsIP('198.51.100.1')", true],
    ["ip('fe80::1').isLinkLocalUnicast()", true],
    ["self.replace('192', '10').find('[0-9]+') == '10'", true],
  ])("%s", (rule, expected) => {
    expect(ruleEnvironment().parse(rule)(context)).toBe(expected);
  });
});
