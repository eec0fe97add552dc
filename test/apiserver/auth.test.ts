import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AuditRecord } from "../../src/apiserver/auth/guard.ts";
import { findKubectl, Kubectl } from "../support/kubectl.ts";
import { Fixture, SERVICES } from "./fixture.ts";

const TLS = join(import.meta.dirname, "../support/tls");
const RBAC = "rbac.authorization.k8s.io/v1";
const ACCOUNT = "system:serviceaccount:default:speaker";
const TOKENS = "/api/v1/namespaces/default/serviceaccounts/speaker/token";
const REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
const READ = { apiGroups: [""], resources: ["services"], verbs: ["get", "list", "watch"] };

let fixture: Fixture;
const heard: AuditRecord[] = [];

beforeAll(async () => {
  fixture = await Fixture.start({ token: "root", rbac: { audit: (record) => heard.push(record) } });
  fixture.server.store.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "speaker" } });
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});
beforeEach(() => {
  heard.length = 0;
  for (const kind of ["RoleBinding", "Role"]) {
    for (const { metadata } of fixture.server.store.list(RBAC, kind))
      fixture.server.store.delete({ apiVersion: RBAC, kind, name: metadata.name });
  }
});

/** A token of the account, as the admin gets it. */
async function token(spec: object = {}): Promise<string> {
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
  const reply = await fixture.send("POST", TOKENS, { body, token: "root" });
  expect(reply.status, reply.text).toBe(201);
  const { token: made }: { token?: unknown } = Object(reply.body["status"]);
  return String(made);
}

function allow(...rules: readonly object[]): void {
  const { store } = fixture.server;
  store.apply({ apiVersion: RBAC, kind: "Role", metadata: { name: "r" }, rules });
  store.apply({
    apiVersion: RBAC,
    kind: "RoleBinding",
    metadata: { name: "b" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" },
    subjects: [{ kind: "ServiceAccount", name: "speaker", namespace: "default" }],
  });
}

test.each([
  ["the admin's token may do anything", "root", 200],
  ["a token that nobody made is not valid", "nonsense", 401],
  ["without one it is nobody, who may do nothing", undefined, 403],
])("%s", async (_, carried, status) => {
  expect((await fixture.send("GET", "/api/v1/nodes", carried === undefined ? {} : { token: carried })).status).toBe(
    status,
  );
});

test("nobody may ask for health, an account for discovery too", async () => {
  expect((await fixture.get("/readyz")).status).toBe(200);
  expect((await fixture.get("/version")).status).toBe(200);
  expect((await fixture.get("/apis")).status).toBe(403);
  expect((await fixture.send("GET", "/apis", { token: await token() })).status).toBe(200);
});

test("an account may do what its role says at once, and no longer when the role says so no more", async () => {
  const mine = await token();
  const list = () => fixture.send("GET", SERVICES, { token: mine });
  expect((await list()).body).toMatchObject({
    kind: "Status",
    code: 403,
    reason: "Forbidden",
    message: `services is forbidden: User "${ACCOUNT}" cannot list resource "services" in API group "" in the namespace "default"`,
  });
  allow(READ);
  expect((await list()).status).toBe(200);
  expect((await fixture.send("GET", "/api/v1/services", { token: mine })).status).toBe(403);
  allow({ ...READ, verbs: ["get"] });
  expect((await list()).status).toBe(403);
});

test("the audit tells which rule allowed each request, and what was forbidden", async () => {
  allow({ ...READ, resources: ["pods"] }, READ);
  const mine = await token();
  heard.length = 0;
  await fixture.send("GET", SERVICES, { token: mine });
  await fixture.send("DELETE", SERVICES, { token: mine });
  expect(heard.map(({ attributes, decision }) => [attributes.verb, decision.allowed])).toEqual([
    ["list", true],
    ["deletecollection", false],
  ]);
  expect(heard[0]?.decision).toMatchObject({ rule: { index: 1, grant: { kind: "RoleBinding", role: { name: "r" } } } });
});

describe("a token is void", () => {
  test("for the API when it was made for somebody else", async () => {
    allow(READ);
    const foreign = await token({ audiences: ["vault"] });
    expect((await fixture.send("GET", SERVICES, { token: foreign })).status).toBe(401);
  });

  test("when its account was made anew under the same name", async () => {
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "speaker" } };
    allow(READ);
    const old = await token();
    fixture.server.store.delete({ apiVersion: "v1", kind: "ServiceAccount", name: "speaker" });
    fixture.server.store.apply(account);
    expect((await fixture.send("GET", SERVICES, { token: old })).status).toBe(401);
    expect((await fixture.send("GET", SERVICES, { token: await token() })).status).toBe(200);
  });

  test("when the pod it is bound to is gone", async () => {
    allow(READ);
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { containers: [{ name: "c" }] } };
    fixture.server.store.apply(pod);
    const bound = await token({ boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "p" } });
    expect((await fixture.send("GET", SERVICES, { token: bound })).status).toBe(200);
    fixture.server.store.delete({ apiVersion: "v1", kind: "Pod", name: "p" });
    expect((await fixture.send("GET", SERVICES, { token: bound })).status).toBe(401);
  });

  test("after its time", async () => {
    let now = Date.parse("2026-11-22T10:00:00Z");
    await using other = await Fixture.start({ rbac: {}, token: "root", wallClock: () => new Date(now) });
    other.server.store.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "speaker" } });
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 600 } };
    const { body: made } = await other.send("POST", TOKENS, { body, token: "root" });
    const { token: mine }: { token: string } = Object(made["status"]);
    now += 599_999;
    expect((await other.send("GET", "/apis", { token: mine })).status).toBe(200);
    now += 1;
    expect((await other.send("GET", "/apis", { token: mine })).status).toBe(401);
  });
});

