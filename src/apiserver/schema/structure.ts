import { isObject, type JsonObject } from "../json.ts";
import { memberSchema, type Schema } from "./schema.ts";

/** Fills in the schema's defaults, deepest last; the same value comes back when there is nothing to fill in. */
export function applyDefaults(value: unknown, schema: Schema | undefined): unknown {
  if (schema === undefined) return value;
  if (Array.isArray(value)) return mapSame(value, (entry) => applyDefaults(entry, schema.items));
  if (!isObject(value)) return value;
  let result = value;
  const change = (name: string, next: unknown): void => {
    if (result === value) result = { ...value };
    result[name] = next;
  };
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    // A null that the schema does not allow counts as absent wherever there is a default to take its place.
    const absent = value[name] === undefined || (value[name] === null && member.nullable !== true);
    if (absent && member.default !== undefined) change(name, structuredClone(member.default));
  }
  for (const [name, before] of Object.entries(result)) {
    const after = applyDefaults(before, memberSchema(schema, name));
    if (after !== before) change(name, after);
  }
  return result;
}

function mapSame(list: readonly unknown[], each: (entry: unknown) => unknown): readonly unknown[] {
  const next = list.map(each);
  return next.every((entry, i) => entry === list[i]) ? list : next;
}

interface Pruning {
  readonly unknown: string[];
  readonly path: string;
}

const TYPE_META = ["apiVersion", "kind", "metadata"];

/** Removes what the schema does not know and adds the paths of what was removed to `unknown`. */
export function prune(value: unknown, schema: Schema | undefined, pruning: Pruning): unknown {
  if (schema === undefined) return value;
  if (Array.isArray(value)) {
    return mapSame(value, (entry) =>
      prune(entry, schema.items, { ...pruning, path: `${pruning.path}[${value.indexOf(entry)}]` }),
    );
  }
  if (!isObject(value)) return value;
  return pruneObject(value, schema, pruning);
}

function pruneObject(value: JsonObject, schema: Schema, pruning: Pruning): JsonObject {
  const keep = keepsUnknown(schema);
  const result: JsonObject = {};
  let same = true;
  for (const [name, member] of Object.entries(value)) {
    const path = pruning.path === "" ? name : `${pruning.path}.${name}`;
    const known = isKnown(schema, name);
    if (!known && !keep) {
      pruning.unknown.push(path);
      same = false;
      continue;
    }
    const next = prune(member, memberSchema(schema, name), { ...pruning, path });
    if (next !== member) same = false;
    result[name] = next;
  }
  return same ? value : result;
}

/** A bare `type: object`, as `metadata` of a CRD has it, says nothing about its members only when it preserves them. */
function keepsUnknown(schema: Schema): boolean {
  return schema["x-kubernetes-preserve-unknown-fields"] === true || schema.additionalProperties !== undefined;
}

function isKnown(schema: Schema, name: string): boolean {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, name)) return true;
  return schema["x-kubernetes-embedded-resource"] === true && TYPE_META.includes(name);
}
