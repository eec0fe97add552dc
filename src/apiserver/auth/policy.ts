import { asArray, asObject, asString, asStrings } from "../json.ts";
import type { KubeObject } from "../object.ts";

/** One rule of a Role or ClusterRole. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly nonResourceUrls: readonly string[];
}

/** Whom a binding is for. */
export interface Subject {
  readonly kind: string;
  readonly name: string;
  /** Of a ServiceAccount. */
  readonly namespace: string;
}

/** A binding with the rules of the role it names. */
export interface Grant {
  readonly kind: "ClusterRoleBinding" | "RoleBinding";
  readonly name: string;
  /** Where it holds; empty for everywhere. */
  readonly namespace: string;
  readonly role: { readonly kind: string; readonly name: string };
  readonly subjects: readonly Subject[];
  /** Undefined where there is no such role. */
  readonly rules: readonly PolicyRule[] | undefined;
}

/** All grants, in the order they are asked: those of the whole cluster first. */
export type Policy = readonly Grant[];

/** The objects a policy is made of. */
export interface PolicyObjects {
  readonly roles: readonly KubeObject[];
  readonly clusterRoles: readonly KubeObject[];
  readonly roleBindings: readonly KubeObject[];
  readonly clusterRoleBindings: readonly KubeObject[];
}

/** Joins bindings with the roles they name. */
export function readPolicy(objects: PolicyObjects): Policy {
  const ofCluster = byName(objects.clusterRoles);
  const ofNamespace = byName(objects.roles);
  const grants = objects.clusterRoleBindings.map((binding) => grantOf("ClusterRoleBinding", binding, ofCluster));
  const local = objects.roleBindings.map((binding) => {
    const { kind } = roleOf(binding);
    return grantOf("RoleBinding", binding, kind === "ClusterRole" ? ofCluster : ofNamespace);
  });
  return [...grants, ...local];
}

type Rules = ReadonlyMap<string, readonly PolicyRule[]>;

function byName(roles: readonly KubeObject[]): Rules {
  return new Map(roles.map((role) => [`${role.metadata.namespace ?? ""}/${role.metadata.name}`, rulesOf(role)]));
}

function rulesOf(role: KubeObject): readonly PolicyRule[] {
  return asArray(role["rules"])
    .map(asObject)
    .map((rule) => ({
      verbs: asStrings(rule["verbs"]),
      apiGroups: asStrings(rule["apiGroups"]),
      resources: asStrings(rule["resources"]),
      resourceNames: asStrings(rule["resourceNames"]),
      nonResourceUrls: asStrings(rule["nonResourceURLs"]),
    }));
}

function roleOf(binding: KubeObject): Grant["role"] {
  const reference = asObject(binding["roleRef"]);
  return { kind: asString(reference["kind"]) ?? "", name: asString(reference["name"]) ?? "" };
}

function grantOf(kind: Grant["kind"], binding: KubeObject, roles: Rules): Grant {
  const namespace = kind === "RoleBinding" ? (binding.metadata.namespace ?? "") : "";
  const role = roleOf(binding);
  const home = role.kind === "Role" ? namespace : "";
  const subjects = asArray(binding["subjects"])
    .map(asObject)
    .map((subject) => ({
      kind: asString(subject["kind"]) ?? "",
      name: asString(subject["name"]) ?? "",
      namespace: asString(subject["namespace"]) ?? namespace,
    }));
  return { kind, name: binding.metadata.name, namespace, role, subjects, rules: roles.get(`${home}/${role.name}`) };
}