test.each([
  ["shorter than ten minutes", TOKENS, { expirationSeconds: 599 }, 422],
  ["for an account that is not there", TOKENS.replace("speaker", "x"), {}, 404],
  ["for a pod that is not there", TOKENS, { boundObjectRef: { kind: "Pod", name: "x" } }, 404],
])("no token is made that is %s", async (_, path, spec, status) => {
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
  expect((await fixture.send("POST", path, { body, token: "root" })).status).toBe(status);
});

test("TokenReview says who carries a token, and for which of the asked audiences it was made", async () => {
  const review = async (spec: object) => {
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec };
    return (await fixture.send("POST", "/apis/authentication.k8s.io/v1/tokenreviews", { body, token: "root" })).body[
      "status"
    ];
  };
  const user = {
    username: ACCOUNT,
    groups: ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
  };
  expect(await review({ token: await token() })).toMatchObject({ authenticated: true, user });
  expect(await review({ token: await token(), audiences: ["vault"] })).toEqual({
    user: {},
    error: "invalid bearer token",
  });
  expect(await review({ token: await token({ audiences: ["vault"] }), audiences: ["x", "vault"] })).toMatchObject({
    authenticated: true,
    audiences: ["vault"],
  });
  expect(await review({ token: "nonsense" })).toEqual({ user: {}, error: "invalid bearer token" });
});

test.each([
  [
    "what a rule allows",
    { user: ACCOUNT, resourceAttributes: { namespace: "default", verb: "list", resource: "services" } },
    {
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/default" of Role "r" to ServiceAccount "speaker/default"',
    },
  ],
  [
    "what none allows",
    { user: ACCOUNT, resourceAttributes: { verb: "list", resource: "services" } },
    { allowed: false },
  ],
  [
    "a path for a group",
    { groups: ["system:authenticated"], nonResourceAttributes: { path: "/apis", verb: "get" } },
    {
      allowed: true,
      reason:
        'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated"',
    },
  ],
])("SubjectAccessReview: %s", async (_, spec, expected) => {
  allow(READ);
  const body = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
  expect((await fixture.send("POST", REVIEWS, { body, token: "root" })).body["status"]).toEqual(expected);
});

