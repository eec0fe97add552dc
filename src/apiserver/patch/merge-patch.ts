import { isObject, type JsonObject } from "../json.ts";

/** JSON Merge Patch, RFC 7386 section 2: null removes, objects merge, everything else replaces. Untouched branches are shared. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) delete result[name];
    else result[name] = mergePatch(result[name], change);
  }
  return result;
}
