import { badRequest } from "../status.ts";

/** Where a path below `/api` or `/apis` points. */
export interface ResourcePath {
  readonly apiVersion: string;
  readonly plural: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

/** What a path asks for. */
export type Route =
  | { readonly type: "resource"; readonly path: ResourcePath }
  | { readonly type: "resource-list"; readonly group: string; readonly version: string }
  | { readonly type: "group"; readonly group: string }
  | { readonly type: "core-versions" }
  | { readonly type: "groups" }
  | { readonly type: "openapi-v3"; readonly path: string }
  | { readonly type: "openapi-v2" }
  | { readonly type: "version" }
  | { readonly type: "health" }
  | { readonly type: "unknown" };

const HEALTH = ["healthz", "readyz", "livez"];

function resourcePath(apiVersion: string, parts: readonly string[]): ResourcePath {
  const [first = "", second = "", ...rest] = parts;
  const scoped =
    first === "namespaces" && second !== "" && rest.length > 0 && !["status", "finalize"].includes(rest[0] ?? "");
  if (scoped) {
    const [plural = "", name = "", subresource = ""] = rest;
    return { apiVersion, namespace: second, plural, name, subresource };
  }
  return { apiVersion, namespace: "", plural: first, name: second, subresource: rest[0] ?? "" };
}

function apiRoute(apiVersion: readonly [string, string], parts: readonly string[]): Route {
  const [group, version] = apiVersion;
  if (parts.length === 0) return { type: "resource-list", group, version };
  return { type: "resource", path: resourcePath(group === "" ? version : `${group}/${version}`, parts) };
}

function decode(part: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(part)) throw badRequest("the path is not correctly encoded");
  return part.includes("%") ? Buffer.from(unescapeBytes(part), "latin1").toString() : part;
}

function unescapeBytes(part: string): string {
  return part.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Reads a request path. @throws ApiError 400 on a broken escape. */
export function parseRoute(pathname: string): Route {
  const [root = "", ...parts] = pathname
    .split("/")
    .filter((part) => part !== "")
    .map(decode);
  if (HEALTH.includes(root)) return { type: "health" };
  if (root === "version") return { type: "version" };
  if (root === "openapi")
    return parts[0] === "v2" ? { type: "openapi-v2" } : { type: "openapi-v3", path: parts.slice(1).join("/") };
  if (root === "api") {
    const [version, ...rest] = parts;
    return version === undefined ? { type: "core-versions" } : apiRoute(["", version], rest);
  }
  if (root !== "apis") return { type: "unknown" };
  const [group, version, ...rest] = parts;
  if (group === undefined) return { type: "groups" };
  return version === undefined ? { type: "group", group } : apiRoute([group, version], rest);
}
