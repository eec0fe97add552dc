import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { reviewConversion } from "../../src/admission/conversion-review.ts";
import { convertBgpPeer } from "../../src/admission/convert.ts";
import { InvalidReviewError, UnconvertibleError } from "../../src/admission/error.ts";
import { parseBgpPeer } from "../../src/api/bgp-peer.ts";
import type { RawObject } from "../../src/api/object.ts";
import { stripRawObject } from "../../src/api/strip.ts";
import { applyDefaults } from "../../src/apiserver/schema/structure.ts";
import { compileValidator } from "../../src/apiserver/schema/validation.ts";
import { crdVersion, schemaAt } from "../crds/crd-files.ts";

const V1 = "metallb.io/v1beta1";
const V2 = "metallb.io/v1beta2";
type Json = Readonly<Record<string, unknown>>;

const meta = (annotations?: Json): Json => ({
  name: "p",
  namespace: "metallb-system",
  uid: "u",
  managedFields: [{ manager: "kubectl", apiVersion: V1, fieldsV1: { "f:spec": {} } }],
  ...(annotations === undefined ? {} : { annotations }),
});
const REQUIRED = { myASN: 64512, peerASN: 64513, peerAddress: "192.0.2.1" };
const old = (spec: object, annotations?: Json): Json => ({
  apiVersion: V1,
  kind: "BGPPeer",
  metadata: meta(annotations),
  spec: { ...REQUIRED, ...spec },
});
const present = (spec: object, annotations?: Json): Json => ({
  apiVersion: V2,
  kind: "BGPPeer",
  metadata: meta(annotations),
  spec,
});
const note = (version: "v1beta1" | "v1beta2", fields: object): Json => ({
  [`herald.io/${version}-fields`]: JSON.stringify(fields),
});
const TIMES = { holdTime: "0s", keepaliveTime: "0s" };

describe("v1beta1 to v1beta2", () => {
  test.each([
    ["absent timers are an explicit 0, as MetalLB has it", old({}), present({ ...REQUIRED, ...TIMES })],
    [
      "timers as they are",
      old({ holdTime: "90s", keepaliveTime: "30s" }),
      present({ ...REQUIRED, holdTime: "90s", keepaliveTime: "30s" }),
    ],
    [
      "port 0 is the default port, and known to have been written",
      old({ peerPort: 0 }),
      present({ ...REQUIRED, ...TIMES }, note("v1beta1", { peerPort: 0 })),
    ],
    ["a port", old({ peerPort: 1179 }), present({ ...REQUIRED, ...TIMES, peerPort: 1179 })],
    [
      "an empty selector stays: it matches all nodes",
      old({ nodeSelectors: [{}] }),
      present({ ...REQUIRED, ...TIMES, nodeSelectors: [{}] }),
    ],
    [
      "what v1beta2 said comes back",
      old({}, { mine: "x", ...note("v1beta2", { vrf: "red", holdTime: null, keepaliveTime: null }) }),
      present({ ...REQUIRED, vrf: "red" }, { mine: "x" }),
    ],
    [
      "a timer that somebody sets in v1beta1 counts",
      old({ holdTime: "9s" }, note("v1beta2", { holdTime: null, keepaliveTime: null })),
      present({ ...REQUIRED, holdTime: "9s" }),
    ],
    [
      "an address that somebody sets in v1beta1 takes the place of the interface",
      old({}, note("v1beta2", { interface: "eth0", peerAddress: null })),
      present({ ...REQUIRED, ...TIMES }),
    ],
    [
      "an AS number that somebody sets in v1beta1 takes the place of dynamicASN",
      old({}, note("v1beta2", { dynamicASN: "external", peerASN: null })),
      present({ ...REQUIRED, ...TIMES }),
    ],
    [
      "a note that is none says nothing",
      old({}, { "herald.io/v1beta2-fields": "{" }),
      present({ ...REQUIRED, ...TIMES }),
    ],
    [
      "a note that is a list says nothing",
      old({}, { "herald.io/v1beta2-fields": "[1]" }),
      present({ ...REQUIRED, ...TIMES }),
    ],
    [
      "a note cannot change what both versions have",
      old({}, note("v1beta2", { myASN: 1 })),
      present({ ...REQUIRED, ...TIMES }),
    ],
  ])("%s", (_, before, after) => {
    expect(convertBgpPeer(before, V2)).toEqual(after);
  });
});

