import { authorize } from "../../src/apiserver/auth/authorizer.ts";
import { type Policy, type PolicyRule, readPolicy } from "../../src/apiserver/auth/policy.ts";
import { parseObject } from "../../src/apiserver/object.ts";
import type { Rendered } from "../support/helm.ts";
import type { Call } from "./cluster-api.ts";

/** The roles and bindings among rendered objects. */
export function policyOf(objects: readonly Rendered[]): Policy {
  const of = (kind: string) => objects.filter((object) => object.kind === kind).map(parseObject);
  return readPolicy({
    roles: of("Role"),
    clusterRoles: of("ClusterRole"),
    roleBindings: of("RoleBinding"),
    clusterRoleBindings: of("ClusterRoleBinding"),
  });
}

/** `ClusterRole herald-speaker: list services`: one verb of one rule on one resource, which is as small as a right gets. */
function rightsOf(role: string, rule: PolicyRule): readonly string[] {
  const objects = rule.apiGroups.flatMap((group) =>
    rule.resources.map((resource) => (group === "" ? resource : `${group}/${resource}`)),
  );
  const names = rule.resourceNames.length === 0 ? "" : ` [${rule.resourceNames.join(" ")}]`;
  return rule.verbs.flatMap((verb) =>
    [...objects, ...rule.nonResourceUrls].map((what) => `${role}: ${verb} ${what}${names}`),
  );
}

/** Every right that the policy gives. */
export function rightsIn(policy: Policy): readonly string[] {
  return policy.flatMap(({ role, rules = [] }) => rules.flatMap((rule) => rightsOf(`${role.kind} ${role.name}`, rule)));
}

/** The rights that these calls used. */
export function rightsUsed(policy: Policy, calls: readonly Call[]): ReadonlySet<string> {
  return new Set(
    calls.flatMap(({ attributes }) => {
      const decision = authorize(attributes, policy);
      if (!decision.allowed || decision.rule === undefined) return [];
      const { grant, rule } = decision.rule;
      const { verb, question } = attributes;
      const [groups, resources, urls] =
        question.type === "path" ? [[], [], [question.path]] : [[question.group], [nameOf(question)], []];
      const used = { ...rule, verbs: [verb], apiGroups: groups, resources, nonResourceUrls: urls };
      return rightsOf(`${grant.role.kind} ${grant.role.name}`, used);
    }),
  );
}

function nameOf({ resource, subresource }: { readonly resource: string; readonly subresource: string }): string {
  return subresource === "" ? resource : `${resource}/${subresource}`;
}
