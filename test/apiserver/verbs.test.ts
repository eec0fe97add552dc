import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { beforeEach, describe, expect, test } from "vitest";
import { asArray, asObject, at } from "../../src/apiserver/json.ts";
import { createApiServer, ListenError, NotStartedError } from "../../src/apiserver/server.ts";
import { silentLog } from "../support/silent-log.ts";
import { Fixture, type Reply, SERVICES, service, WIDGET_LIST, widget } from "./fixture.ts";

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.start();
  return async () => fixture[Symbol.asyncDispose]();
});

const MERGE = "application/merge-patch+json";
const one = `${WIDGET_LIST}/one`;

function names(reply: Reply): readonly unknown[] {
  return asArray(reply.body["items"]).map((item) => at(item, "metadata", "name"));
}

async function createOne(spec: object = { size: 1 }, metadata: object = {}): Promise<Reply> {
  return fixture.send("POST", WIDGET_LIST, {
    body: { ...widget("one", spec), metadata: { name: "one", ...metadata } },
  });
}

test("what an earlier server had is restored with its uid, its age and its status", () => {
  const past = { uid: "7d9f2c50-0000-4000-8000-000000000001", creationTimestamp: "2020-01-01T00:00:00Z" };
  const saved = widget("one", { size: 1 }, { status: { phase: "x" } });
  const { store } = fixture.server;
  for (const _ of ["at first", "once more"]) {
    store.restore({ ...saved, metadata: { name: "one", namespace: "default", resourceVersion: "7", ...past } });
    const found = store.list("test.io/v1", "Widget").find(({ metadata }) => metadata.name === "one");
    expect(found).toMatchObject({ metadata: past, status: { phase: "x" } });
  }
  expect(store.apply(widget("two", { size: 1 })).metadata.uid).not.toBe(past.uid);
});

describe("create", () => {
  test("sets uid, resourceVersion, creationTimestamp, generation; drops a given status", async () => {
    const { body } = await fixture.send("POST", WIDGET_LIST, {
      body: widget("one", { size: 1 }, { status: { phase: "x" } }),
    });
    expect(body["metadata"]).toMatchObject({
      uid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      resourceVersion: expect.stringMatching(/^\d+$/),
      creationTimestamp: "2026-11-22T10:00:00Z",
      generation: 1,
      namespace: "default",
    });
    expect(body["status"]).toBeUndefined();
  });

  test("generateName ends in five characters", async () => {
    const body = { ...widget("", { size: 1 }), metadata: { generateName: "w-" } };
    const created = await fixture.send("POST", WIDGET_LIST, { body });
    expect(at(created.body, "metadata", "name")).toMatch(/^w-[a-z0-9]{5}$/);
  });

  test("takes YAML", async () => {
    const body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n";
    const created = await fixture.send("POST", "/api/v1/namespaces/default/configmaps", {
      body,
      type: "application/yaml",
    });
    expect(created.status).toBe(201);
  });

  const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } };
  test.each<[string, string, unknown, number, string]>([
    ["a second object of that name", WIDGET_LIST, widget("there", { size: 1 }), 409, "AlreadyExists"],
    [
      "a namespace that is not there",
      "/apis/test.io/v1/namespaces/none/widgets",
      widget("a", { size: 1 }),
      404,
      "NotFound",
    ],
    ["a bad name", WIDGET_LIST, widget("A_b", { size: 1 }), 422, "Invalid"],
    ["no name", WIDGET_LIST, widget("", { size: 1 }), 422, "Invalid"],
    ["another kind than the path's", WIDGET_LIST, configMap, 400, "BadRequest"],
    ["no kind", WIDGET_LIST, { metadata: {} }, 400, "BadRequest"],
    ["a list", WIDGET_LIST, [], 400, "BadRequest"],
    ["half of JSON", WIDGET_LIST, '{"a":', 400, "BadRequest"],
    [
      "another namespace than the path's",
      WIDGET_LIST,
      { ...configMap, metadata: { name: "a", namespace: "x" } },
      400,
      "BadRequest",
    ],
    [
      "labels that are numbers",
      WIDGET_LIST,
      { ...widget("a", { size: 1 }), metadata: { name: "a", labels: { a: 1 } } },
      400,
      "BadRequest",
    ],
    [
      "a resourceVersion",
      WIDGET_LIST,
      { ...widget("a", { size: 1 }), metadata: { name: "a", resourceVersion: "1" } },
      400,
      "BadRequest",
    ],
    ["a kind that is not there", "/apis/test.io/v1/namespaces/default/gizmos", {}, 404, "NotFound"],
    ["a broken escape", "/api/v1/namespaces/%zz/configmaps", configMap, 400, "BadRequest"],
  ])("refuses %s", async (_name, path, body, status, reason) => {
    await fixture.send("POST", WIDGET_LIST, { body: widget("there", { size: 1 }) });
    const refused = await fixture.send("POST", path, { body });
    expect([refused.status, refused.body["reason"], refused.body["kind"]]).toEqual([status, reason, "Status"]);
  });
});