describe("v1beta2 to v1beta1", () => {
  test.each([
    [
      "what v1beta1 has no field for waits in an annotation, where MetalLB drops it",
      present({
        ...REQUIRED,
        ...TIMES,
        vrf: "red",
        passwordSecret: { name: "s" },
        enableGracefulRestart: true,
        ttlSecurity: { hops: 1 },
      }),
      old(
        {},
        note("v1beta2", {
          vrf: "red",
          passwordSecret: { name: "s" },
          enableGracefulRestart: true,
          ttlSecurity: { hops: 1 },
        }),
      ),
    ],
    [
      "a peer without timers is not one with hold time 0",
      present({ ...REQUIRED }),
      old({}, note("v1beta2", { holdTime: null, keepaliveTime: null })),
    ],
    [
      "a peer behind an interface has the empty address that v1beta1 must have",
      present({ myASN: 1, dynamicASN: "internal", interface: "eth0", ...TIMES }),
      old(
        { myASN: 1, peerASN: 0, peerAddress: "" },
        note("v1beta2", { dynamicASN: "internal", interface: "eth0", peerASN: null, peerAddress: null }),
      ),
    ],
    [
      "the API server's defaults say nothing",
      present({ ...REQUIRED, ...TIMES, peerPort: 179, disableMP: false, dualStackAddressFamily: false }),
      old({ peerPort: 179 }),
    ],
    [
      "what it was comes back",
      present({ ...REQUIRED, ...TIMES, peerPort: 179 }, note("v1beta1", { holdTime: "0s", peerPort: 0 })),
      old({ holdTime: "0s", peerPort: 0 }),
    ],
    [
      "unless it was changed since",
      present(
        { ...REQUIRED, holdTime: "9s", keepaliveTime: "0s", peerPort: 1179 },
        note("v1beta1", { holdTime: "0s", peerPort: 0 }),
      ),
      old({ holdTime: "9s", peerPort: 1179 }),
    ],
    [
      "a stale note of our own is not believed",
      present({ ...REQUIRED, ...TIMES }, note("v1beta2", { vrf: "red" })),
      old({}),
    ],
  ])("%s", (_, before, after) => {
    expect(convertBgpPeer(before, V1)).toEqual(after);
  });
});

test("an object in the version that is asked for is left as it is", () => {
  const object = present({ ...REQUIRED });
  expect(convertBgpPeer(object, V2)).toBe(object);
});

test("an object without a spec changes its version and nothing else", () => {
  const { spec: _, ...bare } = old({});
  expect(convertBgpPeer(bare, V2)).toEqual({ ...bare, apiVersion: V2 });
});

test.each([
  ["kind", { ...old({}), kind: "IPAddressPool" }],
  ["apiVersion", { ...old({}), apiVersion: "metallb.io/v1" }],
  ["metadata", { apiVersion: V1, kind: "BGPPeer" }],
  ["spec", { ...old({}), spec: [] }],
])("what cannot be converted names the field: %s", (field, object) => {
  expect(() => convertBgpPeer(object, V2)).toThrow(UnconvertibleError);
  expect(() => convertBgpPeer(object, V2)).toThrow(new RegExp(`^${field}: `));
});

