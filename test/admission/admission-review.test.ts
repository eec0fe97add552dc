import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { reviewAdmission } from "../../src/admission/admission-review.ts";
import { InvalidReviewError } from "../../src/admission/error.ts";
import type { RawObject } from "../../src/api/object.ts";
import { peer, pool, raw } from "../api/objects.ts";
import { cluster } from "./cluster.ts";

const WEB = pool("web", ["10.0.0.0/24"]);

const review = (request: object): object => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: { uid: "7", ...request },
});
const kindOf = ({ kind, apiVersion = "" }: RawObject): object => {
  const [group, version] = apiVersion.split("/");
  return { group, version, kind };
};
const request = (operation: string, object: RawObject, more: object = {}): object =>
  review({
    kind: kindOf(object),
    operation,
    name: object.metadata.name,
    namespace: "metallb-system",
    ...(operation === "DELETE" ? { object: null, oldObject: object } : { object }),
    ...more,
  });
const response = (body: object, objects: Parameters<typeof cluster>[0] = {}): object =>
  Object(reviewAdmission(body, cluster(objects)).review)["response"];

describe("the answer", () => {
  test("has the review's kind and the request's uid", () => {
    expect(reviewAdmission(request("CREATE", WEB), cluster()).review).toEqual({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: { uid: "7", allowed: true },
    });
  });

  test("Invalid has causes by field, which kubectl shows one by one", () => {
    expect(response(request("CREATE", pool("x", ["10.0.0.0/99", "y"])))).toEqual({
      uid: "7",
      allowed: false,
      status: {
        status: "Failure",
        code: 422,
        reason: "Invalid",
        message: 'spec.addresses[0]: invalid CIDR "10.0.0.0/99"; spec.addresses[1]: invalid CIDR "y"',
        details: {
          name: "x",
          group: "metallb.io",
          kind: "IPAddressPool",
          causes: [
            { reason: "FieldValueInvalid", field: "spec.addresses[0]", message: 'invalid CIDR "10.0.0.0/99"' },
            { reason: "FieldValueInvalid", field: "spec.addresses[1]", message: 'invalid CIDR "y"' },
          ],
        },
      },
    });
  });

  test("Forbidden is 403, as MetalLB's refusals are", () => {
    const profile = raw("BFDProfile", "b", {});
    expect(response(request("DELETE", profile), { peers: [peer("p", { bfdProfile: "b" })] })).toMatchObject({
      allowed: false,
      status: {
        code: 403,
        reason: "Forbidden",
        message: "metadata.name: failed to delete BFDProfile b, used by BGPPeer p",
      },
    });
  });

  test("warnings go with either verdict", () => {
    expect(response(request("CREATE", peer("p", { bfdProfile: "b" })))).toEqual({
      uid: "7",
      allowed: true,
      warnings: ['spec.bfdProfile: there is no BFDProfile "b": until there is, the peer is left out'],
    });
    const old = pool("web", ["x"]);
    expect(response(request("UPDATE", pool("web", ["x", "y"]), { oldObject: old }))).toMatchObject({
      allowed: false,
      warnings: ['still wrong, as before: spec.addresses[0]: invalid CIDR "x"'],
    });
  });

  test("the change is told to whoever asked, for logs and metrics", () => {
    const { change, admission } = reviewAdmission(request("UPDATE", WEB, { oldObject: WEB }), cluster());
    expect(change).toMatchObject({
      operation: "UPDATE",
      kind: "IPAddressPool",
      namespace: "metallb-system",
      name: "web",
    });
    expect(admission).toEqual({ allowed: true, warnings: [] });
  });

  test("labels count: they are what selectors of advertisements look at", () => {
    const labelled = { ...pool("x", ["10.0.0.0/28"]), metadata: { ...WEB.metadata, labels: { tier: "web" } } };
    const ad = raw("BGPAdvertisement", "a", {
      aggregationLength: 24,
      ipAddressPoolSelectors: [{ matchLabels: { tier: "web" } }],
    });
    expect(response(request("CREATE", labelled), { bgpAdvertisements: [ad] })).toMatchObject({ allowed: false });
  });
});

