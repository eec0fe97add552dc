import { describe, expect, test } from "vitest";
import {
  type Attributes,
  attributesOf,
  forbiddenRequest,
  formatAttributes,
} from "../../src/apiserver/auth/attributes.ts";
import { authorize, formatPermission } from "../../src/apiserver/auth/authorizer.ts";
import { readPolicy } from "../../src/apiserver/auth/policy.ts";
import { readToken, signToken } from "../../src/apiserver/auth/tokens.ts";
import { ANONYMOUS, accountUser, type User } from "../../src/apiserver/auth/user.ts";
import { parseRoute } from "../../src/apiserver/http/route.ts";
import { parseObject } from "../../src/apiserver/object.ts";

const SPEAKER: User = {
  name: accountUser("lb", "speaker"),
  groups: ["system:serviceaccounts", "system:serviceaccounts:lb", "system:authenticated"],
};

/** `list /api/v1/services?watch=1` by the account `speaker` of the namespace `lb`. */
function ask(method: string, url: string, user = SPEAKER): Attributes {
  const [pathname = "", query = ""] = url.split("?");
  return attributesOf(user, parseRoute(pathname), { method, pathname, query: new URLSearchParams(query) });
}

describe("attributesOf() says what a request wants in the words of rules", () => {
  test.each([
    ["GET", "/api/v1/services", "list services"],
    ["GET", "/api/v1/services?watch=true", "watch services"],
    ["GET", "/api/v1/namespaces/a/services?watch=0", "list services in a"],
    ["GET", "/api/v1/namespaces/a/services/web", "get services web in a"],
    ["POST", "/api/v1/namespaces/a/services", "create services in a"],
    ["PUT", "/api/v1/namespaces/a/services/web", "update services web in a"],
    ["PATCH", "/api/v1/namespaces/a/services/web/status", "patch services/status web in a"],
    ["DELETE", "/api/v1/namespaces/a/services/web", "delete services web in a"],
    ["DELETE", "/api/v1/namespaces/a/services", "deletecollection services in a"],
    ["POST", "/api/v1/namespaces/a/serviceaccounts/x/token", "create serviceaccounts/token x in a"],
    ["GET", "/apis/apps/v1/deployments", "list apps/deployments"],
    ["GET", "/api/v1/namespaces/a", "get namespaces a in a"],
    ["GET", "/api/v1/namespaces", "list namespaces"],
    ["PATCH", "/api/v1/nodes/n1", "patch nodes n1"],
    // RequestInfo takes a name that a field selector pins: such a watch can be allowed by resourceNames.
    ["GET", "/api/v1/namespaces/a/secrets?fieldSelector=metadata.name%3Dk&watch=1", "watch secrets k in a"],
    ["GET", "/api/v1/secrets?fieldSelector=type%3Dx", "list secrets"],
    ["GET", "/api/v1/secrets?fieldSelector=metadata.name!%3Dk", "list secrets"],
    ["GET", "/api/v1", "get path /api/v1"],
    ["HEAD", "/healthz/etcd", "head path /healthz/etcd"],
  ])("%s %s: %s", (method, url, expected) => {
    const { verb, question } = ask(method, url);
    if (question.type === "path") return expect(`${verb} path ${question.path}`).toBe(expected);
    const { group, resource, subresource, name, namespace } = question;
    const what = `${group === "" ? "" : `${group}/`}${resource}${subresource === "" ? "" : `/${subresource}`}`;
    const where = namespace === "" ? [] : ["in", namespace];
    expect([verb, what, name, ...where].filter((word) => word !== "").join(" ")).toBe(expected);
  });
});

const ACCOUNT = { kind: "ServiceAccount", name: "speaker", namespace: "lb" };

function role(kind: "Role" | "ClusterRole", namespace: string | undefined, ...rules: readonly object[]) {
  const metadata = { name: "r", ...(namespace === undefined ? {} : { namespace }) };
  return parseObject({ apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata, rules });
}

function binding(kind: string, namespace: string | undefined, roleKind: string, ...subjects: readonly object[]) {
  const metadata = { name: "b", ...(namespace === undefined ? {} : { namespace }) };
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: roleKind, name: "r" };
  return parseObject({ apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata, roleRef, subjects });
}

const NOTHING = { roles: [], clusterRoles: [], roleBindings: [], clusterRoleBindings: [] };