/** Objects of the shape that the schema of a version gives, in what it allows and a bit more. */
function shapes(version: "v1beta1" | "v1beta2"): fc.Arbitrary<Json> {
  const timer = fc.constantFrom("0", "0s", "0m", "3s", "90s", "1m30s");
  const name = fc.constantFrom("a", "b", "red", "constructor");
  const selector = fc.record(
    {
      matchLabels: fc.dictionary(name, name, { maxKeys: 2 }),
      matchExpressions: fc.array(
        fc.record({
          key: name,
          operator: fc.constantFrom("In", "Exists"),
          values: fc.array(name, { minLength: 1, maxLength: 2 }),
        }),
        { maxLength: 2 },
      ),
    },
    { requiredKeys: [] },
  );
  const asn = fc.constantFrom(0, 1, 64512, 4294967294);
  const address = fc.constantFrom("", "192.0.2.1", "2001:db8::1");
  const both = {
    myASN: asn,
    peerASN: asn,
    peerAddress: address,
    sourceAddress: address,
    holdTime: timer,
    keepaliveTime: timer,
    routerID: fc.constantFrom("", "1.1.1.1"),
    nodeSelectors: fc.array(selector, { maxLength: 3 }),
    password: name,
    bfdProfile: name,
    ebgpMultiHop: fc.boolean(),
  };
  const annotations = fc.option(fc.dictionary(name, name, { minKeys: 1, maxKeys: 2 }), { nil: undefined });
  const newer = {
    peerPort: fc.constantFrom(1, 179, 1179),
    localASN: fc.constantFrom(1, 64512),
    dynamicASN: fc.constantFrom("internal", "external"),
    interface: name,
    connectTime: fc.constantFrom("1s", "30s"),
    passwordSecret: fc.record({ name, namespace: name }, { requiredKeys: [] }),
    enableGracefulRestart: fc.boolean(),
    vrf: name,
    disableMP: fc.boolean(),
    dualStackAddressFamily: fc.boolean(),
    linkBandwidthTransitivity: fc.constantFrom("Transitive", "NonTransitive", "Both"),
    ttlSecurity: fc.record({ hops: fc.constantFrom(1, 254) }, { requiredKeys: [] }),
    maxPrefixes: fc.record({ limit: fc.constantFrom(1, 1000), action: fc.constantFrom("Warn", "Reset") }),
    longLivedGracefulRestart: fc.record({ staleTime: fc.constantFrom("1s", "24h") }),
    role: fc.record({ name: fc.constantFrom("Customer", "Peer"), strict: fc.boolean() }),
    addPaths: fc.constantFrom("None", "Both"),
  };
  const spec =
    version === "v1beta1"
      ? fc.record(
          { ...both, peerPort: fc.constantFrom(0, 1, 179, 1179) },
          { requiredKeys: ["myASN", "peerASN", "peerAddress"] },
        )
      : fc.record({ ...both, ...newer }, { requiredKeys: ["myASN"] });
  return fc.record({ spec, annotations }).map((made) => ({
    apiVersion: `metallb.io/${version}`,
    kind: "BGPPeer",
    metadata: meta(made.annotations),
    spec: made.spec,
  }));
}

const schemaOf = (version: string) => crdVersion("BGPPeer", version).schema.openAPIV3Schema;
const defaulted = (object: unknown): unknown => applyDefaults(structuredClone(object), schemaOf("v1beta2"));

describe("the round trip", () => {
  test("the generated objects have every field of the schemas, and are valid by them", () => {
    for (const version of ["v1beta1", "v1beta2"] as const) {
      const objects = fc.sample(shapes(version), { numRuns: 300, seed: 1 });
      const used = new Set(objects.flatMap(({ spec }) => Object.keys(Object(spec))));
      expect([...used].sort()).toEqual(Object.keys(schemaAt("BGPPeer", version, "spec").properties ?? {}).sort());
      const validate = compileValidator(schemaOf(version));
      expect(objects.flatMap((object) => validate(object))).toEqual([]);
    }
  });

  test("v1beta1 to v1beta2 and back is what it was, without a note that stays", () => {
    fc.assert(
      fc.property(shapes("v1beta1"), (object) => {
        expect(convertBgpPeer(convertBgpPeer(object, V2), V1)).toEqual(object);
      }),
    );
  });

  test("v1beta2 to v1beta1 and back is what it was, but for what the API server writes in", () => {
    fc.assert(
      fc.property(shapes("v1beta2"), (object) => {
        expect(defaulted(convertBgpPeer(convertBgpPeer(object, V1), V2))).toEqual(defaulted(object));
      }),
    );
  });

  test("stored with the defaults written in, a v1beta1 object is read as it was, but for the port", () => {
    fc.assert(
      fc.property(shapes("v1beta1"), (object) => {
        const back = convertBgpPeer(Object(defaulted(convertBgpPeer(object, V2))), V1);
        expect(back).toEqual({ ...object, spec: { peerPort: 179, ...Object(object["spec"]) } });
      }),
    );
  });

  test("the parser takes the old object and the converted one for the same peer", () => {
    fc.assert(
      fc.property(shapes("v1beta1"), (object) => {
        const parse = (one: Json): unknown => parseBgpPeer(stripped(one));
        expect(parse(convertBgpPeer(object, V2))).toEqual(parse(object));
      }),
    );
  });

  test("nothing but the version, the spec and our notes is touched", () => {
    fc.assert(
      fc.property(fc.oneof(shapes("v1beta1"), shapes("v1beta2")), fc.constantFrom(V1, V2), (object, to) => {
        const status = { observed: [1, { two: null }] };
        const converted = convertBgpPeer({ ...object, status }, to);
        const { annotations = {}, ...rest } = Object(converted["metadata"]);
        const { annotations: before = {}, ...restBefore } = Object(object["metadata"]);
        expect({ ...converted, metadata: rest, spec: 0 }).toEqual({
          ...object,
          apiVersion: to,
          metadata: restBefore,
          spec: 0,
          status,
        });
        expect(annotations).toMatchObject(before);
      }),
    );
  });
});

