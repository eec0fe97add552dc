import { isObject, type JsonObject } from "../json.ts";

/** One `x-kubernetes-validations` entry. */
export interface Rule extends JsonObject {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

/** A structural OpenAPI v3 schema with the Kubernetes extensions this server reads; other keywords are carried to the validator. */
export interface Schema extends JsonObject {
  type?: string;
  format?: string;
  description?: string;
  nullable?: boolean;
  default?: unknown;
  properties?: Readonly<Record<string, Schema>>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  required?: readonly string[];
  enum?: readonly unknown[];
  "x-kubernetes-preserve-unknown-fields"?: boolean;
  "x-kubernetes-embedded-resource"?: boolean;
  "x-kubernetes-int-or-string"?: boolean;
  "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  "x-kubernetes-list-map-keys"?: readonly string[];
  "x-kubernetes-map-type"?: "atomic" | "granular";
  /** Only built-in kinds: how a strategic merge patch finds an entry of this list. */
  "x-kubernetes-patch-merge-key"?: string;
  "x-kubernetes-validations"?: readonly Rule[];
}

const CHILD_MAPS = ["properties"];
const CHILDREN = ["items", "not"];
const CHILD_LISTS = ["anyOf", "oneOf", "allOf"];

/** True when every branch that must be a schema is an object; the CRD's own validation says the rest. */
export function isSchema(value: unknown): value is Schema {
  if (!isObject(value)) return false;
  const maps = CHILD_MAPS.every((name) => {
    const map = value[name];
    return map === undefined || (isObject(map) && Object.values(map).every(isSchema));
  });
  const one = CHILDREN.every((name) => value[name] === undefined || isSchema(value[name]));
  const lists = CHILD_LISTS.every((name) => {
    const list = value[name];
    return list === undefined || (Array.isArray(list) && list.every(isSchema));
  });
  const extra = value["additionalProperties"];
  return maps && one && lists && (extra === undefined || typeof extra === "boolean" || isSchema(extra));
}

/** The schema of a member, or of a map's values; undefined where nothing is said. */
export function memberSchema(schema: Schema | undefined, name: string): Schema | undefined {
  if (schema === undefined) return undefined;
  const own =
    schema.properties !== undefined && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
  if (own !== undefined) return own;
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}