/** One rule for the account, everywhere. */
function everywhere(rule: object) {
  return readPolicy({
    ...NOTHING,
    clusterRoles: [role("ClusterRole", undefined, rule)],
    clusterRoleBindings: [binding("ClusterRoleBinding", undefined, "ClusterRole", ACCOUNT)],
  });
}

const SERVICES = { apiGroups: [""], resources: ["services"], verbs: ["get", "list"] };

describe("authorize() takes a rule as Kubernetes does", () => {
  test.each<[string, object, string, string, boolean]>([
    ["another verb", SERVICES, "PATCH", "/api/v1/namespaces/a/services/w", false],
    ["another group", SERVICES, "GET", "/apis/serving.io/v1/services", false],
    ["a rule for a resource covers no subresource", SERVICES, "GET", "/api/v1/namespaces/a/services/w/status", false],
    [
      "nor does one for a subresource the resource",
      { ...SERVICES, resources: ["services/status"] },
      "GET",
      "/api/v1/services",
      false,
    ],
    ["verb, group and resource", SERVICES, "GET", "/api/v1/services", true],
    [
      "the subresource by name",
      { ...SERVICES, resources: ["services/status"] },
      "GET",
      "/api/v1/namespaces/a/services/w/status",
      true,
    ],
    ["any verb", { ...SERVICES, verbs: ["*"] }, "DELETE", "/api/v1/namespaces/a/services/w", true],
    ["any group", { ...SERVICES, apiGroups: ["*"] }, "GET", "/apis/x.io/v1/services", true],
    [
      "any resource, subresources too",
      { ...SERVICES, resources: ["*"] },
      "GET",
      "/api/v1/namespaces/a/pods/p/log",
      true,
    ],
    [
      "one subresource of any resource",
      { ...SERVICES, resources: ["*/status"] },
      "GET",
      "/api/v1/namespaces/a/pods/p/status",
      true,
    ],
    [
      "which is not the resource itself",
      { ...SERVICES, resources: ["*/status"] },
      "GET",
      "/api/v1/namespaces/a/pods/p",
      false,
    ],
    ["a name", { ...SERVICES, resourceNames: ["w"] }, "GET", "/api/v1/namespaces/a/services/w", true],
    ["another name", { ...SERVICES, resourceNames: ["w"] }, "GET", "/api/v1/namespaces/a/services/x", false],
    ["a list has no name", { ...SERVICES, resourceNames: ["w"] }, "GET", "/api/v1/namespaces/a/services", false],
    [
      "unless it selects one",
      { ...SERVICES, resourceNames: ["w"] },
      "GET",
      "/api/v1/services?fieldSelector=metadata.name%3Dw",
      true,
    ],
    ["paths are no resources", SERVICES, "GET", "/version", false],
    ["a path", { nonResourceURLs: ["/version"], verbs: ["get"] }, "GET", "/version", true],
    ["what is below it is another", { nonResourceURLs: ["/version"], verbs: ["get"] }, "GET", "/version/x", false],
    ["all below it", { nonResourceURLs: ["/apis/*"], verbs: ["get"] }, "GET", "/apis/x", true],
    ["every path", { nonResourceURLs: ["*"], verbs: ["get"] }, "GET", "/metrics", true],
    ["no resource by it", { nonResourceURLs: ["*"], verbs: ["*"] }, "GET", "/api/v1/services", false],
  ])("%s", (_, rule, method, url, allowed) => {
    expect(authorize(ask(method, url), everywhere(rule)).allowed).toBe(allowed);
  });

  const inNamespace = (rule: object, roleKind: "Role" | "ClusterRole", ...subjects: readonly object[]) =>
    readPolicy({
      ...NOTHING,
      roles: roleKind === "Role" ? [role("Role", "lb", rule)] : [],
      clusterRoles: roleKind === "ClusterRole" ? [role("ClusterRole", undefined, rule)] : [],
      roleBindings: [binding("RoleBinding", "lb", roleKind, ...subjects)],
    });
  const ALL = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };

  test.each<[string, "Role" | "ClusterRole", object, string, boolean]>([
    ["in its own namespace", "Role", ACCOUNT, "/api/v1/namespaces/lb/services", true],
    ["not in another", "Role", ACCOUNT, "/api/v1/namespaces/a/services", false],
    ["not across all of them", "Role", ACCOUNT, "/api/v1/services", false],
    ["not for what belongs to no namespace", "Role", ACCOUNT, "/api/v1/nodes", false],
    ["the namespace itself is in itself", "Role", ACCOUNT, "/api/v1/namespaces/lb", true],
    ["a ClusterRole is cut down to the namespace", "ClusterRole", ACCOUNT, "/api/v1/namespaces/a/services", false],
    ["where it holds", "ClusterRole", ACCOUNT, "/api/v1/namespaces/lb/services", true],
    ["for a group", "Role", { kind: "Group", name: "system:serviceaccounts:lb" }, "/api/v1/namespaces/lb/pods", true],
    [
      "for a user by name",
      "Role",
      { kind: "User", name: "system:serviceaccount:lb:speaker" },
      "/api/v1/namespaces/lb/pods",
      true,
    ],
    [
      "not for the account of that name elsewhere",
      "Role",
      { ...ACCOUNT, namespace: "x" },
      "/api/v1/namespaces/lb/pods",
      false,
    ],
    [
      "not for a user called as the account is",
      "Role",
      { kind: "User", name: "speaker" },
      "/api/v1/namespaces/lb/pods",
      false,
    ],
  ])("a RoleBinding holds %s", (_, kind, subject, url, allowed) => {
    expect(authorize(ask("GET", url), inNamespace(ALL, kind, subject)).allowed).toBe(allowed);
  });

  test("a role that is not there gives nothing, and the refusal names it", () => {
    const policy = readPolicy({
      ...NOTHING,
      clusterRoleBindings: [binding("ClusterRoleBinding", undefined, "ClusterRole", ACCOUNT)],
    });
    expect(authorize(ask("GET", "/api/v1/services"), policy)).toEqual({
      allowed: false,
      message:
        'User "system:serviceaccount:lb:speaker" cannot list resource "services" in API group "" at the cluster scope: ' +
        'RBAC: clusterrole.rbac.authorization.k8s.io "r" not found',
    });
  });

  test("system:masters may do anything, and no rule is to thank for it", () => {
    const master: User = { name: "root", groups: ["system:masters"] };
    expect(authorize(ask("DELETE", "/api/v1/nodes", master), [])).toEqual({ allowed: true, rule: undefined });
  });

  test("the rule that said yes is told: the first of them", () => {
    const decision = authorize(ask("GET", "/api/v1/services"), everywhere(SERVICES));
    const rule = decision.allowed ? decision.rule : undefined;
    expect(rule?.index).toBe(0);
    expect(rule === undefined ? "" : formatPermission(rule)).toBe(
      'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to ServiceAccount "speaker/lb"',
    );
  });
});