describe("update", () => {
  test("with the resourceVersion it read; generation counts spec changes only", async () => {
    const created = await createOne();
    const changed = { ...created.body, spec: { size: 2 } };
    const first = await fixture.send("PUT", one, { body: changed });
    expect([first.status, at(first.body, "metadata", "generation")]).toEqual([200, 2]);
    const stale = await fixture.send("PUT", one, { body: changed });
    expect([stale.status, stale.body["reason"]]).toEqual([409, "Conflict"]);
    expect(stale.body["message"]).toContain("please apply your changes to the latest version and try again");
    const labelled = await fixture.send("PATCH", one, { body: { metadata: { labels: { a: "b" } } }, type: MERGE });
    expect(at(labelled.body, "metadata", "generation")).toBe(2);
  });

  test("without a resourceVersion is refused for custom kinds and taken for Services", async () => {
    await createOne();
    expect((await fixture.send("PUT", one, { body: widget("one", { size: 2 }) })).status).toBe(422);
    await fixture.send("POST", SERVICES, { body: service("web") });
    expect((await fixture.send("PUT", `${SERVICES}/web`, { body: service("web") })).status).toBe(200);
  });

  test("that changes nothing keeps the resourceVersion and makes no event", async () => {
    const created = await createOne();
    const same = await fixture.send("PUT", one, { body: created.body });
    expect(at(same.body, "metadata", "resourceVersion")).toBe(at(created.body, "metadata", "resourceVersion"));
  });

  test("with another uid is a conflict", async () => {
    const created = await createOne();
    const other = { ...created.body, metadata: { ...asObject(created.body["metadata"]), uid: "x" } };
    expect((await fixture.send("PUT", one, { body: other })).body["message"]).toContain("UID in precondition: x");
  });

  test("dryRun=All answers as if, and stores nothing", async () => {
    await createOne();
    const dry = await fixture.send("PATCH", `${one}?dryRun=All`, { body: { spec: { size: 9 } }, type: MERGE });
    expect(at(dry.body, "spec", "size")).toBe(9);
    expect(at((await fixture.get(one)).body, "spec", "size")).toBe(1);
  });
});

describe("status", () => {
  test("a spec write leaves it, a status write leaves spec and, for custom kinds, metadata", async () => {
    await createOne();
    const body = { spec: { size: 5 }, status: { phase: "Up" }, metadata: { labels: { a: "b" } } };
    const status = await fixture.send("PATCH", `${one}/status`, { body, type: MERGE });
    expect(status.body).toMatchObject({ spec: { size: 1 }, status: { phase: "Up" } });
    expect(at(status.body, "metadata", "labels")).toBeUndefined();
    const spec = await fixture.send("PATCH", one, {
      body: { spec: { size: 2 }, status: { phase: "Down" } },
      type: MERGE,
    });
    expect(spec.body).toMatchObject({ spec: { size: 2 }, status: { phase: "Up" } });
  });

  test("a Service's status write takes annotations along and fills in ipMode", async () => {
    await fixture.send("POST", SERVICES, { body: service("web") });
    const body = {
      metadata: { annotations: { a: "b" } },
      status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
    };
    const done = await fixture.send("PATCH", `${SERVICES}/web/status`, { body, type: MERGE });
    expect(at(done.body, "metadata", "annotations")).toEqual({ a: "b" });
    expect(at(done.body, "status", "loadBalancer", "ingress")).toEqual([{ ip: "192.0.2.1", ipMode: "VIP" }]);
  });

  test("of a kind that has none is 404", async () => {
    await fixture.send("POST", "/api/v1/namespaces/default/configmaps", {
      body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } },
    });
    expect((await fixture.get("/api/v1/namespaces/default/configmaps/a/status")).status).toBe(404);
  });
});

