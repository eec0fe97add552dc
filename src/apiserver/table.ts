import type { KubeObject } from "./object.ts";
import type { Column } from "./resource.ts";

/** What a row carries beside its cells. */
export type IncludeObject = "None" | "Metadata" | "Object";

/** How a client wants its table. */
export interface TableOptions {
  readonly apiVersion: string;
  readonly include: IncludeObject;
  readonly now: Date;
}

function rowObject(object: KubeObject, options: TableOptions): object | undefined {
  if (options.include === "None") return undefined;
  if (options.include === "Object") return object;
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}

function row(object: KubeObject, columns: readonly Column[], options: TableOptions): object {
  const cells = columns.map((column) => column.cell(object, options.now) ?? null);
  const carried = rowObject(object, options);
  return { cells, ...(carried === undefined ? {} : { object: carried }) };
}

/** A `meta.k8s.io` Table: what `kubectl get` prints. Without column definitions for all but the first event of a watch. */
export function toTable(
  objects: readonly KubeObject[],
  columns: readonly Column[],
  options: TableOptions & { readonly metadata: object; readonly withDefinitions: boolean },
): object {
  const definitions = columns.map(({ name, type, format, description, priority }) => ({
    name,
    type,
    format,
    description,
    priority,
  }));
  return {
    kind: "Table",
    apiVersion: options.apiVersion,
    metadata: options.metadata,
    columnDefinitions: options.withDefinitions ? definitions : null,
    rows: objects.map((object) => row(object, columns, options)),
  };
}
