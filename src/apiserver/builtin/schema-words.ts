import type { Schema } from "../schema/schema.ts";

/** A short way to write down the schemas of the built-in kinds. */
type Members = Readonly<Record<string, Schema>>;

export const text: Schema = { type: "string" };
export const flag: Schema = { type: "boolean" };
export const int32: Schema = { type: "integer", format: "int32" };
export const int64: Schema = { type: "integer", format: "int64" };
export const time: Schema = { type: "string", format: "date-time" };
export const intOrText: Schema = { "x-kubernetes-int-or-string": true };
/** Anything: kept as it came. */
export const free: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

export function oneOf(...values: readonly string[]): Schema {
  return { type: "string", enum: values };
}

export function withDefault(schema: Schema, value: unknown): Schema {
  return { ...schema, default: value };
}

/** An object with these members; a name that ends in `!` is required. */
export function object(members: Members): Schema {
  const names = Object.keys(members);
  const required = names.filter((name) => name.endsWith("!")).map((name) => name.slice(0, -1));
  const properties = Object.fromEntries(
    Object.entries(members).map(([name, schema]) => [name.replace(/!$/, ""), schema]),
  );
  return { type: "object", properties, ...(required.length === 0 ? {} : { required }) };
}

export function mapOf(values: Schema): Schema {
  return { type: "object", additionalProperties: values };
}

/** A list that is one value: it is replaced, never merged. */
export function listOf(items: Schema): Schema {
  return { type: "array", items, "x-kubernetes-list-type": "atomic" };
}

/** A list of texts that merges as a set. */
export const textSet: Schema = {
  type: "array",
  items: text,
  "x-kubernetes-list-type": "set",
  "x-kubernetes-patch-strategy": "merge",
};

/** A list whose entries are told apart by `keys`; the first one is also the key of strategic merge patches. */
export function keyedList(items: Schema, ...keys: readonly string[]): Schema {
  const [mergeKey = ""] = keys;
  const list: Schema = { type: "array", items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys };
  return { ...list, "x-kubernetes-patch-merge-key": mergeKey, "x-kubernetes-patch-strategy": "merge" };
}

const owner = object({
  "apiVersion!": text,
  "kind!": text,
  "name!": text,
  "uid!": text,
  controller: flag,
  blockOwnerDeletion: flag,
});

/** `metadata` of every kind. */
export const metadata: Schema = {
  ...object({
    name: text,
    generateName: text,
    namespace: text,
    selfLink: text,
    uid: text,
    resourceVersion: text,
    generation: int64,
    creationTimestamp: { ...time, nullable: true },
    deletionTimestamp: { ...time, nullable: true },
    deletionGracePeriodSeconds: int64,
    labels: mapOf(text),
    annotations: mapOf(text),
    ownerReferences: keyedList(owner, "uid"),
    finalizers: textSet,
    managedFields: listOf(free),
  }),
  description: "Standard object's metadata.",
};

/** A kind: type, metadata, and what else it has. */
export function kind(description: string, members: Members): Schema {
  const schema = object({ apiVersion: text, kind: text, metadata, ...members });
  return { ...schema, description };
}

/** `status.conditions` of the older kinds. */
export const conditions: Schema = keyedList({ ...free, properties: { type: text }, required: ["type"] }, "type");

/** `status.conditions` as `metav1.Condition`. */
export const standardConditions: Schema = keyedList(
  object({
    "type!": text,
    "status!": oneOf("True", "False", "Unknown"),
    observedGeneration: int64,
    "lastTransitionTime!": time,
    "reason!": text,
    "message!": text,
  }),
  "type",
);

/** A reference to another object, as Events and EndpointSlices have it. */
export const objectReference: Schema = {
  ...object({
    apiVersion: text,
    kind: text,
    namespace: text,
    name: text,
    uid: text,
    resourceVersion: text,
    fieldPath: text,
  }),
  "x-kubernetes-map-type": "atomic",
};
