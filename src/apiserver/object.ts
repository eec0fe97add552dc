import { isObject, type JsonObject } from "./json.ts";
import { badRequest } from "./status.ts";

/** The metadata the server itself reads and writes; everything else is carried along. */
export interface ObjectMeta extends JsonObject {
  name: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  finalizers?: readonly string[];
  labels?: Readonly<Record<string, string>>;
  annotations?: Readonly<Record<string, string>>;
  ownerReferences?: readonly OwnerReference[];
  managedFields?: readonly unknown[];
}

interface OwnerReference extends JsonObject {
  uid: string;
  kind: string;
  name: string;
}

/** Any Kubernetes object. Stored ones are never changed in place: every write makes a new value. */
export interface KubeObject extends JsonObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

const STRING_MAPS = ["labels", "annotations"];
const STRINGS = [
  "name",
  "namespace",
  "generateName",
  "uid",
  "resourceVersion",
  "creationTimestamp",
  "deletionTimestamp",
];

function isStringMap(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((entry) => typeof entry === "string");
}

function isOwner(value: unknown): boolean {
  return isObject(value) && ["uid", "kind", "name"].every((name) => typeof value[name] === "string");
}

function checkMember(name: string, value: unknown): boolean {
  if (value === undefined) return true;
  if (STRINGS.includes(name)) return typeof value === "string";
  if (STRING_MAPS.includes(name)) return isStringMap(value);
  if (name === "finalizers") return Array.isArray(value) && value.every((entry) => typeof entry === "string");
  if (name === "ownerReferences") return Array.isArray(value) && value.every(isOwner);
  if (name === "managedFields") return Array.isArray(value);
  if (name === "generation") return typeof value === "number";
  return true;
}

function isObjectMeta(value: unknown): value is ObjectMeta {
  return isObject(value) && typeof value["name"] === "string";
}

/** Go drops nulls, and so do we; `name` may be missing until a name is generated. */
function parseMeta(value: unknown): ObjectMeta {
  if (value !== undefined && value !== null && !isObject(value)) throw badRequest("metadata must be an object");
  const meta: JsonObject = { name: "" };
  for (const [name, member] of Object.entries(value ?? {})) if (member !== null) meta[name] = member;
  for (const [name, member] of Object.entries(meta)) {
    if (!checkMember(name, member)) throw badRequest(`metadata.${name} has the wrong type`);
  }
  if (!isObjectMeta(meta)) throw badRequest("metadata.name must be a string");
  return meta;
}

/**
 * Reads a request body as an object.
 * @throws ApiError 400 when it has no kind, or metadata of the wrong shape.
 */
export function parseObject(value: unknown): KubeObject {
  if (!isObject(value)) throw badRequest("the body is not an object");
  const { apiVersion, kind, metadata } = value;
  if (typeof kind !== "string" || kind === "") throw badRequest("Object 'Kind' is missing");
  if (typeof apiVersion !== "string" || apiVersion === "") throw badRequest("Object 'apiVersion' is missing");
  return { ...value, apiVersion, kind, metadata: parseMeta(metadata) };
}

/** The same object with some metadata replaced; undefined removes a member. */
export function withMeta(
  object: KubeObject,
  changes: { readonly [K in keyof ObjectMeta]?: ObjectMeta[K] | undefined },
): KubeObject {
  const metadata: ObjectMeta = { ...object.metadata };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete metadata[name];
    else metadata[name] = value;
  }
  return { ...object, metadata };
}