test.each([
  ["nobody", { resourceAttributes: { verb: "list", resource: "services" } }],
  ["nothing", { user: "u" }],
  ["two things at once", { user: "u", resourceAttributes: {}, nonResourceAttributes: {} }],
])("SubjectAccessReview about %s is refused", async (_, spec) => {
  const body = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
  expect((await fixture.send("POST", REVIEWS, { body, token: "root" })).status).toBe(422);
});

test("a question is not kept: it cannot be listed, nor read", async () => {
  expect((await fixture.send("GET", REVIEWS, { token: "root" })).status).toBe(405);
  expect((await fixture.send("GET", `${REVIEWS}/x`, { token: "root" })).status).toBe(405);
});

test.each([
  ["a rule without verbs", { kind: "Role", rules: [{ apiGroups: [""], resources: ["pods"] }] }],
  ["a rule without a group", { kind: "Role", rules: [{ verbs: ["get"], resources: ["pods"] }] }],
  ["paths in a namespace", { kind: "Role", rules: [{ verbs: ["get"], nonResourceURLs: ["/x"] }] }],
  ["paths and resources", { kind: "ClusterRole", rules: [{ ...READ, nonResourceURLs: ["/x"] }] }],
  [
    "a ClusterRoleBinding of a Role",
    { kind: "ClusterRoleBinding", roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" } },
  ],
  [
    "an account without a namespace",
    {
      kind: "ClusterRoleBinding",
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "r" },
      subjects: [{ kind: "ServiceAccount", name: "x" }],
    },
  ],
])("%s is refused", (_, object) => {
  expect(() => fixture.server.store.apply({ apiVersion: RBAC, metadata: { name: "bad" }, ...object })).toThrow(
    /is invalid/,
  );
});

test("what a binding points to cannot be changed, and a role's name may have a colon", () => {
  allow(READ);
  fixture.server.store.apply({ apiVersion: RBAC, kind: "Role", metadata: { name: "a:b" }, rules: [] });
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "a:b" };
  const changed = { apiVersion: RBAC, kind: "RoleBinding", metadata: { name: "b" }, roleRef };
  expect(() => fixture.server.store.apply(changed)).toThrow(/cannot change roleRef/);
});

const binary = await findKubectl();
if (binary === undefined && process.env["CI"] === "true") throw new Error("kubectl is needed in CI");

describe.skipIf(binary === undefined)("kubectl (skipped without it)", () => {
  test("create token, auth can-i, auth whoami; a role and its binding by create", async () => {
    // kubectl sends its token by TLS only.
    const [key, cert] = ["key", "cert"].map((name) => readFileSync(join(TLS, `${name}.pem`), "utf8"));
    await using secure = await Fixture.start({ rbac: {}, token: "root", tls: { key: key ?? "", cert: cert ?? "" } });
    const kubeconfig = secure.server.kubeconfig();
    await using admin = await Kubectl.create(binary ?? "", kubeconfig);
    await admin.ok("create", "serviceaccount", "speaker");
    await admin.ok("create", "role", "r", "--verb=get,list,watch", "--resource=services");
    await admin.ok("create", "rolebinding", "b", "--role=r", "--serviceaccount=default:speaker");
    const made = (await admin.ok("create", "token", "speaker")).trim();
    await using speaker = await Kubectl.create(binary ?? "", kubeconfig.replace("root", made));
    expect((await speaker.run(["auth", "can-i", "list", "services"])).stdout).toBe("yes\n");
    expect((await speaker.run(["auth", "can-i", "delete", "services"])).stdout).toBe("no\n");
    expect(await speaker.ok("auth", "can-i", "--list")).toMatch(/^services +\[\] +\[\] +\[get list watch\]$/m);
    expect((await speaker.run(["get", "nodes"])).stderr).toContain(
      `Error from server (Forbidden): nodes is forbidden: User "${ACCOUNT}" cannot list resource "nodes" in API group "" at the cluster scope`,
    );
    expect(await speaker.ok("auth", "whoami")).toContain(ACCOUNT);
  });
});
