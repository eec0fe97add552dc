import { asArray, asObject, asString, at } from "../json.ts";
import type { KubeObject } from "../object.ts";
import type { Column } from "../resource.ts";
import { ageColumn, column, labelText, nameColumn } from "./columns.ts";

export const roleColumns: readonly Column[] = [
  nameColumn,
  column("Created At", (role) => role.metadata.creationTimestamp ?? "", { type: "date" }),
];

function subjectsOf(binding: KubeObject, kind: string): string {
  const subjects = asArray(binding["subjects"]).map(asObject);
  const names = subjects
    .filter((subject) => subject["kind"] === kind)
    .map((subject) => [asString(subject["namespace"]), asString(subject["name"])].filter(Boolean).join("/"));
  return names.join(", ");
}

export const bindingColumns: readonly Column[] = [
  nameColumn,
  column("Role", (binding) => `${String(at(binding, "roleRef", "kind"))}/${String(at(binding, "roleRef", "name"))}`),
  ageColumn,
  column("Users", (binding) => subjectsOf(binding, "User"), { priority: 1 }),
  column("Groups", (binding) => subjectsOf(binding, "Group"), { priority: 1 }),
  column("ServiceAccounts", (binding) => subjectsOf(binding, "ServiceAccount"), { priority: 1 }),
];

function orNone(value: unknown): string {
  return value === undefined ? "N/A" : String(value);
}

export const budgetColumns: readonly Column[] = [
  nameColumn,
  column("Min Available", (budget) => orNone(at(budget, "spec", "minAvailable"))),
  column("Max Unavailable", (budget) => orNone(at(budget, "spec", "maxUnavailable"))),
  column("Allowed Disruptions", (budget) => Number(at(budget, "status", "disruptionsAllowed") ?? 0), {
    type: "integer",
  }),
  ageColumn,
];

export const networkPolicyColumns: readonly Column[] = [
  nameColumn,
  column("Pod-Selector", (policy) => labelText(at(policy, "spec", "podSelector", "matchLabels"))),
  ageColumn,
];

export const webhookColumns: readonly Column[] = [
  nameColumn,
  column("Webhooks", (configuration) => asArray(configuration["webhooks"]).length, { type: "integer" }),
  ageColumn,
];

/** Nobody ever lists a question. */
export const questionColumns: readonly Column[] = [nameColumn];
