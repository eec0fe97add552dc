import { type Change, type Collection, type Entry, objectKey, type Revisions } from "./collection.ts";
import { withMember } from "./json.ts";
import { type KubeObject, parseObject, withMeta } from "./object.ts";

/** What deleting needs to reach. */
export interface LifecyclePorts {
  readonly collections: () => readonly Collection[];
  readonly revisions: Revisions;
  readonly now: () => string;
}

interface Located {
  readonly collection: Collection;
  readonly key: string;
}

function keyOf(object: KubeObject): string {
  return objectKey(object.metadata.namespace ?? "", object.metadata.name);
}

/** How objects end: finalizers, owners, and namespaces that take their content with them. */
export class Lifecycle {
  readonly #ports: LifecyclePorts;
  /** owner uid -> the objects that name it. */
  readonly #dependents = new Map<string, Map<string, Located>>();

  constructor(ports: LifecyclePorts) {
    this.#ports = ports;
  }

  /** Keeps the index of owners for a collection. */
  follow(collection: Collection): void {
    collection.subscribe((change) => this.#index(collection, change));
  }

  #index(collection: Collection, change: Change): void {
    const before = change.previous?.object.metadata.ownerReferences;
    const after = change.type === "DELETED" ? undefined : change.entry.object.metadata.ownerReferences;
    if (before === after) return;
    const key = keyOf(change.entry.object);
    const id = `${collection.type.plural}.${collection.type.group}/${key}`;
    for (const owner of before ?? []) this.#dependents.get(owner.uid)?.delete(id);
    for (const owner of after ?? []) {
      const located = this.#dependents.get(owner.uid) ?? new Map<string, Located>();
      located.set(id, { collection, key });
      this.#dependents.set(owner.uid, located);
    }
  }

  delete(
    collection: Collection,
    entry: Entry,
    how: { orphan: boolean },
  ): { readonly entry: Entry; readonly gone: boolean } {
    const { object } = entry;
    const isNamespace = collection.type.kind === "Namespace";
    const held = (object.metadata.finalizers ?? []).length > 0;
    if (!held && !isNamespace) return { entry: this.#removeWith(collection, entry, how), gone: true };
    const marked = this.#mark(collection, entry);
    if (isNamespace) this.#empty(object.metadata.name);
    const gone = collection.get(keyOf(object)) === undefined;
    return { entry: marked, gone };
  }

  /** Takes the object out for good, and whatever lived only for it. */
  remove(collection: Collection, entry: Entry): Entry {
    return this.#removeWith(collection, entry, { orphan: false });
  }

  #removeWith(collection: Collection, entry: Entry, how: { orphan: boolean }): Entry {
    const revision = this.#ports.revisions.next();
    const last = withMeta(entry.object, { resourceVersion: String(revision) });
    const removed = collection.remove(keyOf(entry.object), last, revision);
    const { uid, namespace } = entry.object.metadata;
    if (uid !== undefined && !how.orphan) this.#collect(uid);
    if (namespace !== undefined) this.#finishNamespace(namespace);
    return removed;
  }

  #mark(collection: Collection, entry: Entry): Entry {
    const { object } = entry;
    if (object.metadata.deletionTimestamp !== undefined) return entry;
    const revision = this.#ports.revisions.next();
    const { generation } = object.metadata;
    const marked = withMeta(object, {
      deletionTimestamp: this.#ports.now(),
      deletionGracePeriodSeconds: 0,
      resourceVersion: String(revision),
      generation: generation === undefined ? undefined : generation + 1,
    });
    const isNamespace = collection.type.kind === "Namespace";
    const next = isNamespace ? parseObject(withMember(marked, "status", { phase: "Terminating" })) : marked;
    return collection.put(keyOf(object), next, revision);
  }

  /** Deletes the dependents that have no other living owner. */
  #collect(uid: string): void {
    const located = this.#dependents.get(uid);
    this.#dependents.delete(uid);
    for (const { collection, key } of located?.values() ?? []) {
      const entry = collection.get(key);
      const others = (entry?.object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
      if (entry !== undefined && !others.some((owner) => this.#lives(owner.uid)))
        this.delete(collection, entry, { orphan: false });
    }
  }

  #lives(uid: string): boolean {
    return this.#ports.collections().some((c) => c.some((object) => object.metadata.uid === uid));
  }

  #empty(namespace: string): void {
    for (const collection of this.#ports.collections().filter((c) => c.type.namespaced)) {
      for (const entry of collection.list()) {
        const here = entry.object.metadata.namespace === namespace && collection.get(keyOf(entry.object)) === entry;
        if (here) this.delete(collection, entry, { orphan: false });
      }
    }
    this.#finishNamespace(namespace);
  }

  /** A namespace that is being deleted goes when its last object has gone. */
  #finishNamespace(name: string): void {
    const namespaces = this.#ports.collections().find((c) => c.type.kind === "Namespace" && c.type.group === "");
    const entry = namespaces?.get(objectKey("", name));
    if (namespaces === undefined || entry?.object.metadata.deletionTimestamp === undefined) return;
    if ((entry.object.metadata.finalizers ?? []).length > 0) return;
    const content = this.#ports.collections().filter((c) => c.type.namespaced);
    if (content.some((c) => c.some((object) => object.metadata.namespace === name))) return;
    const revision = this.#ports.revisions.next();
    const last = withMeta(entry.object, { resourceVersion: String(revision) });
    namespaces.remove(objectKey("", name), last, revision);
  }
}
