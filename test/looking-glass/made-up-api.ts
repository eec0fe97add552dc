import type { Page, Selection, WatchEvent, WatchOptions } from "../../src/kubernetes/client.ts";
import type { Resource } from "../../src/kubernetes/resource.ts";
import { Feed } from "./feed.ts";

/** An object as the API would have it. */
export interface MadeUpObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly namespace?: string; readonly name: string } & Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** As much of an API as informers need, in memory. */
export class MadeUpApi {
  readonly #objects = new Map<string, Map<string, MadeUpObject>>();
  readonly #feeds = new Map<string, Set<Feed<WatchEvent>>>();
  #version = 1;

  /** Every object, as documents. */
  documents(): readonly MadeUpObject[] {
    return [...this.#objects.values()].flatMap((kind) => [...kind.values()]);
  }

  put(object: MadeUpObject): void {
    const resourceVersion = `${++this.#version}`;
    const whole = { ...object, metadata: { uid: keyOf(object), ...object.metadata, resourceVersion } };
    const kind = this.#kind(object.kind);
    const type = kind.has(keyOf(object)) ? "MODIFIED" : "ADDED";
    kind.set(keyOf(object), whole);
    for (const feed of this.#feeds.get(object.kind) ?? []) feed.push({ type, object: whole });
  }

  remove(kind: string, key: string): void {
    const object = this.#kind(kind).get(key);
    if (object === undefined) return;
    this.#kind(kind).delete(key);
    const metadata = { ...object.metadata, resourceVersion: `${++this.#version}` };
    for (const feed of this.#feeds.get(kind) ?? []) feed.push({ type: "DELETED", object: { ...object, metadata } });
  }

  get(kind: string, key: string): MadeUpObject | undefined {
    return this.#kind(kind).get(key);
  }

  readonly client = {
    pages: <T>(resource: Resource, _options: Selection = {}): AsyncGenerator<Page<T>, void> => this.#pages<T>(resource),
    watch: (resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent, void> =>
      this.#watch(resource, options),
  };

  /** In pieces, as a server gives them. */
  async *#pages<T>({ kind }: Resource): AsyncGenerator<Page<T>, void> {
    const all = [...this.#kind(kind).values()];
    const resourceVersion = `${this.#version}`;
    for (let start = 0; start === 0 || start < all.length; start += 500) {
      await new Promise((resolve) => setImmediate(resolve));
      const items: unknown = all.slice(start, start + 500);
      // The test that lists says what it expects, as with a real API.
      yield { items: items as readonly T[], resourceVersion, first: start === 0 };
    }
  }

  async *#watch({ kind }: Resource, { signal, opened }: WatchOptions): AsyncGenerator<WatchEvent, void> {
    const feed = new Feed<WatchEvent>(signal);
    const feeds = this.#feeds.get(kind) ?? new Set();
    this.#feeds.set(kind, feeds.add(feed));
    opened?.();
    try {
      yield* feed.items();
    } finally {
      feeds.delete(feed);
    }
  }

  #kind(kind: string): Map<string, MadeUpObject> {
    const known = this.#objects.get(kind);
    if (known !== undefined) return known;
    const fresh = new Map<string, MadeUpObject>();
    this.#objects.set(kind, fresh);
    return fresh;
  }
}

function keyOf({ metadata: { namespace, name } }: MadeUpObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
