import type { Environment } from "@marcbachmann/cel-js";
import { EvaluationError, ParseError, TypeError as RuleTypeError } from "@marcbachmann/cel-js";
import { asArray, asObject, isObject, type JsonObject, jsonEqual } from "../json.ts";
import type { Cause } from "../status.ts";
import { ruleEnvironment } from "./cel-library.ts";
import { memberSchema, type Rule, type Schema } from "./schema.ts";

type Evaluate = (context: { self: unknown; oldSelf: unknown }) => unknown;

interface Compiled {
  readonly rule: Rule;
  readonly evaluate: Evaluate;
  /** A transition rule: it compares with the value before, so it says nothing about a new one. */
  readonly needsOld: boolean;
}

/** A value, what it was before the write (undefined when new), and where it is. */
interface Place {
  readonly value: unknown;
  readonly old: unknown;
  readonly path: string;
}

/** Evaluates the `x-kubernetes-validations` of a schema; the rules are compiled once. */
export class RuleBook {
  readonly #schema: Schema;
  readonly #compiled = new Map<Rule, Compiled>();
  #env: Environment | undefined;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** Every rule the value breaks. `old` is the stored value of an update. */
  check(value: unknown, old: unknown): readonly Cause[] {
    const causes: Cause[] = [];
    this.#walk(this.#schema, { value, old, path: "" }, causes);
    return causes;
  }

  #walk(schema: Schema, place: Place, causes: Cause[]): void {
    for (const rule of schema["x-kubernetes-validations"] ?? []) {
      const cause = this.#checkRule(schema, rule, place);
      if (cause !== undefined) causes.push(cause);
    }
    if (Array.isArray(place.value)) this.#walkList(schema, place, causes);
    else if (isObject(place.value)) this.#walkObject(schema, place.value, place, causes);
  }

  #walkObject(schema: Schema, value: JsonObject, place: Place, causes: Cause[]): void {
    for (const [name, member] of Object.entries(value)) {
      const next = memberSchema(schema, name);
      if (next === undefined) continue;
      const path = place.path === "" ? name : `${place.path}.${name}`;
      this.#walk(next, { value: member, old: asObject(place.old)[name], path }, causes);
    }
  }

  #walkList(schema: Schema, place: Place, causes: Cause[]): void {
    if (schema.items === undefined) return;
    for (const [index, entry] of asArray(place.value).entries()) {
      const old = oldEntry(schema, entry, place.old);
      this.#walk(schema.items, { value: entry, old, path: `${place.path}[${index}]` }, causes);
    }
  }

  #checkRule(schema: Schema, rule: Rule, place: Place): Cause | undefined {
    const compiled = this.#compile(rule);
    if (compiled.needsOld && place.old === undefined && rule.optionalOldSelf !== true) return undefined;
    const context = { self: toCel(place.value, schema), oldSelf: toCel(place.old, schema) };
    try {
      if (compiled.evaluate(context) === true) return undefined;
    } catch (error) {
      if (!isRuleError(error)) throw error;
      return broken(rule, place, `rule evaluation error: ${error.message.split("\n")[0]}`);
    }
    return broken(rule, place, rule.message ?? `failed rule: ${rule.rule}`);
  }

  #compile(rule: Rule): Compiled {
    let compiled = this.#compiled.get(rule);
    if (compiled === undefined) {
      this.#env ??= ruleEnvironment();
      compiled = { rule, evaluate: this.#env.parse(rule.rule), needsOld: /\boldSelf\b/.test(rule.rule) };
      this.#compiled.set(rule, compiled);
    }
    return compiled;
  }
}

/** The rules of a schema that are no CEL, with why: a definition that has one is refused. */
export function brokenRules(schema: Schema): readonly { readonly rule: string; readonly why: string }[] {
  const env = ruleEnvironment();
  return allRules(schema).flatMap(({ rule }) => {
    try {
      env.parse(rule);
      return [];
    } catch (error) {
      if (!isRuleError(error)) throw error;
      return [{ rule, why: error.message.split("\n")[0] ?? "" }];
    }
  });
}

function allRules(schema: Schema): readonly Rule[] {
  const { additionalProperties, items, properties } = schema;
  const below = [...Object.values(properties ?? {}), ...(items === undefined ? [] : [items])];
  if (typeof additionalProperties === "object") below.push(additionalProperties);
  return [...(schema["x-kubernetes-validations"] ?? []), ...below.flatMap(allRules)];
}

function isRuleError(error: unknown): error is Error {
  return error instanceof EvaluationError || error instanceof ParseError || error instanceof RuleTypeError;
}

const REASONS = ["FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"];

function broken(rule: Rule, place: Place, message: string): Cause {
  const reason = REASONS.find((known) => known === rule.reason) ?? "FieldValueInvalid";
  const field = `${place.path}${rule.fieldPath ?? ""}`.replace(/^\./, "") || "<nil>";
  if (reason === "FieldValueForbidden") return { reason, field, message: `Forbidden: ${message}` };
  if (reason === "FieldValueRequired") return { reason, field, message: `Required value: ${message}` };
  const shown = isObject(place.value)
    ? `"object"`
    : Array.isArray(place.value)
      ? `"array"`
      : JSON.stringify(place.value);
  return { reason, field, message: `Invalid value: ${shown}: ${message}` };
}

/** Only a list that says how its entries are told apart has an entry's former self. */
function oldEntry(schema: Schema, entry: unknown, old: unknown): unknown {
  const type = schema["x-kubernetes-list-type"];
  if (type === "map") {
    const keys = schema["x-kubernetes-list-map-keys"] ?? [];
    return asArray(old).find((other) => keys.every((key) => jsonEqual(asObject(other)[key], asObject(entry)[key])));
  }
  return type === "set" ? asArray(old).find((other) => jsonEqual(other, entry)) : undefined;
}

/** JSON as CEL sees it through the schema: integers are `int`, not `double`. */
function toCel(value: unknown, schema: Schema | undefined): unknown {
  if (typeof value === "number" && Number.isInteger(value) && schema?.type !== "number") return BigInt(value);
  if (Array.isArray(value)) return value.map((entry) => toCel(entry, schema?.items));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, toCel(member, memberSchema(schema, name))]),
  );
}
