import fastJsonPatch, { type Operation } from "fast-json-patch";
import { isObject } from "../json.ts";
import { ApiError, badRequest } from "../status.ts";

const OPERATIONS = ["add", "remove", "replace", "move", "copy", "test"];

function isOperation(value: unknown): value is Operation {
  return isObject(value) && OPERATIONS.includes(String(value["op"])) && typeof value["path"] === "string";
}

/**
 * JSON Patch, RFC 6902. The target is not changed.
 * @throws ApiError 400 when the patch is not one, 422 when it does not fit the object.
 */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch) || !patch.every(isOperation)) throw badRequest("the body is not a JSON patch");
  const problem = fastJsonPatch.validate(patch, target);
  if (problem !== undefined) {
    const text = `the server rejected our request due to an error in our request: ${problem.name}`;
    throw new ApiError(422, "Invalid", text);
  }
  return fastJsonPatch.applyPatch(structuredClone(target), patch).newDocument;
}