describe("list", () => {
  test("in pages, in the order of the keys, until there is no continue token", async () => {
    for (const name of ["c", "a", "e", "b", "d"])
      await fixture.send("POST", WIDGET_LIST, { body: widget(name, { size: 1 }) });
    const seen: unknown[] = [];
    let token = "";
    let pages = 0;
    do {
      const page = await fixture.get(`/apis/test.io/v1/widgets?limit=2&continue=${token}`);
      seen.push(...names(page));
      token = String(at(page.body, "metadata", "continue") ?? "");
      pages += 1;
    } while (token !== "");
    expect([pages, seen]).toEqual([3, ["a", "b", "c", "d", "e"]]);
  });

  test("a continue token from before a compaction is 410 Expired", async () => {
    for (const name of ["a", "b"]) await fixture.send("POST", WIDGET_LIST, { body: widget(name, { size: 1 }) });
    const page = await fixture.get(`${WIDGET_LIST}?limit=1`);
    fixture.server.faults.compact();
    const next = await fixture.get(`${WIDGET_LIST}?limit=1&continue=${String(at(page.body, "metadata", "continue"))}`);
    expect([next.status, next.body["reason"]]).toEqual([410, "Expired"]);
    expect((await fixture.get(`${WIDGET_LIST}?continue=nonsense`)).status).toBe(400);
  });

  test("by labels, fields and namespace; built-in items carry no kind, custom ones do", async () => {
    await fixture.send("POST", SERVICES, { body: service("web", {}, { labels: { app: "web" } }) });
    await fixture.send("POST", SERVICES, { body: service("api", {}, { labels: { app: "api" } }) });
    const selected = await fixture.get("/api/v1/services?labelSelector=app%20in%20(web)");
    expect(names(selected)).toEqual(["web"]);
    expect(asArray(selected.body["items"])[0]).not.toHaveProperty("kind");
    expect(names(await fixture.get("/api/v1/services?fieldSelector=spec.type%3DLoadBalancer"))).toEqual(["api", "web"]);
    expect(names(await fixture.get("/api/v1/namespaces/kube-system/services"))).toEqual([]);
    await createOne();
    expect(asArray((await fixture.get(WIDGET_LIST)).body["items"])[0]).toHaveProperty("kind", "Widget");
    expect((await fixture.get("/api/v1/services?fieldSelector=spec.none%3D1")).status).toBe(400);
  });

  test("as a table with the CRD's columns", async () => {
    await createOne({ size: 4, parts: [{ name: "x" }, { name: "y" }] });
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    const { body } = await fixture.send("GET", WIDGET_LIST, { accept });
    expect(asArray(body["columnDefinitions"]).map((column) => asObject(column)["name"])).toEqual([
      "Name",
      "Size",
      "Parts",
      "Age",
    ]);
    expect(at(asArray(body["rows"])[0], "cells")).toEqual(["one", 4, "x,y", "0s"]);
  });

  test("as metadata only", async () => {
    await createOne();
    const accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    const { body } = await fixture.send("GET", WIDGET_LIST, { accept });
    expect(body["kind"]).toBe("PartialObjectMetadataList");
    expect(asArray(body["items"])[0]).not.toHaveProperty("spec");
  });
});