function stripped(object: Json): RawObject {
  const found = stripRawObject(object);
  if (found === undefined) throw new Error("no object");
  return found;
}

describe("reviewConversion()", () => {
  const review = (request: object): object => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "ConversionReview",
    request: { uid: "7", desiredAPIVersion: V2, ...request },
  });
  const response = (of: object): object => Object(reviewConversion(review(of)).review)["response"];

  test("answers with the objects in their order, whatever version each has", () => {
    const named = (object: Json, name: string): Json => ({ ...object, metadata: { name } });
    const objects = [named(old({}), "b"), named(present({ ...REQUIRED }), "a"), named(old({ holdTime: "9s" }), "c")];
    expect(reviewConversion(review({ objects }))).toEqual({
      failure: undefined,
      review: {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "ConversionReview",
        response: {
          uid: "7",
          convertedObjects: objects.map((object) => convertBgpPeer(object, V2)),
          result: { status: "Success" },
        },
      },
    });
  });

  test.each([
    [
      "an object that cannot be converted is named",
      [old({}), { ...old({}), spec: 5 }],
      'BGPPeer "metallb-system/p": spec: must be an object',
    ],
    ["one without a name by its place", [old({}), { kind: "Pod" }], "objects[1]: kind: must be BGPPeer"],
    ["one without a kind by its name", [{ metadata: { name: "x" } }], 'object "x": kind: must be BGPPeer'],
    ["what is no object as well", ["x"], "objects[0]: kind: must be BGPPeer"],
  ])("%s, and nothing is converted", (_, objects, message) => {
    expect(response({ objects })).toEqual({ uid: "7", result: { status: "Failure", message } });
  });

  test("an unknown version is a failure", () => {
    expect(response({ objects: [], desiredAPIVersion: "metallb.io/v1" })).toMatchObject({
      result: { status: "Failure" },
    });
  });

  test.each([
    ["nothing", undefined, /^no ConversionReview: must be an object/],
    [
      "another review",
      { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" },
      /apiVersion: must be "apiextensions.k8s.io\/v1"/,
    ],
    ["no uid", review({ uid: "", objects: [] }), /request.uid: must be set/],
    ["no objects", review({}), /request.objects: must be a list/],
    ["no version", review({ objects: [], desiredAPIVersion: undefined }), /request.desiredAPIVersion: must be set/],
  ])("refuses %s with what is wrong about it", (_, body, message) => {
    expect(() => reviewConversion(body)).toThrow(InvalidReviewError);
    expect(() => reviewConversion(body)).toThrow(message);
  });

  test("no body whatever throws anything but InvalidReviewError", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc.jsonValue().map((objects) => review(Object({ objects }))),
        ),
        (body) => {
          try {
            reviewConversion(body);
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidReviewError);
          }
        },
      ),
    );
  });
});
