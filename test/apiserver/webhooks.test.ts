import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { issueServerCertificate, makeAuthority } from "../../src/system/certificates.ts";
import { type Review, WebhookServer } from "../../src/webhook/webhook-server.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";
import { Fixture, WIDGETS } from "./fixture.ts";

interface Asked {
  readonly uid: string;
  readonly operation?: string;
  readonly name?: string;
  readonly dryRun?: boolean;
  readonly object?: { readonly metadata: { readonly name: string }; readonly apiVersion: string };
  readonly desiredAPIVersion?: string;
  readonly objects?: readonly { readonly spec: Record<string, unknown> }[];
}

const RULE = { apiGroups: ["test.io"], apiVersions: ["v1"], operations: ["*"], resources: ["widgets"] };
const MERGE = "application/merge-patch+json";
const ALLOW = { allowed: true };

describe("webhooks of the embedded API", () => {
  let fixture: Fixture;
  let server: WebhookServer;
  let bundle = "";
  let asked: Asked[] = [];
  let verdict: (request: Asked) => object = () => ALLOW;

  const review = (answer: (request: Asked) => object): Review => ({
    missing: () => [],
    answer: (body) => {
      const { request } = body as { readonly request: Asked };
      asked.push(request);
      return { response: { uid: request.uid, ...answer(request) } };
    },
  });
  const converted = ({ objects = [], desiredAPIVersion }: Asked): object => ({
    result: { status: "Success" },
    convertedObjects: objects.map((object) => ({
      ...object,
      apiVersion: desiredAPIVersion,
      spec: { ...object.spec, note: desiredAPIVersion === "test.io/v1" ? "new" : "old" },
    })),
  });

  beforeEach(async () => {
    [asked, verdict] = [[], () => ALLOW];
    const now = new Date();
    const authority = await makeAuthority({ now, name: "ca" });
    bundle = Buffer.from(authority.certificate).toString("base64");
    const reviews = new Map([
      ["/review", review((request) => verdict(request))],
      ["/convert", review(converted)],
    ]);
    server = new WebhookServer({ log: silentLog, reviews }, { port: 0, address: "127.0.0.1", tls: {} });
    await server.use(await issueServerCertificate({ authority, dnsNames: ["svc.ns.svc"], now }));
    const services = new Map([["ns/svc", { host: "127.0.0.1", port: server.port ?? 0 }]]);
    fixture = await Fixture.start({ crds: [WIDGETS], services });
  });
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]();
    await server.close();
  });

  const clientConfig = (path: string): object => ({
    service: { namespace: "ns", name: "svc", path },
    caBundle: bundle,
  });
  const configure = (changes: object = {}): void => {
    const webhook = { name: "w.test.io", rules: [RULE], clientConfig: clientConfig("/review") };
    const all = { ...webhook, sideEffects: "None", admissionReviewVersions: ["v1"], ...changes };
    const kind = { apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingWebhookConfiguration" };
    fixture.server.store.apply({ ...kind, metadata: { name: "c" }, webhooks: [all] });
  };
  const widget = (name: string, changes: object = {}): object => ({
    apiVersion: "test.io/v1",
    kind: "Widget",
    metadata: { name },
    spec: { size: 1 },
    ...changes,
  });
  const WIDGET_PATH = "/apis/test.io/v1/namespaces/default/widgets";
  const post = (body: object, query = "") => fixture.send("POST", `${WIDGET_PATH}${query}`, { body });

  it("ask about create, update, patch and delete, with the object before and after", async () => {
    configure();
    await post(widget("a"));
    await fixture.send("PATCH", `${WIDGET_PATH}/a`, { body: { spec: { size: 2 } }, type: MERGE });
    await fixture.send("DELETE", `${WIDGET_PATH}/a`);
    expect(asked.map(({ operation, name }) => [operation, name])).toEqual([
      ["CREATE", "a"],
      ["UPDATE", "a"],
      ["DELETE", "a"],
    ]);
  });

  it("refuse: nothing is stored, and the answer has their status and causes", async () => {
    configure();
    const details = { causes: [{ field: "spec.size", message: "too small", reason: "FieldValueInvalid" }] };
    verdict = () => ({ allowed: false, status: { code: 422, reason: "Invalid", message: "no", details } });
    const answer = await post(widget("a"));
    expect(answer).toMatchObject({ status: 422, body: { reason: "Invalid", details } });
    expect(JSON.stringify(answer.body)).toContain('admission webhook \\"w.test.io\\" denied the request: no');
    expect(fixture.server.store.list("test.io/v1", "Widget")).toEqual([]);
  });

  it.each<[string, object, object, number]>([
    ["another operation", { rules: [{ ...RULE, operations: ["DELETE"] }] }, {}, 0],
    ["another group", { rules: [{ ...RULE, apiGroups: ["other.io"] }] }, {}, 0],
    ["a subresource", { rules: [{ ...RULE, resources: ["widgets/status"] }] }, {}, 0],
    ["cluster scope", { rules: [{ ...RULE, scope: "Cluster" }] }, {}, 0],
    ["everything", { rules: [{ apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*"] }] }, {}, 1],
    ["another version, equivalent", { rules: [{ ...RULE, apiVersions: ["v1beta1"] }] }, {}, 1],
    ["another version, exact", { rules: [{ ...RULE, apiVersions: ["v1beta1"] }], matchPolicy: "Exact" }, {}, 0],
    ["a label it has not", { objectSelector: { matchLabels: { a: "b" } } }, {}, 0],
    [
      "a label it has",
      { objectSelector: { matchLabels: { a: "b" } } },
      { metadata: { name: "a", labels: { a: "b" } } },
      1,
    ],
    ["a namespace's label", { namespaceSelector: { matchExpressions: [{ key: "x", operator: "Exists" }] } }, {}, 0],
    ["a condition that does not hold", { matchConditions: [{ name: "c", expression: "object.spec.size > 5" }] }, {}, 0],
    [
      "a condition that holds",
      { matchConditions: [{ name: "c", expression: "request.operation == 'CREATE'" }] },
      {},
      1,
    ],
  ])("%s", async (_, changes, object, calls) => {
    configure(changes);
    expect((await post(widget("a", object))).status).toBe(201);
    expect(asked).toHaveLength(calls);
  });

  it("see the name that was generated, and it is the one that is stored", async () => {
    configure();
    const { body } = await post(widget("", { metadata: { generateName: "w-" } }));
    expect(body).toMatchObject({ metadata: { name: asked.at(0)?.object?.metadata.name } });
  });

  it("are told of a dry run, and warnings reach the client", async () => {
    configure();
    verdict = () => ({ allowed: true, warnings: ["odd"] });
    const { headers } = await post(widget("a"), "?dryRun=All");
    expect([asked.at(0)?.dryRun, headers["warning"]]).toEqual([true, '299 - "odd"']);
  });

  it.each<[string, object, number]>([
    ["Fail: a dead webhook refuses", { clientConfig: { url: "https://127.0.0.1:1/x" } }, 500],
    [
      "Ignore: a dead webhook is passed over",
      { clientConfig: { url: "https://127.0.0.1:1/x" }, failurePolicy: "Ignore" },
      201,
    ],
    ["a Service that leads nowhere", { clientConfig: { service: { namespace: "ns", name: "else" } } }, 500],
    [
      "a certificate that the bundle does not vouch for",
      { clientConfig: { service: { namespace: "ns", name: "svc" } } },
      500,
    ],
  ])("%s", async (_, changes, status) => {
    configure(changes);
    expect((await post(widget("a"))).status).toBe(status);
  });

  it("ask again when the object changed while they thought", async () => {
    await post(widget("a"));
    configure();
    verdict = () => {
      if (asked.length === 1) fixture.server.store.apply(widget("a", { spec: { size: 3 } }));
      return ALLOW;
    };
    const labelled = { body: { metadata: { labels: { a: "b" } } }, type: MERGE };
    const { body } = await fixture.send("PATCH", `${WIDGET_PATH}/a`, labelled);
    expect(asked).toHaveLength(2);
    expect(body).toMatchObject({ spec: { size: 3 }, metadata: { labels: { a: "b" } } });
  });

  describe("that convert", () => {
    const convertBy = (path: string): void => {
      const conversion = {
        strategy: "Webhook",
        webhook: { conversionReviewVersions: ["v1"], clientConfig: clientConfig(path) },
      };
      fixture.server.store.apply({ ...WIDGETS, spec: { ...WIDGETS.spec, conversion } });
    };
    const OLD = "/apis/test.io/v1beta1/namespaces/default/widgets";

    it("do so when an object is read, listed and written in another version than the stored one", async () => {
      convertBy("/convert");
      for (const name of ["a", "b", "c"]) await post(widget(name));
      expect((await fixture.get(`${OLD}/a`)).body).toMatchObject({
        apiVersion: "test.io/v1beta1",
        spec: { note: "old" },
      });
      expect(JSON.stringify((await fixture.get(OLD)).body).match(/"note":"old"/g)).toHaveLength(3);
      await fixture.send("POST", OLD, { body: { ...widget("d"), apiVersion: "test.io/v1beta1" } });
      const stored = fixture.server.store.get({ apiVersion: "test.io/v1", kind: "Widget", name: "d" });
      expect(stored).toMatchObject({ apiVersion: "test.io/v1", spec: { note: "new" } });
    });

    const service = { namespace: "n", name: "s" };
    it.each([
      ["without a client", { strategy: "Webhook" }, "required when strategy is set to Webhook"],
      [
        "by nobody",
        { strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"], clientConfig: { caBundle: "eA==" } } },
        "exactly one of url or service is required",
      ],
      [
        "in no version",
        { strategy: "Webhook", webhook: { clientConfig: { service } } },
        "conversionReviewVersions: Required value",
      ],
      [
        "although the strategy says that nobody is asked",
        { strategy: "None", webhook: { conversionReviewVersions: ["v1"], clientConfig: { service } } },
        "should not be set when strategy is not set to Webhook",
      ],
    ])("are refused %s", async (_what, conversion, why) => {
      const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.test.io";
      const answer = await fixture.send("PATCH", path, { body: { spec: { conversion } }, type: MERGE });
      expect([answer.status, JSON.stringify(answer.body)]).toEqual([422, expect.stringContaining(why)]);
    });

    it("need no bundle to be named", async () => {
      const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.test.io";
      const conversion = {
        strategy: "Webhook",
        webhook: { conversionReviewVersions: ["v1"], clientConfig: { service } },
      };
      const answer = await fixture.send("PATCH", path, { body: { spec: { conversion } }, type: MERGE });
      expect(answer.status).toBe(200);
    });

    it("do so for a watch, before its events", async () => {
      convertBy("/convert");
      const answer = await fetch(`${fixture.server.url}${OLD}?watch=true`);
      const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
      await post(widget("a"));
      expect((await reader?.read())?.value).toMatch(/"type":"ADDED".*"apiVersion":"test.io\/v1beta1".*"note":"old"/);
      await reader?.cancel();
      await until("the watch ends", () => fixture.server.watches === 0);
    });

    it("and fail: reading in the other version is refused, in the stored one it goes on", async () => {
      convertBy("/nowhere");
      await post(widget("a"));
      const failed = await fixture.get(`${OLD}/a`);
      expect([failed.status, JSON.stringify(failed.body)]).toEqual([
        500,
        expect.stringMatching(/conversion webhook for/),
      ]);
      expect((await fixture.get(`${WIDGET_PATH}/a`)).status).toBe(200);
    });
  });
});