describe("delete", () => {
  test("answers with the uid, and the object is gone", async () => {
    const created = await createOne();
    const deleted = await fixture.send("DELETE", one);
    expect(at(deleted.body, "details", "uid")).toBe(at(created.body, "metadata", "uid"));
    expect((await fixture.get(one)).status).toBe(404);
  });

  test.each([{ uid: "x" }, { resourceVersion: "1" }])(
    "precondition %j that does not hold is a conflict",
    async (preconditions) => {
      await createOne();
      const refused = await fixture.send("DELETE", one, {
        body: { apiVersion: "v1", kind: "DeleteOptions", preconditions },
      });
      expect(refused.status).toBe(409);
    },
  );

  test("finalizers hold the object until the last one is taken away", async () => {
    await createOne({ size: 1 }, { finalizers: ["test.io/a"] });
    const held = await fixture.send("DELETE", one);
    expect(at(held.body, "metadata", "deletionTimestamp")).toBe("2026-11-22T10:00:00Z");
    expect((await fixture.get(one)).status).toBe(200);
    await fixture.send("PATCH", one, { body: { metadata: { finalizers: null } }, type: MERGE });
    expect((await fixture.get(one)).status).toBe(404);
  });

  test("dependents go with their last owner, or stay with Orphan", async () => {
    const owner = await createOne();
    const reference = {
      apiVersion: "test.io/v1",
      kind: "Widget",
      name: "one",
      uid: String(at(owner.body, "metadata", "uid")),
    };
    for (const name of ["child"]) {
      const metadata = { name, ownerReferences: [reference] };
      await fixture.send("POST", WIDGET_LIST, { body: { ...widget(name, { size: 1 }), metadata } });
    }
    await fixture.send("DELETE", `${one}?propagationPolicy=Orphan`);
    expect(names(await fixture.get(WIDGET_LIST))).toEqual(["child"]);
    const again = await createOne();
    const uid = String(at(again.body, "metadata", "uid"));
    await fixture.send("PATCH", `${WIDGET_LIST}/child`, {
      body: { metadata: { ownerReferences: [{ ...reference, uid }] } },
      type: MERGE,
    });
    await fixture.send("DELETE", one);
    expect(names(await fixture.get(WIDGET_LIST))).toEqual([]);
  });

  test("a dependent outlives one of two owners", async () => {
    const owners: object[] = [];
    for (const name of ["a", "b"]) {
      const owner = await fixture.send("POST", WIDGET_LIST, { body: widget(name, { size: 1 }) });
      owners.push({ apiVersion: "test.io/v1", kind: "Widget", name, uid: at(owner.body, "metadata", "uid") });
    }
    const metadata = { name: "child", ownerReferences: owners };
    await fixture.send("POST", WIDGET_LIST, { body: { ...widget("child", { size: 1 }), metadata } });
    await fixture.send("DELETE", `${WIDGET_LIST}/a`);
    expect(names(await fixture.get(WIDGET_LIST))).toEqual(["b", "child"]);
    await fixture.send("DELETE", `${WIDGET_LIST}/b`);
    expect(names(await fixture.get(WIDGET_LIST))).toEqual([]);
  });

  test("a collection by its selector", async () => {
    for (const [name, app] of [
      ["a", "x"],
      ["b", "y"],
    ]) {
      await fixture.send("POST", SERVICES, { body: service(String(name), {}, { labels: { app } }) });
    }
    await fixture.send("DELETE", `${SERVICES}?labelSelector=app%3Dx`);
    expect(names(await fixture.get(SERVICES))).toEqual(["b", "kubernetes"]);
  });

  test("a namespace takes its content along, and waits for finalizers in it", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } };
    await fixture.send("POST", "/api/v1/namespaces", { body: namespace });
    const list = "/apis/test.io/v1/namespaces/n/widgets";
    const metadata = { name: "held", finalizers: ["test.io/a"] };
    await fixture.send("POST", list, { body: { ...widget("held", { size: 1 }), metadata } });
    await fixture.send("POST", list, { body: widget("free", { size: 1 }) });
    await fixture.send("DELETE", "/api/v1/namespaces/n");
    expect(at((await fixture.get("/api/v1/namespaces/n")).body, "status", "phase")).toBe("Terminating");
    expect(names(await fixture.get(list))).toEqual(["held"]);
    expect((await fixture.send("POST", list, { body: widget("new", { size: 1 }) })).status).toBe(403);
    await fixture.send("PATCH", `${list}/held`, { body: { metadata: { finalizers: null } }, type: MERGE });
    expect((await fixture.get("/api/v1/namespaces/n")).status).toBe(404);
  });
});

describe("the server", () => {
  test("has no address before it starts, and says when one is taken", async () => {
    const ports = { wallClock: () => new Date(0), log: silentLog };
    await using idle = createApiServer(ports, { host: "127.0.0.1", port: 0, crds: [] });
    expect(() => idle.url).toThrow(NotStartedError);
    const port = Number(new URL(fixture.server.url).port);
    await using second = createApiServer(ports, { host: "127.0.0.1", port, crds: [] });
    await expect(second.start()).rejects.toThrow(ListenError);
  });

  test("@kubernetes/client-node reads the kubeconfig and speaks with it", async () => {
    const config = new KubeConfig();
    config.loadFromString(fixture.server.kubeconfig());
    const list = await config.makeApiClient(CoreV1Api).listNamespacedService({ namespace: "default" });
    expect(list.items.map((item) => item.metadata?.name)).toEqual(["kubernetes"]);
  });

  test("the store takes spec and status at once, replaces, and deletes", () => {
    const { store } = fixture.server;
    const status = { loadBalancer: { ingress: [{ ip: "192.0.2.1", ipMode: "VIP" }] } };
    const reference = { apiVersion: "v1", kind: "Service", name: "web" };
    expect(store.apply({ ...service("web"), status })["status"]).toEqual(status);
    store.apply(service("web", { sessionAffinity: "ClientIP" }));
    expect(store.get(reference)).toMatchObject({ spec: { sessionAffinity: "ClientIP" }, status });
    expect(store.list("v1", "Service", "default")).toHaveLength(2);
    store.delete(reference);
    expect(store.get(reference)).toBeUndefined();
    expect(() => store.list("v1", "Gizmo")).toThrow(/could not find/);
  });
});

