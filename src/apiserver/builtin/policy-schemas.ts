import type { Schema } from "../schema/schema.ts";
import {
  conditions,
  int32,
  int64,
  intOrText,
  keyedList,
  kind,
  listOf,
  mapOf,
  object,
  oneOf,
  text,
  withDefault,
} from "./schema-words.ts";

const policyRule = object({
  "verbs!": listOf(text),
  apiGroups: listOf(text),
  resources: listOf(text),
  resourceNames: listOf(text),
  nonResourceURLs: listOf(text),
});

const rules: Schema = { ...listOf(policyRule), nullable: true };

const requirement = object({ "key!": text, "operator!": text, values: listOf(text) });
const labelSelector: Schema = {
  ...object({ matchLabels: mapOf(text), matchExpressions: listOf(requirement) }),
  "x-kubernetes-map-type": "atomic",
};

export const role: Schema = kind("Role is a namespaced, logical grouping of PolicyRules.", { rules });

export const clusterRole: Schema = kind("ClusterRole is a cluster level, logical grouping of PolicyRules.", {
  rules,
  aggregationRule: object({ clusterRoleSelectors: listOf(labelSelector) }),
});

const subject: Schema = {
  ...object({ "kind!": text, apiGroup: text, "name!": text, namespace: text }),
  "x-kubernetes-map-type": "atomic",
};
const roleRef: Schema = {
  ...object({ "apiGroup!": text, "kind!": oneOf("Role", "ClusterRole"), "name!": text }),
  "x-kubernetes-map-type": "atomic",
};

export const roleBinding: Schema = kind("RoleBinding references a role, but does not contain it.", {
  subjects: listOf(subject),
  "roleRef!": roleRef,
});

export const clusterRoleBinding: Schema = kind(
  "ClusterRoleBinding references a ClusterRole, but does not contain it.",
  {
    subjects: listOf(subject),
    "roleRef!": { ...roleRef, properties: { ...roleRef.properties, kind: oneOf("ClusterRole") } },
  },
);

export const podDisruptionBudget: Schema = kind(
  "PodDisruptionBudget is an object to define the max disruption that can be caused to a collection of pods.",
  {
    spec: object({
      minAvailable: intOrText,
      maxUnavailable: intOrText,
      selector: labelSelector,
      unhealthyPodEvictionPolicy: oneOf("IfHealthyBudget", "AlwaysAllow"),
    }),
    status: object({
      observedGeneration: int64,
      disruptedPods: mapOf(text),
      disruptionsAllowed: int32,
      currentHealthy: int32,
      desiredHealthy: int32,
      expectedPods: int32,
      conditions,
    }),
  },
);

const peer = object({
  podSelector: labelSelector,
  namespaceSelector: labelSelector,
  ipBlock: object({ "cidr!": text, except: listOf(text) }),
});
const policyPort = object({
  protocol: withDefault(oneOf("TCP", "UDP", "SCTP"), "TCP"),
  port: intOrText,
  endPort: int32,
});

export const networkPolicy: Schema = kind(
  "NetworkPolicy describes what network traffic is allowed for a set of Pods.",
  {
    spec: object({
      podSelector: labelSelector,
      ingress: listOf(object({ from: listOf(peer), ports: listOf(policyPort) })),
      egress: listOf(object({ to: listOf(peer), ports: listOf(policyPort) })),
      policyTypes: listOf(oneOf("Ingress", "Egress")),
    }),
  },
);

const clientConfig = object({
  url: text,
  service: object({ "namespace!": text, "name!": text, path: text, port: withDefault(int32, 443) }),
  caBundle: { type: "string", format: "byte" },
});

const operationRule = object({
  "operations!": listOf(oneOf("*", "CREATE", "UPDATE", "DELETE", "CONNECT")),
  "apiGroups!": listOf(text),
  "apiVersions!": listOf(text),
  "resources!": listOf(text),
  scope: withDefault(oneOf("*", "Cluster", "Namespaced"), "*"),
});

const webhook = object({
  "name!": text,
  "clientConfig!": clientConfig,
  rules: listOf(operationRule),
  failurePolicy: withDefault(oneOf("Fail", "Ignore"), "Fail"),
  matchPolicy: withDefault(oneOf("Exact", "Equivalent"), "Equivalent"),
  namespaceSelector: withDefault(labelSelector, {}),
  objectSelector: withDefault(labelSelector, {}),
  "sideEffects!": oneOf("None", "NoneOnDryRun"),
  timeoutSeconds: withDefault({ ...int32, minimum: 1, maximum: 30 }, 10),
  "admissionReviewVersions!": listOf(text),
  matchConditions: keyedList(object({ "name!": text, "expression!": text }), "name"),
});

export const validatingWebhookConfiguration: Schema = kind(
  "ValidatingWebhookConfiguration describes the configuration of and admission webhook that accept or reject and object.",
  { webhooks: keyedList(webhook, "name") },
);
