import { asArray, asObject, asString, asStrings, isObject, type JsonObject } from "../json.ts";
import type { KubeObject } from "../object.ts";
import type { ResourceType } from "../resource.ts";
import type { Target } from "../write.ts";

export type AdmissionOperation = "CREATE" | "UPDATE" | "DELETE";

/** One webhook of a ValidatingWebhookConfiguration. */
export interface Hook {
  readonly name: string;
  readonly clientConfig: unknown;
  readonly ignoresFailure: boolean;
  readonly timeoutSeconds: number;
  readonly isDryRunSafe: boolean;
  readonly conditions: readonly { readonly name: string; readonly expression: string }[];
  readonly rules: readonly JsonObject[];
  readonly isExact: boolean;
  readonly namespaceSelector: JsonObject;
  readonly objectSelector: JsonObject;
}

/** The webhooks of a configuration, in their order. */
export function hooksOf(configuration: KubeObject): readonly Hook[] {
  return asArray(configuration["webhooks"])
    .filter(isObject)
    .map((webhook) => ({
      name: asString(webhook["name"]) ?? "",
      clientConfig: webhook["clientConfig"],
      ignoresFailure: webhook["failurePolicy"] === "Ignore",
      timeoutSeconds: Number(webhook["timeoutSeconds"] ?? 10),
      isDryRunSafe: webhook["sideEffects"] === "None" || webhook["sideEffects"] === "NoneOnDryRun",
      conditions: asArray(webhook["matchConditions"]).map((condition) => ({
        name: asString(asObject(condition)["name"]) ?? "",
        expression: asString(asObject(condition)["expression"]) ?? "",
      })),
      rules: asArray(webhook["rules"]).filter(isObject),
      isExact: webhook["matchPolicy"] === "Exact",
      namespaceSelector: asObject(webhook["namespaceSelector"]),
      objectSelector: asObject(webhook["objectSelector"]),
    }));
}

/** The version that a webhook wants to see a change in; undefined when none of its rules is about it. */
export function versionFor(hook: Hook, target: Target, operation: AdmissionOperation): string | undefined {
  const { type, version } = target;
  const rules = hook.rules.filter((rule) => isAbout(rule, target, operation));
  const asked = (name: string): boolean => rules.some((rule) => lists(rule["apiVersions"], name));
  if (asked(version.name)) return version.apiVersion;
  if (hook.isExact) return undefined;
  return type.versions.find((other) => asked(other.name))?.apiVersion;
}

function isAbout(rule: JsonObject, { type, subresource }: Target, operation: AdmissionOperation): boolean {
  return (
    lists(rule["operations"], operation) &&
    lists(rule["apiGroups"], type.group) &&
    isInScope(rule["scope"], type) &&
    asStrings(rule["resources"]).some((resource) => namesResource(resource, type.plural, subresource))
  );
}

function isInScope(scope: unknown, type: ResourceType): boolean {
  if (scope === "Namespaced") return type.namespaced;
  return scope !== "Cluster" || !type.namespaced;
}

/** `pods`, `pods/status`, `pods/*`, or `*` for all without subresources. */
function namesResource(wanted: string, plural: string, subresource: string): boolean {
  const [name = "", sub = ""] = wanted.split("/");
  return (name === "*" || name === plural) && (sub === "*" || sub === subresource);
}

function lists(values: unknown, wanted: string): boolean {
  return asStrings(values).some((value) => value === "*" || value === wanted);
}

type Labels = Readonly<Record<string, string>>;

/** Whether labels are selected by a LabelSelector, as objects hold it. */
export function selectsLabels(selector: JsonObject, labels: Labels): boolean {
  const equal = Object.entries(asObject(selector["matchLabels"])).every(([key, value]) => labels[key] === value);
  return equal && asArray(selector["matchExpressions"]).every((expression) => holds(asObject(expression), labels));
}

function holds(expression: JsonObject, labels: Labels): boolean {
  const value = labels[asString(expression["key"]) ?? ""];
  const isListed = value !== undefined && asStrings(expression["values"]).includes(value);
  switch (expression["operator"]) {
    case "In":
      return isListed;
    case "NotIn":
      return !isListed;
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return false;
  }
}