describe("the rim", () => {
  test.each(["/healthz", "/readyz", "/livez"])("%s is ok", async (path) => {
    expect((await fixture.get(path)).text).toBe("ok");
  });

  test.each([
    ["/nothing", 404],
    ["//api/v1", 200],
    ["/apis/none.io", 404],
    ["/apis/test.io/v9", 404],
    ["/openapi/v3/apis/none.io/v1", 404],
  ])("GET %s is %i", async (path, status) => {
    expect((await fixture.get(path)).status).toBe(status);
  });

  test("an Accept header without JSON is 406, an unknown body is 415, a foreign method is 405", async () => {
    expect((await fixture.send("GET", SERVICES, { accept: "application/xml" })).status).toBe(406);
    expect((await fixture.send("POST", SERVICES, { body: "x", type: "text/plain" })).status).toBe(415);
    expect((await fixture.send("PUT", SERVICES, { body: service("a") })).status).toBe(405);
    expect((await fixture.send("PATCH", `${SERVICES}/kubernetes`, { body: {}, type: "application/json" })).status).toBe(
      415,
    );
  });

  test("a custom resource has no strategic merge patch, as in the real server", async () => {
    await createOne();
    expect(
      (await fixture.send("PATCH", one, { body: {}, type: "application/strategic-merge-patch+json" })).status,
    ).toBe(415);
  });

  test("a token, when given, is required everywhere but for health", async () => {
    await using locked = await Fixture.start({ token: "secret" });
    expect((await locked.get("/api")).status).toBe(401);
    expect((await locked.get("/healthz")).status).toBe(200);
    expect(locked.server.kubeconfig()).toContain("token: secret");
  });

  test("events are one object in two groups", async () => {
    const involvedObject = { kind: "Service", name: "web", namespace: "default" };
    const body = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "e" },
      involvedObject,
      message: "hello",
      reason: "R",
      type: "Normal",
    };
    await fixture.send("POST", "/api/v1/namespaces/default/events", { body });
    const other = await fixture.get("/apis/events.k8s.io/v1/namespaces/default/events/e");
    expect(other.body).toMatchObject({ regarding: involvedObject, note: "hello" });
    const selected = await fixture.get(
      "/api/v1/events?fieldSelector=involvedObject.name%3Dweb,involvedObject.kind%3DService",
    );
    expect(names(selected)).toEqual(["e"]);
  });

  test("a Secret's stringData is folded into data", async () => {
    const body = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, stringData: { password: "x" } };
    const created = await fixture.send("POST", "/api/v1/namespaces/default/secrets", { body });
    expect(created.body).toMatchObject({ data: { password: "eA==" }, type: "Opaque" });
    expect(created.body).not.toHaveProperty("stringData");
  });
});

describe("faults", () => {
  test("fail only the matching requests, as often as told", async () => {
    fixture.server.faults.failNext(1, { type: "status", status: 429, retryAfterSeconds: 2 }, { plural: "services" });
    expect((await fixture.get("/api/v1/nodes")).status).toBe(200);
    const refused = await fixture.get(SERVICES);
    expect([refused.status, refused.headers["retry-after"], refused.body["reason"]]).toEqual([
      429,
      "2",
      "TooManyRequests",
    ]);
    expect((await fixture.get(SERVICES)).status).toBe(200);
  });

  test("a connection can break before the write or after it", async () => {
    fixture.server.faults.failNext(1, { type: "disconnect" });
    await expect(fixture.send("POST", SERVICES, { body: service("before") })).rejects.toThrow();
    fixture.server.faults.failNext(1, { type: "disconnect-after" });
    await expect(fixture.send("POST", SERVICES, { body: service("after") })).rejects.toThrow();
    expect(names(await fixture.get(SERVICES))).toEqual(["after", "kubernetes"]);
  });
});