describe("a refusal has the real server's words", () => {
  test.each([
    [
      "GET",
      "/api/v1/services",
      'services is forbidden: User "system:anonymous" cannot list resource "services" in API group "" at the cluster scope',
    ],
    [
      "PATCH",
      "/apis/metallb.io/v1beta1/namespaces/lb/ipaddresspools/a/status",
      'ipaddresspools.metallb.io "a" is forbidden: User "system:anonymous" cannot patch resource "ipaddresspools/status" in API group "metallb.io" in the namespace "lb"',
    ],
    ["GET", "/metrics", 'forbidden: User "system:anonymous" cannot get path "/metrics"'],
  ])("%s %s", (method, url, expected) => {
    const attributes = ask(method, url, ANONYMOUS);
    const status = forbiddenRequest(attributes, formatAttributes(attributes)).toStatus();
    expect(status).toMatchObject({ status: "Failure", reason: "Forbidden", code: 403, message: expected });
  });
});

describe("a token", () => {
  const key = new Uint8Array(32).fill(7);
  const account = { name: "speaker", uid: "u1" };
  const claims = { namespace: "lb", account, pod: undefined, audiences: ["a"], issuedAt: 1, expiresAt: 2, id: "i" };
  const token = signToken(claims, key);

  test("says what was signed", () => {
    expect(readToken(token, key)).toEqual(claims);
  });

  test.each([
    ["another key", token, new Uint8Array(32)],
    ["no signature", token.replace(/\.[^.]*$/, "."), key],
    ["another text under it", token.replace(".", ".e30"), key],
    ["one part more", `${token}.x`, key],
    ["nothing", "", key],
  ])("is not believed with %s", (_, text, with_) => {
    expect(readToken(text, with_)).toBeUndefined();
  });
});