describe("what a request may leave out", () => {
  test("the object's namespace: the request has it", () => {
    const { namespace: _, ...metadata } = WEB.metadata;
    expect(response(request("CREATE", { ...WEB, metadata }))).toMatchObject({ allowed: true });
    expect(response(request("CREATE", { ...WEB, metadata }, { namespace: "default" }))).toMatchObject({
      allowed: false,
    });
  });

  test("its metadata: the request has the name", () => {
    const body = review({
      kind: kindOf(WEB),
      operation: "CREATE",
      object: { spec: WEB.spec },
      name: "web",
      namespace: "metallb-system",
    });
    expect(response(body)).toMatchObject({ allowed: true });
  });

  test("the name of an object that gets one by generateName", () => {
    const body = request("CREATE", pool("", ["10.0.0.0/24"]), { name: "" });
    const object = { ...WEB, metadata: { namespace: "metallb-system", generateName: "web-" } };
    expect(() => reviewAdmission(body, cluster())).toThrow(/request.object.metadata.name: must be set/);
    expect(response(review({ kind: kindOf(WEB), operation: "CREATE", object }))).toMatchObject({ allowed: true });
  });
});

describe("what is not ours to judge is allowed", () => {
  test.each([
    ["an object of another group", request("CREATE", { ...raw("Secret", "s"), apiVersion: "v1" })],
    ["a kind of another group with our name", request("CREATE", { ...pool("x", []), apiVersion: "example.com/v1" })],
    ["an operation that changes nothing", request("CONNECT", pool("x", []))],
    ["a status kind of our own", request("CREATE", raw("ServiceL2Status", "x"))],
  ])("%s", (_, body) => {
    expect(response(body)).toEqual({ uid: "7", allowed: true });
  });
});

describe("a body that is no AdmissionReview", () => {
  test.each([
    ["nothing", undefined, "no AdmissionReview: must be an object"],
    ["a list", [], "must be an object"],
    [
      "the old version",
      { ...review({}), apiVersion: "admission.k8s.io/v1beta1" },
      'apiVersion: must be "admission.k8s.io/v1", not "admission.k8s.io/v1beta1"',
    ],
    ["another review", { ...review({}), kind: "ConversionReview" }, 'kind: must be "AdmissionReview"'],
    ["no request", { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" }, "request: must be an object"],
    ["no uid", request("CREATE", WEB, { uid: "" }), "request.uid: must be set"],
    ["no kind", request("CREATE", WEB, { kind: undefined }), "request.kind.kind: must be set"],
    ["no operation", request("CREATE", WEB, { operation: undefined }), "request.operation: must be set"],
    ["no object", request("CREATE", WEB, { object: null }), "request.object: must be an object"],
    ["no object as it was", request("UPDATE", WEB), "request.oldObject: must be an object"],
    [
      "nothing that is deleted",
      request("DELETE", WEB, { oldObject: undefined }),
      "request.oldObject: must be an object",
    ],
  ])("%s: says what is wrong", (_, body, message) => {
    expect(() => reviewAdmission(body, cluster())).toThrow(InvalidReviewError);
    expect(() => reviewAdmission(body, cluster())).toThrow(message);
  });

  test("no body whatever throws anything but InvalidReviewError", () => {
    const spec = fc.dictionary(fc.constantFrom("addresses", "myASN", "nodeSelectors", "communities"), fc.jsonValue());
    const kind = fc.constantFrom(
      "IPAddressPool",
      "BGPPeer",
      "BGPAdvertisement",
      "L2Advertisement",
      "Community",
      "BFDProfile",
    );
    const object = fc
      .record({
        kind,
        spec: fc.oneof(spec, fc.jsonValue()),
        metadata: fc.oneof(fc.constant(WEB.metadata), fc.jsonValue()),
      })
      .map((made) => ({ apiVersion: "metallb.io/v1beta1", ...made }));
    const operation = fc.constantFrom("CREATE", "UPDATE", "DELETE");
    const requests = fc.tuple(operation, object, object).map(([op, made, oldObject]) =>
      review({
        kind: { group: "metallb.io", kind: made.kind },
        operation: op,
        namespace: "metallb-system",
        object: made,
        oldObject,
      }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), requests), (body) => {
        try {
          reviewAdmission(body, cluster({ pools: [WEB], peers: [peer("p")] }));
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidReviewError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
