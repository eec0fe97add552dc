import type { Problem } from "./config.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A value, or every reason why there is none. */
export type ParseResult<T> =
  | { readonly value: T; readonly problems?: never }
  | { readonly problems: readonly Problem[]; readonly value?: never };

/** Whether something has fields: lists and null have none. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Collects problems, so that the user hears of all of them at once. */
export class Problems {
  readonly #list: Problem[] = [];

  add(path: string, message: string): void {
    this.#list.push({ path, message });
  }

  /** A reference to something that may still appear. */
  addTransient(path: string, message: string): void {
    this.#list.push({ path, message, transient: true });
  }

  addAll(problems: readonly Problem[]): void {
    this.#list.push(...problems);
  }

  get list(): readonly Problem[] {
    return this.#list;
  }

  /** The value, unless there were problems. */
  resultOf<T>(value: T): ParseResult<T> {
    return this.#list.length === 0 ? { value } : { problems: this.#list };
  }
}

/** A list element and where it stands. */
export interface Item<T> {
  readonly value: T;
  readonly path: string;
}

/**
 * Reads fields of one object that nobody has checked yet. A field of the wrong type is a problem and reads as absent;
 * null is absent, as in Kubernetes. Nothing here throws.
 */
export class FieldReader {
  readonly path: string;
  readonly problems: Problems;
  readonly #fields: Fields;

  constructor(fields: Fields, path: string, problems: Problems) {
    this.#fields = fields;
    this.path = path;
    this.problems = problems;
  }

  /** The fields of `value`, or none with a problem where it is something else than an object. */
  static of(value: unknown, path: string, problems: Problems): FieldReader {
    if (isFields(value)) return new FieldReader(value, path, problems);
    if (value !== undefined && value !== null) problems.add(path, `must be an object, not ${nameOfType(value)}`);
    return new FieldReader({}, path, problems);
  }

  pathOf(key: string): string {
    return this.path === "" ? key : `${this.path}.${key}`;
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  raw(key: string): unknown {
    // A field called `constructor` must not find what every object inherits.
    return Object.hasOwn(this.#fields, key) ? (this.#fields[key] ?? undefined) : undefined;
  }

  string(key: string): string | undefined {
    return this.#typed(key, "a string", (value) => typeof value === "string");
  }

  boolean(key: string): boolean | undefined {
    return this.#typed(key, "true or false", (value) => typeof value === "boolean");
  }

  /** A whole number within bounds, both included. */
  integer(key: string, bounds: { readonly min: number; readonly max: number }): number | undefined {
    const value = this.#typed(key, "a whole number", (v): v is number => Number.isInteger(v));
    if (value === undefined || (value >= bounds.min && value <= bounds.max)) return value;
    this.problems.add(this.pathOf(key), `must be between ${bounds.min} and ${bounds.max}, not ${value}`);
    return undefined;
  }

  oneOf<const T extends string>(key: string, choices: readonly T[]): T | undefined {
    const text = this.string(key);
    const choice = choices.find((c) => c === text);
    if (text !== undefined && choice === undefined) {
      this.problems.add(this.pathOf(key), `must be one of ${choices.join(", ")}, not "${text}"`);
    }
    return choice;
  }

  object(key: string): FieldReader | undefined {
    const value = this.raw(key);
    return value === undefined ? undefined : FieldReader.of(value, this.pathOf(key), this.problems);
  }

  strings(key: string): readonly Item<string>[] {
    return this.#items(key).flatMap(({ value, path }) => {
      if (typeof value === "string") return [{ value, path }];
      this.problems.add(path, `must be a string, not ${nameOfType(value)}`);
      return [];
    });
  }

  /** Strings of which none may stand twice. */
  distinctStrings(key: string, noun: string): readonly Item<string>[] {
    const items = this.strings(key);
    reportDuplicates(items, this.problems, (text) => ({ key: text, label: `${noun} "${text}"` }));
    return items;
  }

  objects(key: string): readonly FieldReader[] {
    return this.#items(key).flatMap(({ value, path }) => {
      if (isFields(value)) return [new FieldReader(value, path, this.problems)];
      this.problems.add(path, `must be an object, not ${nameOfType(value)}`);
      return [];
    });
  }

  /** A map of strings, such as labels. */
  stringMap(key: string): Readonly<Record<string, string>> {
    const value = this.raw(key);
    if (value === undefined) return {};
    const reader = FieldReader.of(value, this.pathOf(key), this.problems);
    const keys = isFields(value) ? Object.keys(value) : [];
    return Object.fromEntries(
      keys.flatMap((k) => [reader.string(k)].flatMap((v) => (v === undefined ? [] : [[k, v]]))),
    );
  }

  #items(key: string): readonly Item<unknown>[] {
    const value = this.raw(key);
    if (value === undefined) return [];
    if (Array.isArray(value))
      return value.map((item: unknown, i) => ({ value: item, path: `${this.pathOf(key)}[${i}]` }));
    this.problems.add(this.pathOf(key), `must be a list, not ${nameOfType(value)}`);
    return [];
  }

  #typed<T>(key: string, wanted: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.raw(key);
    if (value === undefined || is(value)) return value;
    this.problems.add(this.pathOf(key), `must be ${wanted}, not ${nameOfType(value)}`);
    return undefined;
  }
}

/** Reports every item whose key stood earlier in the list. */
export function reportDuplicates<T>(
  items: readonly Item<T>[],
  problems: Problems,
  describe: (value: T) => { readonly key: string; readonly label: string },
): void {
  const seen = new Set<string>();
  for (const { value, path } of items) {
    const { key, label } = describe(value);
    if (seen.has(key)) problems.add(path, `duplicate definition of ${label}`);
    seen.add(key);
  }
}

function nameOfType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return typeof value === "string" ? `"${value}"` : String(value);
}
