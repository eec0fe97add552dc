import { ageOf } from "./age.ts";
import { ageColumn, nameColumn } from "./builtin/columns.ts";
import { metadata } from "./builtin/schema-words.ts";
import { asArray, asObject, asString, asStrings, isObject, type JsonObject } from "./json.ts";
import { compileJsonPath } from "./json-path.ts";
import { type KubeObject, parseObject } from "./object.ts";
import type { Column, Convert, ResourceType, ResourceVersion, Strategy } from "./resource.ts";
import { brokenRules, RuleBook } from "./schema/cel.ts";
import { isSchema, type Schema } from "./schema/schema.ts";
import { compileValidator } from "./schema/validation.ts";
import { type Cause, forbiddenField, invalidField, requiredField } from "./status.ts";

/** Translates between versions of custom kinds; what it does not know it hands back with the apiVersion changed. */
export type CustomConvert = (object: KubeObject, toApiVersion: string) => KubeObject | undefined;

function cellOf(path: string, type: string): Column["cell"] {
  const find = compileJsonPath(path);
  return (object, now) => {
    const found = find(object);
    if (found.length === 0) return undefined;
    const [first] = found;
    if (type === "date") return ageOf(first, now);
    if (type === "string") return found.length > 1 ? found.map(show).join(",") : show(first);
    return first;
  };
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function columnOf(value: unknown): Column {
  const row = asObject(value);
  const type = asString(row["type"]) ?? "string";
  return {
    name: asString(row["name"]) ?? "",
    type,
    format: asString(row["format"]) ?? "",
    description: asString(row["description"]) ?? "",
    priority: Number(row["priority"] ?? 0),
    cell: cellOf(asString(row["jsonPath"]) ?? "", type),
  };
}

/** A CRD without columns of its own shows name and age. */
function columnsOf(version: JsonObject): readonly Column[] {
  const own = asArray(version["additionalPrinterColumns"]).map(columnOf);
  return own.length === 0 ? [nameColumn, ageColumn] : [nameColumn, ...own];
}

const text: Schema = { type: "string" };

/** The declared schema with the members that every object has, whatever the CRD says of them. */
function schemaOf(version: JsonObject): Schema {
  const declared = asObject(version["schema"])["openAPIV3Schema"];
  const schema: Schema = isSchema(declared)
    ? declared
    : { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return { ...schema, properties: { ...schema.properties, apiVersion: text, kind: text, metadata } };
}

function hasRules(schema: Schema): boolean {
  return JSON.stringify(schema).includes('"x-kubernetes-validations"');
}

function versionOf(group: string, kind: string, value: JsonObject): ResourceVersion {
  const name = asString(value["name"]) ?? "";
  const schema = schemaOf(value);
  const apiVersion = `${group}/${name}`;
  const deprecated = value["deprecated"] === true;
  return {
    group,
    name,
    apiVersion,
    schema,
    validate: compileValidator(schema),
    rules: hasRules(schema) ? new RuleBook(schema) : undefined,
    columns: columnsOf(value),
    deprecation: deprecated
      ? (asString(value["deprecationWarning"]) ?? `${apiVersion} ${kind} is deprecated`)
      : undefined,
  };
}

/** The kind a CustomResourceDefinition defines; undefined when it stores no version. */
export function customType(definition: KubeObject, convert: CustomConvert | undefined): ResourceType | undefined {
  const spec = asObject(definition["spec"]);
  const names = asObject(spec["names"]);
  const group = asString(spec["group"]) ?? "";
  const kind = asString(names["kind"]) ?? "";
  const rows = asArray(spec["versions"]).filter(isObject);
  const versions = rows.map((row) => versionOf(group, kind, row));
  const storage = versions[rows.findIndex((row) => row["storage"] === true)];
  if (storage === undefined) return undefined;
  const subresources = asObject(asObject(rows[versions.indexOf(storage)])["subresources"]);
  return {
    group,
    plural: asString(names["plural"]) ?? "",
    singular: asString(names["singular"]) ?? kind.toLowerCase(),
    kind,
    listKind: asString(names["listKind"]) ?? `${kind}List`,
    shortNames: asStrings(names["shortNames"]),
    categories: asStrings(names["categories"]),
    namespaced: spec["scope"] === "Namespaced",
    versions: versions.filter((_, i) => rows[i]?.["served"] === true),
    storage,
    statusSubresource: subresources["status"] !== undefined,
    custom: true,
    counted: true,
    unconditionalUpdate: false,
    pathNames: false,
    answer: undefined,
    selectable: selectableOf(rows),
    strategy: {},
    convert: conversion(convert),
  };
}

function selectableOf(versions: readonly JsonObject[]): readonly string[] {
  const fields = versions.flatMap((version) => asArray(version["selectableFields"]));
  return fields.map((field) => (asString(asObject(field)["jsonPath"]) ?? "").replace(/^\./, ""));
}

function conversion(custom: CustomConvert | undefined): Convert {
  return (object, apiVersion) => {
    if (object.apiVersion === apiVersion) return object;
    return custom?.(object, apiVersion) ?? { ...object, apiVersion };
  };
}

const ESTABLISHED = [
  { type: "NamesAccepted", reason: "NoConflicts", message: "no conflicts found" },
  { type: "Established", reason: "InitialNamesAccepted", message: "the initial names have been accepted" },
];

/** Fills in a CRD's names and marks it established at once: there is nobody to wait for. */
function prepare(next: KubeObject, before: KubeObject | undefined): KubeObject {
  const spec = asObject(next["spec"]);
  const names = asObject(spec["names"]);
  const kind = asString(names["kind"]) ?? "";
  const filled = {
    ...names,
    singular: names["singular"] ?? kind.toLowerCase(),
    listKind: names["listKind"] ?? `${kind}List`,
  };
  const ready = { ...next, spec: { ...spec, names: filled, conversion: spec["conversion"] ?? { strategy: "None" } } };
  if (before !== undefined) return parseObject(ready);
  const lastTransitionTime = next.metadata.creationTimestamp;
  const conditions = ESTABLISHED.map((condition) => ({ ...condition, lastTransitionTime, status: "True" }));
  const versions = asArray(spec["versions"]).map(asObject);
  const storedVersions = versions.filter((version) => version["storage"] === true).map((version) => version["name"]);
  return parseObject({ ...ready, status: { acceptedNames: filled, conditions, storedVersions } });
}

function check(next: KubeObject): readonly Cause[] {
  const spec = asObject(next["spec"]);
  const names = asObject(spec["names"]);
  const causes: Cause[] = [];
  for (const name of ["group", "scope"])
    if (asString(spec[name]) === undefined) causes.push(requiredField(`spec.${name}`));
  for (const name of ["plural", "kind"])
    if (asString(names[name]) === undefined) causes.push(requiredField(`spec.names.${name}`));
  if (causes.length === 0) {
    const wanted = `${String(names["plural"])}.${String(spec["group"])}`;
    const { name } = next.metadata;
    if (name !== wanted) causes.push(invalidField("metadata.name", name, `must be spec.names.plural+"."+spec.group`));
  }
  const versions = asArray(spec["versions"]).map(asObject);
  if (versions.filter((version) => version["storage"] === true).length !== 1) {
    causes.push(
      invalidField("spec.versions", versions.length, "must have exactly one version marked as storage version"),
    );
  }
  return [
    ...causes,
    ...checkConversion(asObject(spec["conversion"])),
    ...versions.flatMap((version, i) => checkSchema(version, `spec.versions[${i}].schema.openAPIV3Schema`)),
  ];
}

/** As the real one refuses it: a webhook is named when it is asked, and only then. A caBundle is not needed. */
function checkConversion(conversion: JsonObject): readonly Cause[] {
  const field = "spec.conversion.webhookClientConfig";
  const webhook = asObject(conversion["webhook"]);
  const client = webhook["clientConfig"];
  if (conversion["strategy"] !== "Webhook") {
    if (client === undefined) return [];
    return [forbiddenField(field, "should not be set when strategy is not set to Webhook")];
  }
  const allowed = "required when strategy is set to Webhook, but not allowed if strategy is not set to Webhook";
  if (!isObject(client)) return [requiredField(field, allowed)];
  const { url, service } = client;
  if ((url === undefined) === (service === undefined))
    return [requiredField(field, "exactly one of url or service is required")];
  const { name, namespace } = asObject(service);
  const missing = Object.entries(service === undefined ? {} : { name, namespace }).filter(
    ([, value]) => !asString(value),
  );
  const versions = asStrings(webhook["conversionReviewVersions"]);
  return [
    ...missing.map(([part]) => requiredField(`${field}.service.${part}`, `service ${part} is required`)),
    ...(versions.length > 0 ? [] : [requiredField("spec.conversion.conversionReviewVersions")]),
  ];
}

function checkSchema(version: JsonObject, field: string): readonly Cause[] {
  const schema = asObject(version["schema"])["openAPIV3Schema"];
  if (!isSchema(schema)) return [requiredField(field, "schemas are required")];
  return brokenRules(schema).map(({ rule, why }) =>
    invalidField(`${field}.x-kubernetes-validations.rule`, rule, `compilation failed: ${why}`),
  );
}

/** How CustomResourceDefinition objects themselves are written. */
export const definitionStrategy: Strategy = { prepare, check };
