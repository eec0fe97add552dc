import type { IncomingMessage } from "node:http";
import { isMap, parseAllDocuments } from "yaml";
import type { PatchType } from "../api.ts";
import { ApiError, badRequest } from "../status.ts";
import { unsupportedMediaType } from "../write.ts";
import { decodeProtobuf } from "./protobuf.ts";

/** One entry of an Accept header. */
interface Accepted {
  readonly media: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The shape a client wants its answer in. */
export interface Wanted {
  readonly as: "object" | "table" | "metadata" | "metadata-list" | "discovery";
  /** The apiVersion of the Table or PartialObjectMetadata. */
  readonly apiVersion: string;
}

function parseAccept(header: string): readonly Accepted[] {
  return header.split(",").map((entry) => {
    const [media = "", ...parameters] = entry.split(";").map((part) => part.trim());
    return {
      media,
      parameters: Object.fromEntries(parameters.map((p) => [p.split("=")[0] ?? "", p.split("=")[1] ?? ""])),
    };
  });
}

const SHAPES: Readonly<Record<string, Wanted["as"]>> = {
  Table: "table",
  PartialObjectMetadata: "metadata",
  PartialObjectMetadataList: "metadata-list",
  APIGroupDiscoveryList: "discovery",
};

/**
 * Picks the first shape of the Accept header that this server can make: JSON only.
 * @throws ApiError 406 when there is none.
 */
export function negotiate(request: IncomingMessage): Wanted {
  const header = request.headers.accept;
  if (header === undefined || header === "") return { as: "object", apiVersion: "" };
  for (const { media, parameters } of parseAccept(header)) {
    if (!["application/json", "*/*", "application/*"].includes(media)) continue;
    const as = parameters["as"];
    if (as === undefined) return { as: "object", apiVersion: "" };
    const shape = SHAPES[as];
    if (shape !== undefined) return { as: shape, apiVersion: `${parameters["g"]}/${parameters["v"]}` };
  }
  const message = "only the following media types are accepted: application/json";
  throw new ApiError(406, "NotAcceptable", message);
}

const MAX_BODY = 3 * 1024 * 1024;

/** @throws ApiError 413 when the body is larger than etcd would take. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size > MAX_BODY) throw new ApiError(413, "RequestEntityTooLarge", `limit is ${MAX_BODY}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function contentType(request: IncomingMessage): string {
  return (request.headers["content-type"] ?? "application/json").split(";")[0]?.trim() ?? "";
}

function parseYaml(text: string): unknown {
  const documents = parseAllDocuments(text).filter((document) => "contents" in document && isMap(document.contents));
  const [first] = documents;
  if (first === undefined || first.errors.length > 0)
    throw badRequest(`yaml: ${first?.errors[0]?.message ?? "no object"}`);
  return first.toJS();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badRequest(`the body is not valid JSON: ${error.message}`);
  }
}

/** An object in the request's body: JSON, YAML, or for a few kinds protocol buffers. */
export function parseBody(request: IncomingMessage, body: Buffer): unknown {
  const type = contentType(request);
  if (type === "application/json" || type === "") return parseJson(body.toString());
  if (type === "application/yaml") return parseYaml(body.toString());
  if (type === "application/vnd.kubernetes.protobuf") return decodeProtobuf(body);
  throw unsupportedMediaType("application/json, application/yaml");
}

const PATCHES: Readonly<Record<string, PatchType>> = {
  "application/merge-patch+json": "merge",
  "application/json-patch+json": "json",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

/** A patch and how to read it. */
export function parsePatch(
  request: IncomingMessage,
  bytes: Buffer,
): { readonly type: PatchType; readonly body: unknown } {
  const type = PATCHES[contentType(request)];
  const text = bytes.toString();
  if (type === undefined) throw unsupportedMediaType(Object.keys(PATCHES).join(", "));
  // YAML is a superset of JSON but far slower to read, and clients send apply patches as either.
  const json = type !== "apply" || text.trimStart().startsWith("{");
  return { type, body: json ? parseJson(text) : parseYaml(text) };
}
