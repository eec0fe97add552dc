import type { Answer, Column, ResourceType, ResourceVersion, Strategy } from "../resource.ts";
import type { Schema } from "../schema/schema.ts";
import { compileValidator } from "../schema/validation.ts";

/** What differs between built-in kinds; everything left out has the common value. */
export interface Row {
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly plural: string;
  readonly short?: readonly string[];
  readonly categories?: readonly string[];
  readonly cluster?: true;
  readonly status?: true;
  readonly counted?: true;
  readonly conditional?: true;
  /** The name may be anything that fits into a path, `system:basic-user` for one. */
  readonly pathNames?: true;
  readonly answer?: Answer;
  readonly selectable?: readonly string[];
  readonly schema: Schema;
  readonly columns: readonly Column[];
  readonly strategy?: Strategy;
}

/** The one version that most built-in kinds have. */
export function versionOf(row: {
  group?: string;
  version?: string;
  schema: Schema;
  columns: readonly Column[];
}): ResourceVersion {
  const group = row.group ?? "";
  const name = row.version ?? "v1";
  return {
    group,
    name,
    apiVersion: group === "" ? name : `${group}/${name}`,
    schema: row.schema,
    validate: compileValidator(row.schema),
    rules: undefined,
    columns: row.columns,
    deprecation: undefined,
  };
}

/** The kind that a row describes. */
export function typeOf(row: Row): ResourceType {
  const storage = versionOf(row);
  return {
    group: row.group ?? "",
    plural: row.plural,
    singular: row.kind.toLowerCase(),
    kind: row.kind,
    listKind: `${row.kind}List`,
    shortNames: row.short ?? [],
    categories: row.categories ?? [],
    namespaced: row.cluster !== true,
    versions: [storage],
    storage,
    statusSubresource: row.status === true,
    custom: false,
    counted: row.counted === true,
    unconditionalUpdate: row.conditional !== true,
    pathNames: row.pathNames === true,
    answer: row.answer,
    selectable: row.selectable ?? [],
    strategy: row.strategy ?? {},
    convert: (object) => object,
  };
}
