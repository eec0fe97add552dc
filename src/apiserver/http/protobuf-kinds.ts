/**
 * kubectl 1.35 sends what `kubectl create` and `kubectl auth` make as protocol buffers. These kinds are read and no others; field
 * numbers are those of `generated.proto` in `k8s.io/api`.
 */
export type Scalar = "string" | "bool" | "int" | "time" | "intOrString";
/** A member of an object, and what its octets are. */
export type Field =
  | readonly [name: string, type: Scalar | "strings" | "textMap" | "bytesMap"]
  | readonly [name: string, type: "message" | "messages", message: Message];

/** Field number -> member. */
export type Message = Readonly<Record<number, Field>>;

const ownerReference: Message = {
  1: ["kind", "string"],
  3: ["name", "string"],
  4: ["uid", "string"],
  5: ["apiVersion", "string"],
  6: ["controller", "bool"],
  7: ["blockOwnerDeletion", "bool"],
};

const metadata: Field = [
  "metadata",
  "message",
  {
    1: ["name", "string"],
    2: ["generateName", "string"],
    3: ["namespace", "string"],
    5: ["uid", "string"],
    6: ["resourceVersion", "string"],
    7: ["generation", "int"],
    8: ["creationTimestamp", "time"],
    9: ["deletionTimestamp", "time"],
    11: ["labels", "textMap"],
    12: ["annotations", "textMap"],
    13: ["ownerReferences", "messages", ownerReference],
    14: ["finalizers", "strings"],
  },
];

const servicePort: Message = {
  1: ["name", "string"],
  2: ["protocol", "string"],
  3: ["port", "int"],
  4: ["targetPort", "intOrString"],
  5: ["nodePort", "int"],
  6: ["appProtocol", "string"],
};

const serviceSpec: Message = {
  1: ["ports", "messages", servicePort],
  2: ["selector", "textMap"],
  3: ["clusterIP", "string"],
  4: ["type", "string"],
  5: ["externalIPs", "strings"],
  7: ["sessionAffinity", "string"],
  8: ["loadBalancerIP", "string"],
  9: ["loadBalancerSourceRanges", "strings"],
  10: ["externalName", "string"],
  11: ["externalTrafficPolicy", "string"],
  12: ["healthCheckNodePort", "int"],
  13: ["publishNotReadyAddresses", "bool"],
  14: ["sessionAffinityConfig", "message", { 1: ["clientIP", "message", { 1: ["timeoutSeconds", "int"] }] }],
  17: ["ipFamilyPolicy", "string"],
  18: ["clusterIPs", "strings"],
  19: ["ipFamilies", "strings"],
  20: ["allocateLoadBalancerNodePorts", "bool"],
  21: ["loadBalancerClass", "string"],
  22: ["internalTrafficPolicy", "string"],
  23: ["trafficDistribution", "string"],
};

const nameOnly: Message = { 1: ["name", "string"] };

const policyRule: Message = {
  1: ["verbs", "strings"],
  2: ["apiGroups", "strings"],
  3: ["resources", "strings"],
  4: ["resourceNames", "strings"],
  5: ["nonResourceURLs", "strings"],
};

const role: Message = { 1: metadata, 2: ["rules", "messages", policyRule] };

const subject: Message = {
  1: ["kind", "string"],
  2: ["apiGroup", "string"],
  3: ["name", "string"],
  4: ["namespace", "string"],
};

const roleRef: Message = { 1: ["apiGroup", "string"], 2: ["kind", "string"], 3: ["name", "string"] };

const binding: Message = { 1: metadata, 2: ["subjects", "messages", subject], 3: ["roleRef", "message", roleRef] };

const resourceAttributes: Message = {
  1: ["namespace", "string"],
  2: ["verb", "string"],
  3: ["group", "string"],
  4: ["version", "string"],
  5: ["resource", "string"],
  6: ["subresource", "string"],
  7: ["name", "string"],
};

const question: Message = {
  1: ["resourceAttributes", "message", resourceAttributes],
  2: ["nonResourceAttributes", "message", { 1: ["path", "string"], 2: ["verb", "string"] }],
};

const boundObject: Message = {
  1: ["kind", "string"],
  2: ["apiVersion", "string"],
  3: ["name", "string"],
  4: ["uid", "string"],
};

const tokenSpec: Message = {
  1: ["audiences", "strings"],
  3: ["boundObjectRef", "message", boundObject],
  4: ["expirationSeconds", "int"],
};

function withSpec(spec: Message): Message {
  return { 1: metadata, 2: ["spec", "message", spec] };
}

const deleteOptions: Message = {
  1: ["gracePeriodSeconds", "int"],
  2: ["preconditions", "message", { 1: ["uid", "string"], 2: ["resourceVersion", "string"] }],
  3: ["orphanDependents", "bool"],
  4: ["propagationPolicy", "string"],
  5: ["dryRun", "strings"],
};

/** The type of an object, as `runtime.Unknown` has it. */
export const typeMeta: Message = { 1: ["apiVersion", "string"], 2: ["kind", "string"] };

/** `apiVersion kind` -> what such an object is made of. */
export const MESSAGES: Readonly<Record<string, Message>> = {
  // Helm deletes with them.
  "v1 DeleteOptions": deleteOptions,
  "meta.k8s.io/v1 DeleteOptions": deleteOptions,
  "v1 Namespace": { 1: metadata, 2: ["spec", "message", { 1: ["finalizers", "strings"] }] },
  "v1 ConfigMap": { 1: metadata, 2: ["data", "textMap"], 3: ["binaryData", "bytesMap"], 4: ["immutable", "bool"] },
  "v1 Secret": {
    1: metadata,
    2: ["data", "bytesMap"],
    3: ["type", "string"],
    4: ["stringData", "textMap"],
    5: ["immutable", "bool"],
  },
  "v1 ServiceAccount": {
    1: metadata,
    3: ["imagePullSecrets", "messages", nameOnly],
    4: ["automountServiceAccountToken", "bool"],
  },
  "v1 Service": { 1: metadata, 2: ["spec", "message", serviceSpec] },
  "rbac.authorization.k8s.io/v1 Role": role,
  "rbac.authorization.k8s.io/v1 ClusterRole": role,
  "rbac.authorization.k8s.io/v1 RoleBinding": binding,
  "rbac.authorization.k8s.io/v1 ClusterRoleBinding": binding,
  "authentication.k8s.io/v1 TokenRequest": withSpec(tokenSpec),
  "authentication.k8s.io/v1 TokenReview": withSpec({ 1: ["token", "string"], 2: ["audiences", "strings"] }),
  "authentication.k8s.io/v1 SelfSubjectReview": { 1: metadata },
  "authorization.k8s.io/v1 SelfSubjectAccessReview": withSpec(question),
  "authorization.k8s.io/v1 SubjectAccessReview": withSpec({
    ...question,
    3: ["user", "string"],
    4: ["groups", "strings"],
  }),
  "authorization.k8s.io/v1 SelfSubjectRulesReview": withSpec({ 1: ["namespace", "string"] }),
};
