import type { KubeObject } from "./object.ts";
import type { ResourceType } from "./resource.ts";

/** The counter all resourceVersions come from. */
export class Revisions {
  #last: number;
  constructor(first: number) {
    this.#last = first;
  }
  get current(): number {
    return this.#last;
  }
  next(): number {
    this.#last += 1;
    return this.#last;
  }
}

/** A stored object: immutable, converted and serialised at most once per version it is asked for in. */
export class Entry {
  readonly object: KubeObject;
  readonly revision: number;
  readonly #type: ResourceType;
  readonly #json = new Map<string, string>();
  readonly #converted = new Map<string, KubeObject>();

  constructor(type: ResourceType, object: KubeObject, revision: number) {
    this.#type = type;
    this.object = object;
    this.revision = revision;
  }

  in(apiVersion: string): KubeObject {
    if (apiVersion === this.object.apiVersion) return this.object;
    let converted = this.#converted.get(apiVersion);
    if (converted === undefined) {
      converted = this.#type.convert(this.object, apiVersion);
      this.#converted.set(apiVersion, converted);
    }
    return converted;
  }

  json(apiVersion: string): string {
    let json = this.#json.get(apiVersion);
    if (json === undefined) {
      const { apiVersion: version, kind, metadata, ...rest } = this.in(apiVersion);
      json = JSON.stringify({ kind, apiVersion: version, metadata, ...rest });
      this.#json.set(apiVersion, json);
    }
    return json;
  }
}

/** How an entry stands in a list: the real server leaves `kind` and `apiVersion` out of a built-in kind's items, so do we. */
export function listItem(entry: Entry, type: ResourceType, apiVersion: string): string {
  const json = entry.json(apiVersion);
  if (type.custom) return json;
  return `{${json.slice(json.indexOf('"metadata":'))}`;
}

export type ChangeType = "ADDED" | "MODIFIED" | "DELETED";

/** One event of a collection's history. */
export interface Change {
  readonly type: ChangeType;
  /** The object after the change; for a deletion its last state, with the resourceVersion of the deletion. */
  readonly entry: Entry;
  readonly previous: Entry | undefined;
}

export type Listener = (change: Change) => void;

export function objectKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** All objects of one kind, with as much of their history as watches may resume from. */
export class Collection {
  /** Replaced when a CRD changes: what is stored stays. */
  type: ResourceType;
  readonly #limit: number;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<Listener>();
  #history: Change[] = [];
  /** Changes up to and including this revision are forgotten. */
  #compacted: number;
  #sorted: readonly Entry[] | undefined;

  constructor(type: ResourceType, options: { historyLimit: number; since: number }) {
    this.type = type;
    this.#limit = options.historyLimit;
    this.#compacted = options.since;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Whether any stored object is like this; cheaper than a sorted list. */
  some(test: (object: KubeObject) => boolean): boolean {
    for (const entry of this.#entries.values()) if (test(entry.object)) return true;
    return false;
  }

  /** In the order of their keys, as etcd has them. */
  list(): readonly Entry[] {
    this.#sorted ??= [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
    return this.#sorted;
  }

  put(key: string, object: KubeObject, revision: number): Entry {
    const previous = this.#entries.get(key);
    const entry = new Entry(this.type, object, revision);
    this.#entries.set(key, entry);
    this.#record({ type: previous === undefined ? "ADDED" : "MODIFIED", entry, previous });
    return entry;
  }

  remove(key: string, last: KubeObject, revision: number): Entry {
    const previous = this.#entries.get(key);
    const entry = new Entry(this.type, last, revision);
    this.#entries.delete(key);
    this.#record({ type: "DELETED", entry, previous });
    return entry;
  }

  /** The changes after a revision, or undefined when some of them are forgotten. */
  since(revision: number): readonly Change[] | undefined {
    if (revision < this.#compacted) return undefined;
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#history[middle]?.entry.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#history.slice(low);
  }

  /** Forgets the history: every watch that resumes from before `revision` gets 410. */
  compact(revision: number): void {
    this.#compacted = revision;
    this.#history = this.#history.filter((change) => change.entry.revision > revision);
  }

  /** Called with every later change, in order, inside the write that made it. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #record(change: Change): void {
    this.#sorted = undefined;
    this.#history.push(change);
    if (this.#history.length > 1.25 * this.#limit) {
      const dropped = this.#history.splice(0, this.#history.length - this.#limit);
      this.#compacted = dropped.at(-1)?.entry.revision ?? this.#compacted;
    }
    for (const listener of this.#listeners) listener(change);
  }
}
