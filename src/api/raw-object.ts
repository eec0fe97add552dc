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

/** The problems in one line that anybody can read, whatever the user wrote. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems
    .map(({ path, message }) => escapeControls(shortenQuotes(path === "" ? message : `${path}: ${message}`)))
    .join("; ");
}

const QUOTED_MAX = 60;

/** Cuts what stands in quotes: a value is there to be recognized. */
function shortenQuotes(text: string): string {
  return text.replace(/"([^"]*)"/g, (whole, inside: string) =>
    inside.length <= QUOTED_MAX ? whole : `"${inside.slice(0, QUOTED_MAX)}…"`,
  );
}

/** Writes control characters as \u and digits: text of users must not move a terminal's cursor or end a line. */
export function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
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
