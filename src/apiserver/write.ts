import { asObject, isObject, type JsonObject, jsonEqual, withMember } from "./json.ts";
import { type KubeObject, parseObject, withMeta } from "./object.ts";
import { recordUpdate } from "./patch/managed-fields.ts";
import type { Spoken } from "./registry.ts";
import { applyDefaults, prune } from "./schema/structure.ts";
import { ApiError, badRequest, type Cause, conflict, invalid, invalidField, requiredField } from "./status.ts";

/** What a client says about how its write is to be taken. */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: "Strict" | "Warn" | "Ignore";
  readonly force: boolean;
  /** Collects what the client should be warned of. */
  readonly warnings: string[];
  /** The object comes from a backup: it is the one that it was, not a new one of that name. */
  readonly restored?: boolean;
}

/** Where a request points. */
export interface Target extends Spoken {
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

/**
 * Reads a body in the request's version: right kind, right place, unknown fields out, defaults in. Members that are the
 * very ones of `before` have been through all that already.
 */
export function decode(body: unknown, target: Target, options: WriteOptions, before?: KubeObject): KubeObject {
  const object = parseObject(body);
  const { type, version } = target;
  if (object.apiVersion !== version.apiVersion || object.kind !== type.kind) {
    const got = `${object.apiVersion}, Kind=${object.kind}`;
    throw badRequest(`the object provided is unrecognized (must be of type ${type.kind}): got ${got}`);
  }
  const members = Object.entries(object);
  const known = Object.fromEntries(members.filter(([name, value]) => isObject(value) && value === before?.[name]));
  const fresh = Object.fromEntries(members.filter(([name]) => !Object.hasOwn(known, name)));
  const unknown: string[] = [];
  const pruned = prune(fresh, version.schema, { unknown, path: "" });
  report(unknown, options);
  const defaulted = asObject(applyDefaults(pruned, version.schema));
  return place(parseObject({ ...defaulted, ...known }), target);
}

/** Refuses or warns of unknown fields, as the client asked. */
export function report(unknown: readonly string[], options: WriteOptions): void {
  if (unknown.length === 0 || options.fieldValidation === "Ignore") return;
  const problems = unknown.map((path) => `unknown field "${path}"`);
  if (options.fieldValidation === "Strict") throw badRequest(`strict decoding error: ${problems.join(", ")}`);
  options.warnings.push(...problems);
}

/** The URL decides the namespace, and the name where it has one. */
function place(object: KubeObject, target: Target): KubeObject {
  const { namespace, name } = object.metadata;
  if (target.name !== "" && name !== "" && name !== target.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  }
  if (target.type.namespaced && namespace !== undefined && namespace !== "" && namespace !== target.namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  return withMeta(object, {
    name: name === "" ? target.name : name,
    namespace: target.type.namespaced ? target.namespace : undefined,
  });
}

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NO_PATH_NAME = /^\.{1,2}$|[/%]/;
const PATH_NAME_RULE = "may not be '.' or '..', and may not contain '/' or '%'";
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const NAME_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an " +
  "alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
  "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

function checkName(name: string, pathNames: boolean): readonly Cause[] {
  if (name === "") return [requiredField("metadata.name", "name or generateName is required")];
  if (pathNames) return NO_PATH_NAME.test(name) ? [invalidField("metadata.name", name, PATH_NAME_RULE)] : [];
  return name.length > 253 || !SUBDOMAIN.test(name) ? [invalidField("metadata.name", name, NAME_RULE)] : [];
}

function checkMeta(object: KubeObject, pathNames: boolean): readonly Cause[] {
  const { name, labels } = object.metadata;
  const causes = [...checkName(name, pathNames)];
  for (const value of Object.values(labels ?? {})) {
    if (value.length > 63 || !LABEL_VALUE.test(value)) causes.push(invalidField("metadata.labels", value, LABEL_RULE));
  }
  return causes;
}

/** @throws ApiError 422 listing every field that is wrong. */
export function validate(next: KubeObject, before: KubeObject | undefined, { type, version }: Spoken): void {
  const shape = version.validate(next);
  const causes = [...checkMeta(next, type.pathNames), ...shape, ...(type.strategy.check?.(next, before) ?? [])];
  // Rules assume the shape that the schema promises.
  if (shape.length === 0) causes.push(...(version.rules?.check(next, before) ?? []));
  if (causes.length > 0) throw invalid(type, next.metadata.name, causes);
}

/** @throws ApiError 409 when the writer has seen another version or another object of that name. */
export function checkPreconditions(before: KubeObject, incoming: KubeObject, { type }: Spoken): void {
  const { uid, resourceVersion, name } = incoming.metadata;
  const real = before.metadata;
  if (uid !== undefined && uid !== "" && uid !== real.uid) {
    throw conflict(type, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${real.uid}`);
  }
  if (resourceVersion === undefined || resourceVersion === "" || resourceVersion === "0") return;
  if (resourceVersion !== real.resourceVersion) throw conflict(type, name);
}

/** Replaces without having looked are refused for kinds where that would lose another's write. */
export function requireVersion(incoming: KubeObject, { type }: Spoken): void {
  const version = incoming.metadata.resourceVersion ?? "";
  if (type.unconditionalUpdate || version !== "") return;
  const cause = invalidField("metadata.resourceVersion", 0, "must be specified for an update");
  throw invalid(type, incoming.metadata.name, [cause]);
}

/** What a write may change, per subresource: the other half and the server's own metadata stay as they were. */
export function carryOver(before: KubeObject, incoming: KubeObject, target: Target): KubeObject {
  const kept = before.metadata;
  const metadata = {
    ...incoming.metadata,
    ...pick(kept, [
      "uid",
      "creationTimestamp",
      "resourceVersion",
      "generation",
      "deletionTimestamp",
      "deletionGracePeriodSeconds",
    ]),
  };
  const next = withMeta({ ...incoming, metadata }, { generateName: kept.generateName });
  if (target.subresource === "status") {
    // A custom resource's status write leaves all metadata alone, a built-in kind's takes labels and annotations.
    const meta = target.type.custom ? { ...kept, managedFields: incoming.metadata.managedFields ?? [] } : next.metadata;
    return parseObject(withMember({ ...before, metadata: meta }, "status", incoming["status"]));
  }
  return target.type.statusSubresource ? parseObject(withMember(next, "status", before["status"])) : next;
}

function pick(from: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, from[name]]));
}

const NOT_SPEC = ["apiVersion", "kind", "metadata"];

/** Whether the part of the object that `metadata.generation` counts has changed. */
export function specChanged(before: KubeObject, next: KubeObject, target: Spoken): boolean {
  const ignored = target.type.statusSubresource ? [...NOT_SPEC, "status"] : NOT_SPEC;
  const names = new Set([...Object.keys(before), ...Object.keys(next)]);
  return [...names].some((name) => !ignored.includes(name) && !jsonEqual(before[name], next[name]));
}

/** Keeps the books of who set what, unless the writer sent other books on purpose. */
export function withManagers(
  before: KubeObject | undefined,
  next: KubeObject,
  by: { target: Target; options: WriteOptions; time: string },
): KubeObject {
  const { target, options, time } = by;
  const given = next.metadata.managedFields;
  const replaced =
    given !== undefined && before !== undefined && !jsonEqual(given, before.metadata.managedFields ?? []);
  const basis = replaced
    ? withMeta(before, { managedFields: given.filter((row) => isObject(asObject(row)["fieldsV1"])) })
    : before;
  const { apiVersion } = target.version;
  const writer = { manager: options.fieldManager, apiVersion, subresource: target.subresource, time };
  const managedFields = recordUpdate(basis, next, { writer, schema: target.version.schema });
  return withMeta(next, { managedFields: managedFields.length === 0 ? undefined : managedFields });
}

/** The body cannot be what the content type says. */
export function unsupportedMediaType(type: string): ApiError {
  return new ApiError(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${type}`,
  );
}
