import type { InvalidObject, Problem } from "./config.ts";
import type { RawObject } from "./object.ts";
import { FieldReader, Problems } from "./read-object.ts";

/** A reader of an object's spec; an absent spec has no fields. */
export function specReader(object: RawObject): FieldReader {
  return FieldReader.of(object.spec, "spec", new Problems());
}

/** Reports an object as left out. */
export function invalidObject(kind: string, object: RawObject, problems: readonly Problem[]): InvalidObject {
  const { namespace, name } = object.metadata;
  return {
    kind,
    namespace: namespace === "" ? undefined : namespace,
    name,
    problems,
    message: formatProblems(problems),
  };
}

/** The problems in one line. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
}

/** Older first: in a conflict the first one stays. An object without a time is as new as can be; names break ties. */
export function compareAge(a: RawObject, b: RawObject): number {
  return compareTexts(age(a), age(b)) || compareTexts(a.metadata.name, b.metadata.name);
}

/** RFC 3339 in UTC sorts as text, and `~` after all of it. */
function age({ metadata }: RawObject): string {
  return metadata.creationTimestamp ?? "~";
}

/** By code units: the same on every machine, whatever its locale. */
export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
