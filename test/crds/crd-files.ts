import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { RuleBook } from "../../src/apiserver/schema/cel.ts";
import type { Schema } from "../../src/apiserver/schema/schema.ts";
import { applyDefaults } from "../../src/apiserver/schema/structure.ts";
import { compileValidator } from "../../src/apiserver/schema/validation.ts";

interface Column {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly priority?: number;
}

export interface CrdVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
  readonly subresources?: { readonly status?: object };
  readonly additionalPrinterColumns?: readonly Column[];
  readonly schema: { readonly openAPIV3Schema: Schema };
}

export interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: Readonly<Record<string, unknown>> & { readonly kind: string; readonly plural: string };
    readonly versions: readonly CrdVersion[];
  };
}

const folder = new URL("../../crds/", import.meta.url);

/** Every CRD of the repository, by file name. */
export const CRD_FILES: ReadonlyMap<string, Crd> = new Map(
  readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .map((name) => [name, parse(readFileSync(new URL(name, folder), "utf8"))]),
);

export function crdVersion(kind: string, version: string): CrdVersion {
  const crd = [...CRD_FILES.values()].find(({ spec }) => spec.names.kind === kind);
  const found = crd?.spec.versions.find(({ name }) => name === version);
  if (found === undefined) throw new Error(`no CRD for ${kind} ${version}`);
  return found;
}

/** The schema at a path such as `spec.nodeSelectors[].matchLabels`. */
export function schemaAt(kind: string, version: string, path: string): Schema {
  let schema: Schema | undefined = crdVersion(kind, version).schema.openAPIV3Schema;
  for (const step of path.replaceAll("[]", ".[]").split(".")) {
    schema = step === "[]" ? schema?.items : schema?.properties?.[step];
  }
  if (schema === undefined) throw new Error(`${kind} ${version} has no ${path}`);
  return schema;
}

interface Judge {
  readonly schema: Schema;
  readonly validate: ReturnType<typeof compileValidator>;
  readonly rules: RuleBook;
}
const judges = new Map<string, Judge>();

function judgeOf(kind: string, version: string): Judge {
  const id = `${kind} ${version}`;
  const known = judges.get(id);
  if (known !== undefined) return known;
  const schema = crdVersion(kind, version).schema.openAPIV3Schema;
  const made = { schema, validate: compileValidator(schema), rules: new RuleBook(schema) };
  judges.set(id, made);
  return made;
}

/** What an API server says about an object: its schema, list types and rules. Empty is accepted. */
export function judge(
  object: { readonly apiVersion: string; readonly kind: string },
  old?: unknown,
): readonly string[] {
  const { schema, validate, rules: book } = judgeOf(object.kind, object.apiVersion.split("/")[1] ?? "");
  const defaulted = applyDefaults(structuredClone(object), schema) ?? object;
  const causes = validate(defaulted).map(({ field, message }) => `${field}: ${message}`);
  if (causes.length > 0) return causes;
  const rules = book.check(defaulted, old).map(({ field, message }) => `${field}: ${message}`);
  return [...rules, ...duplicates(defaulted, schema, "")];
}

/** List types `set` and `map` forbid an entry twice (structural schema rule of the API server). */
function duplicates(value: unknown, schema: Schema, path: string): readonly string[] {
  if (Array.isArray(value)) {
    const found = value.flatMap((item: unknown, i) => duplicates(item, schema.items ?? {}, `${path}[${i}]`));
    const keys = schema["x-kubernetes-list-map-keys"];
    const identity = (item: unknown): string =>
      JSON.stringify(keys === undefined ? item : keys.map((key) => Object(item)[key]));
    const type = schema["x-kubernetes-list-type"];
    const twice = new Set(value.map(identity)).size < value.length;
    return twice && (type === "set" || type === "map") ? [...found, `${path}: Duplicate value`] : found;
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    duplicates(member, schema.properties?.[key] ?? {}, path === "" ? key : `${path}.${key}`),
  );
}
