import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { isObject, type JsonObject } from "../json.ts";
import { type Cause, invalidField, requiredField, unsupportedField } from "../status.ts";
import type { Schema } from "./schema.ts";

/** Checks a whole object and names every field that breaks its schema. */
export type Validator = (value: unknown) => readonly Cause[];

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const DURATION = /^-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function newAjv(): Ajv {
  const ajv = new Ajv({ allErrors: true, strict: false, verbose: true, validateSchema: false, unicodeRegExp: false });
  const within = (low: number, high: number) => (value: number) =>
    // A fraction is the wrong type, and refused as such.
    !Number.isInteger(value) || (value >= low && value <= high);
  ajv.addFormat("int32", { type: "number", validate: within(-(2 ** 31), 2 ** 31 - 1) });
  ajv.addFormat("int64", { type: "number", validate: within(-(2 ** 63), 2 ** 63) });
  ajv.addFormat("float", { type: "number", validate: () => true });
  ajv.addFormat("double", { type: "number", validate: () => true });
  ajv.addFormat("date-time", RFC3339);
  ajv.addFormat("duration", DURATION);
  ajv.addFormat("byte", BASE64);
  return ajv;
}

const PLAIN = ["pattern", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"];
const ALSO = ["multipleOf", "enum", "required", "format", "uniqueItems"];
const COMBINERS = ["anyOf", "oneOf", "allOf"];

/** OpenAPI v3.0 says `exclusiveMinimum: true` beside `minimum`; JSON Schema says `exclusiveMinimum: n`. */
function bounds(schema: Schema): JsonObject {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  return {
    ...(minimum === undefined ? {} : { [exclusiveMinimum === true ? "exclusiveMinimum" : "minimum"]: minimum }),
    ...(maximum === undefined ? {} : { [exclusiveMaximum === true ? "exclusiveMaximum" : "maximum"]: maximum }),
  };
}

function typeOf(schema: Schema): JsonObject {
  const base = schema["x-kubernetes-int-or-string"] === true ? ["integer", "string"] : schema.type;
  if (base === undefined || base === "") return {};
  const types = Array.isArray(base) ? base : [base];
  return { type: schema.nullable === true ? [...types, "null"] : types };
}

function isSchemaLike(value: unknown): value is Schema {
  return isObject(value);
}

function children(schema: Schema): JsonObject {
  const result: JsonObject = {};
  if (schema.properties !== undefined) {
    result["properties"] = Object.fromEntries(Object.entries(schema.properties).map(([k, v]) => [k, toJsonSchema(v)]));
  }
  if (isSchemaLike(schema.additionalProperties))
    result["additionalProperties"] = toJsonSchema(schema.additionalProperties);
  if (schema.items !== undefined) result["items"] = toJsonSchema(schema.items);
  if (isSchemaLike(schema["not"])) result["not"] = toJsonSchema(schema["not"]);
  for (const name of COMBINERS) {
    const list = schema[name];
    if (Array.isArray(list)) result[name] = list.filter(isSchemaLike).map(toJsonSchema);
  }
  return result;
}

function toJsonSchema(schema: Schema): JsonObject {
  const result: JsonObject = { ...typeOf(schema), ...bounds(schema), ...children(schema) };
  for (const name of [...PLAIN, ...ALSO]) if (schema[name] !== undefined) result[name] = schema[name];
  if (schema.nullable === true && schema.enum !== undefined) result["enum"] = [...schema.enum, null];
  return result;
}

/** `/spec/addresses/0/x~1y` as `spec.addresses[0].x/y`. */
function fieldPath(pointer: string): string {
  const names = pointer
    .split("/")
    .slice(1)
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  return names.reduce(
    (path, name) => (/^\d+$/.test(name) ? `${path}[${name}]` : path === "" ? name : `${path}.${name}`),
    "",
  );
}

function goType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

type Describe = (error: ErrorObject, field: string) => Cause;

const inBody =
  (text: (params: JsonObject) => string): Describe =>
  (error, field) =>
    invalidField(field, error.data, `${field} in body ${text(error.params)}`);

/** How the real server words each broken keyword. */
const DESCRIBE: Readonly<Record<string, Describe>> = {
  required: (error, field) => {
    const name = String(error.params["missingProperty"]);
    return requiredField(field === "" ? name : `${field}.${name}`);
  },
  enum: (error, field) => {
    const allowed: unknown = error.params["allowedValues"];
    return unsupportedField(field, error.data, Array.isArray(allowed) ? allowed : []);
  },
  type: (error, field) => {
    const wanted = String(error.params["type"]).split(",")[0] ?? "";
    const got = goType(error.data);
    const detail = `${field} in body must be of type ${wanted}: "${got}"`;
    return { reason: "FieldValueTypeInvalid", field, message: `Invalid value: "${got}": ${detail}` };
  },
  maxLength: (error, field) => ({
    reason: "FieldValueTooLong",
    field,
    message: `Too long: may not be more than ${String(error.params["limit"])} bytes`,
  }),
  maxItems: (error, field) => tooMany(error, field, "items"),
  maxProperties: (error, field) => tooMany(error, field, "properties"),
  minItems: inBody((p) => `should have at least ${String(p["limit"])} items`),
  minProperties: inBody((p) => `should have at least ${String(p["limit"])} properties`),
  minLength: inBody((p) => `should be at least ${String(p["limit"])} chars long`),
  pattern: inBody((p) => `should match '${String(p["pattern"])}'`),
  minimum: inBody((p) => `should be greater than or equal to ${String(p["limit"])}`),
  maximum: inBody((p) => `should be less than or equal to ${String(p["limit"])}`),
  exclusiveMinimum: inBody((p) => `should be greater than ${String(p["limit"])}`),
  exclusiveMaximum: inBody((p) => `should be less than ${String(p["limit"])}`),
  multipleOf: inBody((p) => `should be a multiple of ${String(p["multipleOf"])}`),
  format: (error, field) =>
    invalidField(
      field,
      error.data,
      `${field} in body must be of type ${String(error.params["format"])}: ${JSON.stringify(error.data)}`,
    ),
};

function tooMany(error: ErrorObject, field: string, noun: string): Cause {
  const size = Array.isArray(error.data) ? error.data.length : Object.keys(Object(error.data)).length;
  return {
    reason: "FieldValueTooMany",
    field,
    message: `Too many: ${size}: must have at most ${String(error.params["limit"])} ${noun}`,
  };
}

function describe(error: ErrorObject): Cause {
  const field = fieldPath(error.instancePath);
  const known = DESCRIBE[error.keyword];
  if (known !== undefined) return known(error, field);
  return invalidField(field, error.data, `${field} in body must validate the schema (${error.keyword})`);
}

/** Compiles on first use: most kinds of a server are never written to. */
export function compileValidator(schema: Schema): Validator {
  let check: ValidateFunction | undefined;
  return (value) => {
    check ??= newAjv().compile(toJsonSchema(schema));
    if (check(value)) return [];
    return (check.errors ?? []).map(describe);
  };
}
