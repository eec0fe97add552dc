import { Ajv } from "ajv";
import { ValidatingWebhookConfiguration } from "kubernetes-models/admissionregistration.k8s.io/v1";
import { CustomResourceDefinition } from "kubernetes-models/apiextensions.k8s.io/v1";
import { DaemonSet, Deployment } from "kubernetes-models/apps/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1";
import { ConfigMap, Namespace, Secret, Service, ServiceAccount } from "kubernetes-models/v1";
import type { Rendered } from "./helm.ts";

interface Model {
  readonly apiVersion: string;
  readonly kind: string;
  readonly prototype: { validate(): void };
}

const MODELS: readonly Model[] = [
  ...[ConfigMap, Namespace, Secret, Service, ServiceAccount, DaemonSet, Deployment],
  ...[ClusterRole, ClusterRoleBinding, Role, RoleBinding, NetworkPolicy, PodDisruptionBudget],
  ...[CustomResourceDefinition, ValidatingWebhookConfiguration],
];

/** What of an object the API would refuse, or drop without a word. Empty is well. */
export function problemsOf(object: Rendered): readonly string[] {
  const operator = OPERATOR[object.kind];
  if (object["apiVersion"] === "monitoring.coreos.com/v1" && operator !== undefined) {
    return operator(object) ? [] : (operator.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  }
  const model = MODELS.find(({ apiVersion, kind }) => apiVersion === object["apiVersion"] && kind === object.kind);
  if (model === undefined) return [`no schema for ${object["apiVersion"]} ${object.kind}`];
  const read = new Map<string, Reading>();
  try {
    model.prototype.validate.call(watched(object, "", read));
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  return [...read].flatMap(([path, { object: value, keys, whole }]) =>
    whole || keys.size === 0 || isSchema(path) ? [] : unread(value, keys).map((key) => `${path}/${key} is not a field`),
  );
}

/** Schemas of resource definitions are what the embedded API and test/crds read; the models look at little of them. */
function isSchema(path: string): boolean {
  return path.includes("/openAPIV3Schema");
}

interface Reading {
  readonly object: object;
  readonly keys: Set<PropertyKey>;
  /** Its keys were listed: a map, in which any is allowed. */
  whole: boolean;
}

/** The validators let unknown fields pass, but read every field they know: what was never read is unknown. */
function watched<T extends object>(object: T, path: string, read: Map<string, Reading>): T {
  const reading: Reading = { object, keys: new Set(), whole: Array.isArray(object) };
  read.set(path, reading);
  return new Proxy(object, {
    get(target, key) {
      reading.keys.add(key);
      const value: unknown = Reflect.get(target, key);
      return typeof value === "object" && value !== null ? watchedAgain(value, `${path}/${String(key)}`, read) : value;
    },
    ownKeys(target) {
      reading.whole = true;
      return Reflect.ownKeys(target);
    },
  });
}

/** One value is looked at by several rules; whatever one of them knows is known. */
function watchedAgain(value: object, path: string, read: Map<string, Reading>): object {
  const before = read.get(path);
  const again = watched(value, path, read);
  const after = read.get(path);
  if (before !== undefined && after !== undefined) {
    for (const key of before.keys) after.keys.add(key);
    after.whole ||= before.whole;
  }
  return again;
}

function unread(value: object, keys: ReadonlySet<PropertyKey>): readonly string[] {
  return Object.keys(value).filter((key) => !keys.has(key));
}

const ajv = new Ajv({ strict: false, allErrors: true });
const text = { type: "string" };
const texts = { type: "object", additionalProperties: text };
const strict = (properties: object, required: readonly string[] = []): object => ({
  type: "object",
  additionalProperties: false,
  properties,
  required,
});
const list = (items: object): object => ({ type: "array", minItems: 1, items });
const duration = {
  type: "string",
  pattern: "^(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?$",
};
const relabel = strict({
  action: text,
  regex: text,
  replacement: text,
  separator: text,
  sourceLabels: list(text),
  targetLabel: text,
});
const metadata = strict({ name: text, namespace: text, labels: texts, annotations: texts }, ["name", "namespace"]);
const endpoint = {
  ...{ port: text, path: { const: "/metrics" }, honorLabels: { type: "boolean" }, interval: duration },
  ...{ metricRelabelings: list(relabel), relabelings: list(relabel), scheme: { enum: ["http", "https"] } },
};
const monitor = (field: string, more: object): object => ({
  jobLabel: text,
  namespaceSelector: strict({ matchNames: list(text) }, ["matchNames"]),
  selector: strict({ matchLabels: texts }, ["matchLabels"]),
  [field]: list(strict({ ...endpoint, ...more }, ["port"])),
});
const operated = (spec: object) =>
  ajv.compile(strict({ apiVersion: text, kind: text, metadata, spec }, ["apiVersion", "kind", "metadata", "spec"]));

/** As much of the Prometheus operator's monitoring.coreos.com/v1 as the chart uses. */
const OPERATOR: Readonly<Record<string, ReturnType<typeof operated>>> = {
  ServiceMonitor: operated(
    strict(
      monitor("endpoints", {
        bearerTokenFile: text,
        tlsConfig: strict({ insecureSkipVerify: { type: "boolean" }, serverName: text }),
      }),
      ["endpoints", "selector"],
    ),
  ),
  PodMonitor: operated(
    strict(
      monitor("podMetricsEndpoints", {
        authorization: strict({ credentials: strict({ name: text, key: text }, ["name", "key"]) }),
        tlsConfig: strict({ insecureSkipVerify: { type: "boolean" } }),
      }),
      ["podMetricsEndpoints", "selector"],
    ),
  ),
  PrometheusRule: operated(
    strict({
      groups: list(
        strict(
          {
            name: text,
            rules: list(
              strict({ alert: text, expr: text, for: duration, labels: texts, annotations: texts }, ["alert", "expr"]),
            ),
          },
          ["name", "rules"],
        ),
      ),
    }),
  ),
};
