import { isObject, type JsonObject, jsonEqual } from "../json.ts";
import { memberSchema, type Schema } from "../schema/schema.ts";

/**
 * A set of field paths, in the very form `managedFields[].fieldsV1` has on the wire: `f:name` is a member, `k:{…}` an entry
 * of a keyed list, `v:…` an entry of a set, `.` the node itself. An empty node is a member without children.
 */
export type FieldSet = JsonObject;

const SELF = ".";

function node(set: FieldSet, key: string): FieldSet | undefined {
  const child = set[key];
  return isObject(child) ? child : undefined;
}

export function isEmptySet(set: FieldSet): boolean {
  return Object.keys(set).length === 0;
}

/** Whether the path of this node itself is in the set. */
function isMember(child: FieldSet): boolean {
  return isEmptySet(child) || Object.hasOwn(child, SELF);
}

/** How the entries of a list are named, or undefined when the list is one value. */
export function entryKey(schema: Schema | undefined): ((entry: unknown) => string) | undefined {
  const type = schema?.["x-kubernetes-list-type"];
  if (type === "set") return (entry) => `v:${JSON.stringify(entry)}`;
  if (type !== "map") return undefined;
  const keys = [...(schema?.["x-kubernetes-list-map-keys"] ?? [])].sort();
  return (entry) => {
    const id: JsonObject = {};
    for (const key of keys)
      id[key] = isObject(entry) ? (entry[key] ?? memberSchema(schema?.items, key)?.default) : undefined;
    return `k:${JSON.stringify(id)}`;
  };
}

function isAtomicMap(schema: Schema | undefined): boolean {
  return schema?.["x-kubernetes-map-type"] === "atomic";
}

/** The members of a value with the key each has in a field set and the schema below it; undefined when it is one value. */
export function branches(
  value: unknown,
  schema: Schema | undefined,
): ReadonlyMap<string, { readonly value: unknown; readonly schema: Schema | undefined }> | undefined {
  if (isObject(value)) {
    if (isAtomicMap(schema)) return undefined;
    return new Map(Object.entries(value).map(([k, v]) => [`f:${k}`, { value: v, schema: memberSchema(schema, k) }]));
  }
  const key = Array.isArray(value) ? entryKey(schema) : undefined;
  if (key === undefined || !Array.isArray(value)) return undefined;
  return new Map(value.map((entry: unknown) => [key(entry), { value: entry, schema: schema?.items }]));
}

/** Every field a value sets. */
export function fieldsOf(value: unknown, schema: Schema | undefined): FieldSet {
  const members = branches(value, schema);
  const set: FieldSet = {};
  for (const [key, member] of members ?? []) {
    const below = fieldsOf(member.value, member.schema);
    set[key] = key.startsWith("k:") ? { [SELF]: {}, ...below } : below;
  }
  return set;
}

/** What differs between two values: fields set or altered, and fields gone. */
export interface FieldChanges {
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

export function compareFields(before: unknown, after: unknown, schema: Schema | undefined): FieldChanges {
  const changed: FieldSet = {};
  const removed: FieldSet = {};
  if (before === after) return { changed, removed };
  const old = branches(before, schema);
  const now = branches(after, schema);
  if (old === undefined || now === undefined) return { changed, removed };
  for (const [key, member] of now) {
    const was = old.get(key);
    if (was === undefined) {
      const below = fieldsOf(member.value, member.schema);
      changed[key] = key.startsWith("k:") ? { [SELF]: {}, ...below } : below;
    } else compareMember(key, { was: was.value, is: member.value, schema: member.schema }, { changed, removed });
  }
  // A leaf: whatever lay below is gone with it.
  for (const key of old.keys()) if (!now.has(key)) removed[key] = {};
  return { changed, removed };
}

function compareMember(
  key: string,
  pair: { was: unknown; is: unknown; schema: Schema | undefined },
  into: FieldChanges,
): void {
  if (pair.was === pair.is) return;
  const divisible = branches(pair.was, pair.schema) !== undefined && branches(pair.is, pair.schema) !== undefined;
  if (!divisible) {
    if (!jsonEqual(pair.was, pair.is)) into.changed[key] = fieldsOf(pair.is, pair.schema);
    return;
  }
  const below = compareFields(pair.was, pair.is, pair.schema);
  if (!isEmptySet(below.changed)) into.changed[key] = below.changed;
  if (!isEmptySet(below.removed)) into.removed[key] = below.removed;
}

export function unionSets(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b)) return a;
  const result = { ...a };
  for (const key of Object.keys(b)) {
    const mine = node(a, key);
    const theirs = node(b, key) ?? {};
    if (mine === undefined) result[key] = theirs;
    else {
      const both = unionSets(mine, theirs);
      const own = isMember(mine) || isMember(theirs);
      result[key] = own && !isEmptySet(both) ? { ...both, [SELF]: {} } : both;
    }
  }
  return result;
}

