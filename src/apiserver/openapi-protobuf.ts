import { stringify } from "yaml";
import { asObject, asString, asStrings, isObject, type JsonObject } from "./json.ts";

/** Protocol buffers' wire types 0 (varint) and 2 (length-delimited), which are all that this document needs. */
function varint(n: number): Buffer {
  const bytes: number[] = [];
  let rest = n;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}

function field(number: number, payload: Buffer | string | undefined): Buffer {
  if (payload === undefined) return Buffer.alloc(0);
  const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** `message Any { google.protobuf.Any value = 1; string yaml = 2; }` */
function anyYaml(value: unknown): Buffer {
  return field(2, stringify(value));
}

/** `message NamedX { string name = 1; X value = 2; }` */
function named(name: string, value: Buffer): Buffer {
  return Buffer.concat([field(1, name), field(2, value)]);
}

function extensions(number: number, from: JsonObject): readonly Buffer[] {
  const own = Object.entries(from).filter(([name]) => name.startsWith("x-"));
  return own.map(([name, value]) => field(number, named(name, anyYaml(value))));
}

function properties(value: unknown): Buffer | undefined {
  if (!isObject(value)) return undefined;
  return Buffer.concat(Object.entries(value).map(([name, schema]) => field(1, named(name, schemaMessage(schema)))));
}

/** Field numbers of gnostic's `openapi.v2.Schema`. */
function schemaMessage(value: unknown): Buffer {
  const schema = asObject(value);
  const type = asString(schema["type"]);
  const { additionalProperties, items } = schema;
  return Buffer.concat([
    field(2, asString(schema["format"])),
    field(4, asString(schema["description"])),
    ...asStrings(schema["required"]).map((name) => field(19, name)),
    field(21, isObject(additionalProperties) ? field(1, schemaMessage(additionalProperties)) : undefined),
    field(22, type === undefined ? undefined : field(1, type)),
    field(23, isObject(items) ? field(1, schemaMessage(items)) : undefined),
    field(25, properties(schema["properties"])),
    ...extensions(31, schema),
  ]);
}

/** Field numbers of gnostic's `openapi.v2.Operation`. */
function operation(value: unknown): Buffer | undefined {
  if (!isObject(value)) return undefined;
  const parameters = Array.isArray(value["parameters"]) ? value["parameters"] : [];
  return Buffer.concat([...parameters.map((p: unknown) => field(8, parameter(asObject(p)))), ...extensions(13, value)]);
}

/** `ParametersItem.parameter > Parameter.non_body_parameter > query_parameter_sub_schema`. */
function parameter(value: JsonObject): Buffer {
  const query = Buffer.concat([
    field(2, asString(value["in"])),
    field(4, asString(value["name"])),
    field(6, asString(value["type"])),
  ]);
  return field(1, field(2, field(3, query)));
}

const METHODS: readonly (readonly [string, number])[] = [
  ["get", 2],
  ["put", 3],
  ["post", 4],
  ["delete", 5],
  ["patch", 8],
];

function pathItem(value: unknown): Buffer {
  const item = asObject(value);
  return Buffer.concat(METHODS.map(([method, number]) => field(number, operation(item[method]))));
}

/** The OpenAPI v2 document as gnostic's protocol buffer: the only form in which kubectl asks for it. */
export function encodeOpenApiV2(document: JsonObject): Buffer {
  const info = asObject(document["info"]);
  const paths = Object.entries(asObject(document["paths"])).map(([name, item]) =>
    field(2, named(name, pathItem(item))),
  );
  const definitions = Object.entries(asObject(document["definitions"])).map(([name, schema]) =>
    field(1, named(name, schemaMessage(schema))),
  );
  return Buffer.concat([
    field(1, asString(document["swagger"])),
    field(2, Buffer.concat([field(1, asString(info["title"])), field(2, asString(info["version"]))])),
    field(8, Buffer.concat(paths)),
    field(9, Buffer.concat(definitions)),
  ]);
}
