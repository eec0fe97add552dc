import type { InvalidObject } from "./config.ts";
import type { RawObject } from "./object.ts";
import { compareAge, compareTexts, invalidObject } from "./raw-object.ts";
import { type ParseResult, Problems } from "./read-object.ts";

/** An object that is valid so far, and what it says. */
export interface Parsed<T> {
  readonly object: RawObject;
  readonly value: T;
}

/** Keeps the valid objects of one configuration going and the invalid ones aside. */
export class ObjectSorter {
  readonly #invalid: InvalidObject[] = [];

  /** By kind, then namespace and name. */
  get invalid(): readonly InvalidObject[] {
    return this.#invalid.toSorted(
      (a, b) =>
        compareTexts(a.kind, b.kind) ||
        compareTexts(a.namespace ?? "", b.namespace ?? "") ||
        compareTexts(a.name, b.name),
    );
  }

  /** Parses the objects of one kind, older ones first. Of two with one name the older stays. */
  parseAll<T>(
    kind: string,
    objects: readonly RawObject[],
    parse: (object: RawObject) => ParseResult<T>,
  ): readonly Parsed<T>[] {
    const names = new Set<string>();
    return this.keep(
      kind,
      objects.toSorted(compareAge).map((object) => ({ object, value: object })),
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

  /** Takes each object a step further. Whoever gets problems on the way is left out and reported with all of them. */
  keep<T, U>(
    kind: string,
    parsed: readonly Parsed<T>[],
    step: (value: T, problems: Problems, object: RawObject) => U | undefined,
  ): readonly Parsed<U>[] {
    return parsed.flatMap(({ object, value }) => {
      const problems = new Problems();
      const next = step(value, problems, object);
      if (problems.list.length > 0) this.#invalid.push(invalidObject(kind, object, problems.list));
      return problems.list.length > 0 || next === undefined ? [] : [{ object, value: next }];
    });
  }
}
