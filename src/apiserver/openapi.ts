import { isObject, type JsonObject } from "./json.ts";
import type { Registry } from "./registry.ts";
import type { ResourceType, ResourceVersion } from "./resource.ts";
import type { Schema } from "./schema/schema.ts";

interface Served {
  readonly type: ResourceType;
  readonly version: ResourceVersion;
}

function served(registry: Registry): readonly Served[] {
  return registry.types().flatMap((type) => type.versions.map((version) => ({ type, version })));
}

/** The name a kind's schema has in both documents, after the API's own fashion of reversed domains. */
function modelName({ type, version }: Served): string {
  if (version.group === "") return `io.k8s.api.core.${version.name}.${type.kind}`;
  return `${version.group.split(".").reverse().join(".")}.${version.name}.${type.kind}`;
}

function groupVersionKind({ type, version }: Served): object {
  return { group: version.group, version: version.name, kind: type.kind };
}

const QUERY = ["dryRun", "fieldManager", "fieldValidation", "pretty"];

const queryParameters = QUERY.map((name) => ({ name, in: "query", schema: { type: "string", uniqueItems: true } }));
const swaggerParameters = QUERY.map((name) => ({ name, in: "query", type: "string", uniqueItems: true }));

function basePath({ type, version }: Served): string {
  const root = version.group === "" ? `/api/${version.name}` : `/apis/${version.apiVersion}`;
  return `${root}${type.namespaced ? "/namespaces/{namespace}" : ""}/${type.plural}`;
}

/** kubectl looks the PATCH operation up to learn whether the server validates fields itself. */
function pathItems(kind: Served, parameters: readonly object[]): readonly (readonly [string, object])[] {
  const gvk = groupVersionKind(kind);
  const operation = (action: string): object => ({
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": gvk,
    parameters,
    responses: { "200": { description: "OK" } },
  });
  const path = basePath(kind);
  return [
    [path, { get: operation("list"), post: operation("post"), delete: operation("deletecollection") }],
    [
      `${path}/{name}`,
      { get: operation("get"), put: operation("put"), patch: operation("patch"), delete: operation("delete") },
    ],
  ];
}

function model(kind: Served): JsonObject {
  return { ...kind.version.schema, "x-kubernetes-group-version-kind": [groupVersionKind(kind)] };
}

/** `GET /openapi/v3`: where each group and version's document is. */
export function openApiV3Index(registry: Registry): object {
  const paths: Record<string, object> = {};
  for (const { version } of served(registry)) {
    const path = version.group === "" ? `api/${version.name}` : `apis/${version.apiVersion}`;
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${registry.generation}` };
  }
  return { paths };
}

/** `GET /openapi/v3/apis/<group>/<version>`; undefined when nothing is served there. */
export function openApiV3(registry: Registry, path: string): object | undefined {
  const apiVersion = path.replace(/^apis?\//, "");
  const kinds = served(registry).filter(({ version }) => version.apiVersion === apiVersion);
  if (kinds.length === 0) return undefined;
  return {
    openapi: "3.0.0",
    info: { title: "Herald's embedded Kubernetes API", version: "v1" },
    paths: Object.fromEntries(kinds.flatMap((kind) => pathItems(kind, queryParameters))),
    components: { schemas: Object.fromEntries(kinds.map((kind) => [modelName(kind), model(kind)])) },
  };
}

const V2_KEYWORDS = ["description", "type", "format", "required", "x-kubernetes-group-version-kind"];
/** Old clients learn from the patch extensions how to make their strategic merge patches. */
const V2_EXTENSIONS = [
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
  "x-kubernetes-patch-merge-key",
  "x-kubernetes-patch-strategy",
];

/**
 * Swagger 2 knows neither `nullable`, `anyOf` nor schemas without a type; the real server leaves those out as well. An object
 * that keeps unknown fields is left open altogether, or old clients would refuse what the server takes.
 */
function toSwagger(schema: Schema): JsonObject {
  if (schema["x-kubernetes-int-or-string"] === true) return { type: "string", format: "int-or-string" };
  if (schema["x-kubernetes-preserve-unknown-fields"] === true || schema.nullable === true) {
    return schema.description === undefined ? {} : { description: schema.description };
  }
  const result: JsonObject = {};
  for (const name of [...V2_KEYWORDS, ...V2_EXTENSIONS]) if (schema[name] !== undefined) result[name] = schema[name];
  if (schema.properties !== undefined) {
    result["properties"] = Object.fromEntries(Object.entries(schema.properties).map(([k, v]) => [k, toSwagger(v)]));
  }
  if (schema.items !== undefined) result["items"] = toSwagger(schema.items);
  if (isObject(schema.additionalProperties)) result["additionalProperties"] = toSwagger(schema.additionalProperties);
  return result;
}

/** `GET /openapi/v2`, for clients older than OpenAPI v3. */
export function openApiV2(registry: Registry): JsonObject {
  const kinds = served(registry);
  const definitions = kinds.map((kind) => {
    const extension = [groupVersionKind(kind)];
    return [modelName(kind), { ...toSwagger(kind.version.schema), "x-kubernetes-group-version-kind": extension }];
  });
  return {
    swagger: "2.0",
    info: { title: "Herald's embedded Kubernetes API", version: "v1" },
    paths: Object.fromEntries(kinds.flatMap((kind) => pathItems(kind, swaggerParameters))),
    definitions: Object.fromEntries(definitions),
  };
}