/** What is in `a` and not in `b`. */
export function subtractSets(a: FieldSet, b: FieldSet): FieldSet {
  const result: FieldSet = {};
  for (const key of Object.keys(a)) {
    const mine = node(a, key) ?? {};
    const theirs = node(b, key);
    if (theirs === undefined) result[key] = mine;
    else if (!isEmptySet(mine)) {
      const { [SELF]: self, ...below } = mine;
      const rest = subtractSets(below, theirs);
      if (self !== undefined && !isMember(theirs)) rest[SELF] = {};
      if (!isEmptySet(rest)) result[key] = rest;
    } else if (!isMember(theirs)) result[key] = mine;
  }
  return result;
}

/** Who sets a field sets what it lies in: the objects above every field become members too. */
export function withParents(set: FieldSet): FieldSet {
  const result: FieldSet = {};
  for (const key of Object.keys(set)) {
    const below = node(set, key) ?? {};
    result[key] = isEmptySet(below) ? below : { [SELF]: {}, ...withParents(below) };
  }
  return result;
}

/** Takes away whole subtrees: whatever lies at or below a member of `gone`. */
export function cutSet(set: FieldSet, gone: FieldSet): FieldSet {
  const result: FieldSet = {};
  for (const key of Object.keys(set)) {
    const mine = node(set, key) ?? {};
    const cut = node(gone, key);
    if (cut === undefined) result[key] = mine;
    else if (!isEmptySet(cut) && !isEmptySet(mine)) {
      const rest = cutSet(mine, cut);
      if (!isEmptySet(rest)) result[key] = rest;
    }
  }
  return result;
}

/** The paths that are members of both. */
export function intersectSets(a: FieldSet, b: FieldSet): FieldSet {
  const result: FieldSet = {};
  for (const key of Object.keys(a)) {
    const mine = node(a, key) ?? {};
    const theirs = node(b, key);
    if (theirs === undefined || key === SELF) continue;
    const below = intersectSets(mine, theirs);
    if (!isEmptySet(below)) result[key] = below;
    else if (isMember(mine) && isMember(theirs)) result[key] = {};
  }
  return result;
}

/** The leaves as people write them: `.spec.ports[port=80,protocol="TCP"].name`. */
export function formatSet(set: FieldSet): readonly string[] {
  return Object.keys(set).flatMap((key) => {
    if (key === SELF) return [];
    const below = node(set, key) ?? {};
    const leaves = formatSet(below);
    const prefix = formatKey(key);
    return leaves.length === 0 ? [prefix] : leaves.map((leaf) => `${prefix}${leaf}`);
  });
}

function formatKey(key: string): string {
  const rest = key.slice(2);
  if (key.startsWith("f:")) return `.${rest}`;
  if (key.startsWith("v:")) return `[=${rest}]`;
  const id: unknown = JSON.parse(rest);
  return `[${Object.entries(isObject(id) ? id : {})
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(",")}]`;
}

/** The value without the fields of the set; objects that become empty go too. */
export function removeFields(value: unknown, set: FieldSet, schema: Schema | undefined): unknown {
  const members = branches(value, schema);
  if (members === undefined || isEmptySet(set)) return value;
  const kept: [string, unknown][] = [];
  for (const [key, member] of members) {
    const below = node(set, key);
    if (below === undefined) kept.push([key, member.value]);
    else if (!isMember(below)) {
      const rest = removeFields(member.value, below, member.schema);
      if (!(isObject(rest) && isEmptySet(rest))) kept.push([key, rest]);
    }
  }
  if (Array.isArray(value)) return kept.map(([, entry]) => entry);
  return Object.fromEntries(kept.map(([key, entry]) => [key.slice(2), entry]));
}
