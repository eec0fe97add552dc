import type { InvalidObject } from "./config.ts";
import { objectKey, type RawObject } from "./object.ts";
import { compareAge, compareTexts, invalidObject } from "./raw-object.ts";
import { type ParseResult, Problems } from "./read-object.ts";

/** An object that is valid so far, and what it says. */
export interface Parsed<T> {
  readonly object: RawObject;
  readonly value: T;
}

/** Names an object among those of all kinds; neither kinds nor names hold a blank. */
export function objectId(kind: string, object: RawObject): string {
  return `${kind} ${objectKey(object)}`;
}

/** A parser that looks at each object once: raw objects never change, and most of them are there the next time. */
export function parseOnce<T>(parse: (object: RawObject) => ParseResult<T>): (object: RawObject) => ParseResult<T> {
  const results = new WeakMap<RawObject, ParseResult<T>>();
  return (object) => {
    const known = results.get(object);
    if (known !== undefined) return known;
    const result = parse(object);
    results.set(object, result);
    return result;
  };
}

/** Keeps the valid objects of one configuration going and the invalid ones aside. */
export class ObjectSorter {
  readonly #invalid: InvalidObject[] = [];
  readonly #standing = new Set<string>();
  readonly #established: ReadonlySet<string>;

  /** `established`: the ids of objects that were in use as they are, and so give way to none that is new or changed. */
  constructor(established: ReadonlySet<string>) {
    this.#established = established;
  }

  /** The ids of invalid objects that go on as what they were before. */
  get standing(): ReadonlySet<string> {
    return this.#standing;
  }

  /** By kind, then namespace and name. */
  get invalid(): readonly InvalidObject[] {
    return this.#invalid.toSorted(compareInvalid);
  }

  /** Parses the objects of one kind: established ones first, then older ones. Of two with one name the first stays. */
  parseAll<T>(
    kind: string,
    objects: readonly RawObject[],
    parse: (object: RawObject) => ParseResult<T>,
  ): readonly Parsed<T>[] {
    const names = new Set<string>();
    return this.keep(
      kind,
      objects
        .toSorted((a, b) => this.#rank(kind, a) - this.#rank(kind, b) || compareAge(a, b))
        .map((object) => ({ object, value: object })),
      (object, problems) => {
        const { name } = object.metadata;
        if (names.has(name)) problems.add("metadata.name", `duplicate definition of ${kind} "${name}"`);
        names.add(name);
        const result = parse(object);
        problems.addAll(result.problems ?? []);
        return result.value;
      },
    );
  }

  /**
   * Takes each object a step further. Whoever gets problems on the way is reported with all of them, and left out unless
   * it is established and `before` gives what it may go on as.
   */
  keep<T, U>(
    kind: string,
    parsed: readonly Parsed<T>[],
    step: (value: T, problems: Problems, object: RawObject) => U | undefined,
    before: (value: T) => U | undefined = () => undefined,
  ): readonly Parsed<U>[] {
    return parsed.flatMap(({ object, value }) => {
      const problems = new Problems();
      const next = step(value, problems, object);
      if (problems.list.length === 0) return next === undefined ? [] : [{ object, value: next }];
      this.#invalid.push(invalidObject(kind, object, problems.list));
      const old = this.#rank(kind, object) === 0 ? before(value) : undefined;
      if (old === undefined) return [];
      this.#standing.add(objectId(kind, object));
      return [{ object, value: old }];
    });
  }

  #rank(kind: string, object: RawObject): number {
    return this.#established.has(objectId(kind, object)) ? 0 : 1;
  }
}

/** By kind, then namespace and name. */
export function compareInvalid(a: InvalidObject, b: InvalidObject): number {
  return (
    compareTexts(a.kind, b.kind) || compareTexts(a.namespace ?? "", b.namespace ?? "") || compareTexts(a.name, b.name)
  );
}
