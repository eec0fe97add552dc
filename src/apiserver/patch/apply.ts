import { asArray, isObject, type JsonObject } from "../json.ts";
import { type KubeObject, parseObject, withMeta } from "../object.ts";
import { memberSchema, type Schema } from "../schema/schema.ts";
import { ApiError, type Cause } from "../status.ts";
import {
  branches,
  compareFields,
  entryKey,
  type FieldSet,
  fieldsOf,
  formatSet,
  intersectSets,
  isEmptySet,
  removeFields,
  subtractSets,
  unionSets,
  withParents,
} from "./field-set.ts";
import { formatManaged, isOwn, type ManagedEntry, manageable, parseManaged, type Writer } from "./managed-fields.ts";

/** A server-side apply request. */
export interface Apply {
  readonly writer: Writer;
  readonly schema: Schema;
  /** Take fields over from their other owners instead of refusing. */
  readonly force: boolean;
}

/**
 * Server-side apply: merges what the manager wants, removes what it wanted before and nobody else does, and keeps the books.
 * @throws ApiError 409 naming each field that another manager set to another value.
 */
export function serverSideApply(live: KubeObject | undefined, wanted: KubeObject, apply: Apply): KubeObject {
  const { schema, writer } = apply;
  const base =
    live ??
    withMeta({ apiVersion: wanted.apiVersion, kind: wanted.kind, metadata: { name: wanted.metadata.name } }, {});
  const intent = manageable(wanted);
  const applied = fieldsOf(intent, schema);
  const entries = parseManaged(live);
  const mine = entries.find((entry) => isOwn(entry, writer, "Apply"));
  const others = entries.filter((entry) => entry !== mine);
  const merged = mergeApplied(base, intent, schema);
  const { changed } = compareFields(manageable(base), intersectValue(merged), schema);
  if (!apply.force) refuseConflicts(others, changed, wanted);
  const losers = apply.force ? others.flatMap((entry) => giveUp(entry, changed)) : others;
  const owned = losers.reduce<FieldSet>((set, entry) => unionSets(set, entry.fields), applied);
  const stale = subtractSets(mine?.fields ?? {}, withParents(owned));
  const result = parseObject(removeFields(merged, stale, schema));
  const next = [...losers, { ...writer, operation: "Apply" as const, fields: applied }];
  const unchanged = mine !== undefined && isEmptySet(changed) && isEmptySet(stale) && sameFields(mine.fields, applied);
  return withMeta(result, { managedFields: unchanged ? live?.metadata.managedFields : formatManaged(next) });
}

function sameFields(a: FieldSet, b: FieldSet): boolean {
  return isEmptySet(subtractSets(a, b)) && isEmptySet(subtractSets(b, a));
}

function intersectValue(merged: unknown): object {
  return manageable(parseObject(merged));
}

function giveUp(entry: ManagedEntry, changed: FieldSet): readonly ManagedEntry[] {
  const fields = subtractSets(entry.fields, changed);
  return isEmptySet(fields) ? [] : [{ ...entry, fields }];
}

function refuseConflicts(others: readonly ManagedEntry[], changed: FieldSet, wanted: KubeObject): void {
  const causes = others.flatMap((entry) =>
    formatSet(intersectSets(changed, entry.fields)).map((field): Cause => {
      const through = entry.subresource === "" ? "" : ` with subresource "${entry.subresource}"`;
      return {
        reason: "FieldManagerConflict",
        field,
        message: `conflict with "${entry.manager}"${through} using ${entry.apiVersion}`,
      };
    }),
  );
  if (causes.length === 0) return;
  const noun = causes.length === 1 ? "1 conflict" : `${causes.length} conflicts`;
  const list = causes.map((cause) => `${cause.message}: ${cause.field}`);
  const text = list.length === 1 ? (list[0] ?? "") : `\n- ${list.join("\n- ")}`;
  const details = { name: wanted.metadata.name, kind: wanted.kind, causes };
  throw new ApiError(409, "Conflict", `Apply failed with ${noun}: ${text}`, details);
}

/** The live value with the wanted one laid over it: keyed lists and maps merge, everything else is replaced. */
function mergeApplied(live: unknown, wanted: unknown, schema: Schema | undefined): unknown {
  if (isObject(wanted)) {
    if (!isObject(live) || branches(wanted, schema) === undefined) return wanted;
    const result: JsonObject = { ...live };
    for (const [name, value] of Object.entries(wanted))
      result[name] = mergeApplied(live[name], value, memberSchema(schema, name));
    return result;
  }
  const key = Array.isArray(wanted) ? entryKey(schema) : undefined;
  if (key === undefined || !Array.isArray(live)) return wanted;
  return mergeEntries(live, asArray(wanted), { key, items: schema?.items });
}

function mergeEntries(
  live: readonly unknown[],
  wanted: readonly unknown[],
  list: { key: (entry: unknown) => string; items: Schema | undefined },
): readonly unknown[] {
  const overlay = new Map(wanted.map((entry) => [list.key(entry), entry]));
  const result = live.map((entry) => {
    const key = list.key(entry);
    const over = overlay.get(key);
    overlay.delete(key);
    return over === undefined ? entry : mergeApplied(entry, over, list.items);
  });
  return [...result, ...overlay.values()];
}
