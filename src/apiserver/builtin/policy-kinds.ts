import { asArray, asObject, asStrings, isObject, jsonEqual } from "../json.ts";
import type { KubeObject } from "../object.ts";
import type { Strategy } from "../resource.ts";
import { type Cause, invalidField, requiredField } from "../status.ts";
import * as columns from "./policy-columns.ts";
import * as schemas from "./policy-schemas.ts";
import type { Row } from "./row.ts";

const RBAC = "rbac.authorization.k8s.io";

function checkRules(object: KubeObject, before: KubeObject | undefined): readonly Cause[] {
  if (before !== undefined && jsonEqual(object["rules"], before["rules"])) return [];
  return asArray(object["rules"]).flatMap((value, i) => {
    const rule = asObject(value);
    const paths = asStrings(rule["nonResourceURLs"]);
    return [...checkVerbs(rule, i), ...(paths.length === 0 ? checkResources(rule, i) : checkPaths(object, rule, i))];
  });
}

function checkVerbs(rule: object, i: number): readonly Cause[] {
  const { verbs } = asObject(rule);
  return asStrings(verbs).length > 0
    ? []
    : [requiredField(`rules[${i}].verbs`, "verbs must contain at least one value")];
}

function checkResources(rule: object, i: number): readonly Cause[] {
  const { apiGroups, resources } = asObject(rule);
  const causes: Cause[] = [];
  if (asArray(apiGroups).length === 0)
    causes.push(requiredField(`rules[${i}].apiGroups`, "resource rules must supply at least one api group"));
  if (asArray(resources).length === 0)
    causes.push(requiredField(`rules[${i}].resources`, "resource rules must supply at least one resource"));
  return causes;
}

function checkPaths(role: KubeObject, rule: object, i: number): readonly Cause[] {
  const { nonResourceURLs, apiGroups, resources, resourceNames } = asObject(rule);
  const field = `rules[${i}].nonResourceURLs`;
  if (role.kind === "Role")
    return [invalidField(field, nonResourceURLs, "namespaced rules cannot apply to non-resource URLs")];
  const mixed = [apiGroups, resources, resourceNames].some((list) => asArray(list).length > 0);
  const why = "rules cannot apply to both regular resources and non-resource URLs";
  return mixed ? [invalidField(field, nonResourceURLs, why)] : [];
}

function checkBinding(next: KubeObject, before: KubeObject | undefined): readonly Cause[] {
  if (before !== undefined && !jsonEqual(next["roleRef"], before["roleRef"]))
    return [invalidField("roleRef", next["roleRef"], "cannot change roleRef")];
  const accounts = asArray(next["subjects"]).map(asObject);
  // In a RoleBinding the account's namespace may be left out too, but nobody means the binding's own by it.
  return accounts.flatMap(({ kind, namespace }, i) =>
    kind === "ServiceAccount" && namespace === undefined ? [requiredField(`subjects[${i}].namespace`)] : [],
  );
}

/** Selects nothing by mistake where a policy says nothing: as the real server, an absent type means what the rules say. */
function defaultPolicyTypes(next: KubeObject): KubeObject {
  const spec = asObject(next["spec"]);
  if (asArray(spec["policyTypes"]).length > 0) return next;
  const policyTypes = asArray(spec["egress"]).length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
  return { ...next, spec: { ...spec, policyTypes } };
}

function checkWebhooks(next: KubeObject): readonly Cause[] {
  return asArray(next["webhooks"]).flatMap((value, i) => {
    const config = asObject(asObject(value)["clientConfig"]);
    const ways = [config["url"] !== undefined, isObject(config["service"])].filter(Boolean).length;
    const field = `webhooks[${i}].clientConfig`;
    return ways === 1 ? [] : [requiredField(field, "exactly one of url or service is required")];
  });
}

const roles: Strategy = { check: checkRules };
const bindings: Strategy = { check: checkBinding };

/** The kinds that say what others may do: roles, budgets, network policies, webhooks. */
export const POLICY_ROWS: readonly Row[] = [
  {
    group: RBAC,
    kind: "Role",
    plural: "roles",
    pathNames: true,
    schema: schemas.role,
    columns: columns.roleColumns,
    strategy: roles,
  },
  {
    group: RBAC,
    kind: "ClusterRole",
    plural: "clusterroles",
    cluster: true,
    pathNames: true,
    schema: schemas.clusterRole,
    columns: columns.roleColumns,
    strategy: roles,
  },
  {
    group: RBAC,
    kind: "RoleBinding",
    plural: "rolebindings",
    pathNames: true,
    schema: schemas.roleBinding,
    columns: columns.bindingColumns,
    strategy: bindings,
  },
  {
    group: RBAC,
    kind: "ClusterRoleBinding",
    plural: "clusterrolebindings",
    cluster: true,
    pathNames: true,
    schema: schemas.clusterRoleBinding,
    columns: columns.bindingColumns,
    strategy: bindings,
  },
  {
    group: "policy",
    kind: "PodDisruptionBudget",
    plural: "poddisruptionbudgets",
    short: ["pdb"],
    status: true,
    counted: true,
    schema: schemas.podDisruptionBudget,
    columns: columns.budgetColumns,
  },
  {
    group: "networking.k8s.io",
    kind: "NetworkPolicy",
    plural: "networkpolicies",
    short: ["netpol"],
    counted: true,
    schema: schemas.networkPolicy,
    columns: columns.networkPolicyColumns,
    strategy: { prepare: defaultPolicyTypes },
  },
  {
    group: "admissionregistration.k8s.io",
    kind: "ValidatingWebhookConfiguration",
    plural: "validatingwebhookconfigurations",
    categories: ["api-extensions"],
    cluster: true,
    counted: true,
    schema: schemas.validatingWebhookConfiguration,
    columns: columns.webhookColumns,
    strategy: { check: checkWebhooks },
  },
];
