import { asArray, asString, isObject, jsonEqual } from "../json.ts";
import type { KubeObject } from "../object.ts";
import type { Schema } from "../schema/schema.ts";
import { compareFields, cutSet, type FieldSet, isEmptySet, subtractSets, unionSets } from "./field-set.ts";

/** Who set which fields, one row of `metadata.managedFields`. */
export interface ManagedEntry {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string;
  readonly fields: FieldSet;
}

/** Who writes, in which version, through which subresource, when. */
export type Writer = Omit<ManagedEntry, "fields" | "operation">;

/** Reads `metadata.managedFields`; rows that make no sense are dropped. */
export function parseManaged(object: KubeObject | undefined): readonly ManagedEntry[] {
  return asArray(object?.metadata.managedFields).flatMap((row) => {
    if (!isObject(row) || !isObject(row["fieldsV1"])) return [];
    const operation = row["operation"] === "Apply" ? "Apply" : "Update";
    return [
      {
        manager: asString(row["manager"]) ?? "unknown",
        operation,
        apiVersion: asString(row["apiVersion"]) ?? "",
        subresource: asString(row["subresource"]) ?? "",
        time: asString(row["time"]) ?? "",
        fields: row["fieldsV1"],
      },
    ];
  });
}

/** The rows as they are stored. */
export function formatManaged(entries: readonly ManagedEntry[]): readonly object[] {
  return entries.map((entry) => ({
    apiVersion: entry.apiVersion,
    fieldsType: "FieldsV1",
    fieldsV1: entry.fields,
    manager: entry.manager,
    operation: entry.operation,
    ...(entry.subresource === "" ? {} : { subresource: entry.subresource }),
    time: entry.time,
  }));
}

/** Whether a row belongs to this writer and way of writing. */
export function isOwn(entry: ManagedEntry, writer: Writer, operation: "Apply" | "Update"): boolean {
  return (
    entry.manager === writer.manager &&
    entry.operation === operation &&
    entry.subresource === writer.subresource &&
    (operation === "Apply" || entry.apiVersion === writer.apiVersion)
  );
}

const UNMANAGED = ["name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"];
const ALSO_UNMANAGED = ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"];

/** The object without what no manager owns: identity and what the server sets itself. */
export function manageable(object: KubeObject): object {
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = object;
  const hidden = [...UNMANAGED, ...ALSO_UNMANAGED];
  const own = Object.entries(metadata).filter(([name]) => !hidden.includes(name));
  return own.length === 0 ? rest : { ...rest, metadata: Object.fromEntries(own) };
}

/** The rows after a plain write: the writer owns what it altered, and nobody owns what is gone. */
export function recordUpdate(
  before: KubeObject | undefined,
  after: KubeObject,
  by: { readonly writer: Writer; readonly schema: Schema },
): readonly object[] {
  const old = before === undefined ? {} : manageable(before);
  const { changed, removed } = compareFields(old, manageable(after), by.schema);
  const entries = parseManaged(before);
  if (isEmptySet(changed) && isEmptySet(removed)) return before?.metadata.managedFields?.filter(isObject) ?? [];
  const mine = entries.find((entry) => isOwn(entry, by.writer, "Update"));
  const others = entries.flatMap((entry) => (entry === mine ? [] : without(entry, changed, removed)));
  const fields = unionSets(cutSet(mine?.fields ?? {}, removed), changed);
  if (isEmptySet(fields)) return formatManaged(others);
  return formatManaged([...others, { ...by.writer, operation: "Update", fields }]);
}

function without(entry: ManagedEntry, changed: FieldSet, removed: FieldSet): readonly ManagedEntry[] {
  const fields = subtractSets(cutSet(entry.fields, removed), changed);
  if (isEmptySet(fields)) return [];
  return [jsonEqual(fields, entry.fields) ? entry : { ...entry, fields }];
}
