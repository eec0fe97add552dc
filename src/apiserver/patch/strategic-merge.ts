import { asArray, asObject, isObject, type JsonObject, jsonEqual } from "../json.ts";
import { memberSchema, type Schema } from "../schema/schema.ts";

const DIRECTIVE = "$patch";
const RETAIN = "$retainKeys";
const DELETE_PRIMITIVES = "$deleteFromPrimitiveList/";
const ORDER = "$setElementOrder/";

/** Kubernetes' strategic merge patch: like a merge patch, but lists whose entries have a key are merged entry by entry. */
export function strategicMerge(target: unknown, patch: unknown, schema: Schema | undefined): unknown {
  if (!isObject(patch)) return patch;
  const { [DIRECTIVE]: directive, ...changes } = patch;
  if (directive === "delete") return undefined;
  const before = isObject(target) && directive !== "replace" ? target : {};
  const result = retained(before, changes[RETAIN]);
  for (const [name, change] of Object.entries(changes)) {
    if (name === RETAIN || name.startsWith(ORDER)) continue;
    if (name.startsWith(DELETE_PRIMITIVES)) removePrimitives(result, name.slice(DELETE_PRIMITIVES.length), change);
    else mergeMember(result, { name, change, schema: memberSchema(schema, name) });
  }
  for (const [name, order] of Object.entries(changes)) {
    if (name.startsWith(ORDER)) reorder(result, { name: name.slice(ORDER.length), order: asArray(order), schema });
  }
  return result;
}

function retained(target: JsonObject, names: unknown): JsonObject {
  if (!Array.isArray(names)) return { ...target };
  return Object.fromEntries(Object.entries(target).filter(([name]) => names.includes(name)));
}

function removePrimitives(result: JsonObject, name: string, gone: unknown): void {
  result[name] = asArray(result[name]).filter((entry) => !asArray(gone).includes(entry));
}

function mergeMember(result: JsonObject, member: { name: string; change: unknown; schema: Schema | undefined }): void {
  const { name, change, schema } = member;
  if (change === null) {
    delete result[name];
    return;
  }
  const merged = Array.isArray(change)
    ? mergeList(result[name], change, schema)
    : strategicMerge(result[name], change, schema);
  if (merged === undefined) delete result[name];
  else result[name] = merged;
}

function mergeList(target: unknown, patch: readonly unknown[], schema: Schema | undefined): unknown {
  const key = schema?.["x-kubernetes-patch-merge-key"];
  if (key !== undefined) return mergeKeyed(asArray(target), patch, { key, items: schema?.items });
  if (schema?.["x-kubernetes-list-type"] !== "set") return patch;
  const before = asArray(target);
  return [...before, ...patch.filter((entry) => !before.some((old) => jsonEqual(old, entry)))];
}

function mergeKeyed(
  target: readonly unknown[],
  patch: readonly unknown[],
  list: { key: string; items: Schema | undefined },
): readonly unknown[] {
  const replaces = patch.some(
    (entry) => asObject(entry)[DIRECTIVE] === "replace" && asObject(entry)[list.key] === undefined,
  );
  let result: readonly unknown[] = replaces ? [] : target;
  for (const entry of patch) {
    const id = asObject(entry)[list.key];
    if (id === undefined) continue;
    const isIt = (other: unknown): boolean => jsonEqual(asObject(other)[list.key], id);
    const found = result.find(isIt);
    const merged = strategicMerge(found, entry, list.items);
    if (merged === undefined) result = result.filter((other) => !isIt(other));
    else result = found === undefined ? [...result, merged] : result.map((other) => (other === found ? merged : other));
  }
  return result;
}

function reorder(
  result: JsonObject,
  wanted: { name: string; order: readonly unknown[]; schema: Schema | undefined },
): void {
  const list = result[wanted.name];
  if (!Array.isArray(list)) return;
  const key = memberSchema(wanted.schema, wanted.name)?.["x-kubernetes-patch-merge-key"];
  const id = (entry: unknown): unknown => (key === undefined ? entry : asObject(entry)[key]);
  const ids = wanted.order.map(id);
  const rank = (entry: unknown): number => ids.findIndex((other) => jsonEqual(other, id(entry)));
  const named = list.filter((entry) => rank(entry) >= 0).sort((a, b) => rank(a) - rank(b));
  let next = 0;
  // Entries that the patch does not name keep their places among the others.
  result[wanted.name] = list.map((entry: unknown) => (rank(entry) < 0 ? entry : named[next++]));
}
