import { AUTHENTICATED, MASTERS, UNAUTHENTICATED } from "./user.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";
const HEALTH = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
const DISCOVERY = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"];

function role(name: string, rules: readonly object[]): object {
  return { apiVersion, kind: "ClusterRole", metadata: { name, labels: LABELS }, rules };
}

function binding(name: string, ...groups: readonly string[]): object {
  const subjects = groups.map((group) => ({ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: group }));
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name };
  return { apiVersion, kind: "ClusterRoleBinding", metadata: { name, labels: LABELS }, roleRef, subjects };
}

const LABELS = { "kubernetes.io/bootstrapping": "rbac-defaults" };
const reviews = (apiGroup: string, ...resources: readonly string[]): object => ({
  apiGroups: [apiGroup],
  resources,
  verbs: ["create"],
});

/** The roles and bindings that every cluster with RBAC has from its birth, as far as they matter here. */
export const BOOTSTRAP_POLICY: readonly object[] = [
  role("cluster-admin", [
    { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
    { nonResourceURLs: ["*"], verbs: ["*"] },
  ]),
  role("system:discovery", [{ nonResourceURLs: [...HEALTH, ...DISCOVERY], verbs: ["get"] }]),
  role("system:public-info-viewer", [{ nonResourceURLs: HEALTH, verbs: ["get"] }]),
  role("system:basic-user", [
    reviews("authorization.k8s.io", "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
    reviews("authentication.k8s.io", "selfsubjectreviews"),
  ]),
  role("system:auth-delegator", [
    reviews("authentication.k8s.io", "tokenreviews"),
    reviews("authorization.k8s.io", "subjectaccessreviews"),
  ]),
  binding("cluster-admin", MASTERS),
  binding("system:discovery", AUTHENTICATED),
  binding("system:public-info-viewer", AUTHENTICATED, UNAUTHENTICATED),
  binding("system:basic-user", AUTHENTICATED),
];
