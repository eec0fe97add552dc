import { FieldReader, isFields, Problems } from "../api/read-object.ts";

/** An object of the cluster as somebody gave it, whatever its kind. */
export interface Given {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The whole of it; a field of the wrong type reads as absent. */
  readonly fields: FieldReader;
  /** As it was given. */
  readonly raw: unknown;
}

/** The objects of a dump, by kind and in the order they came. */
export class GivenObjects {
  readonly #byKind = new Map<string, Given[]>();

  /** Lists are taken apart; documents without kind and name are passed over: `sortManifests` reports them. */
  constructor(documents: readonly unknown[]) {
    for (const object of documents.flatMap((document) => objectsOf(document))) {
      const list = this.#byKind.get(object.kind) ?? [];
      list.push(object);
      this.#byKind.set(object.kind, list);
    }
  }

  /** All of one kind; `group` tells kinds of one name apart. */
  of(kind: string, group?: string): readonly Given[] {
    const all = this.#byKind.get(kind) ?? [];
    return group === undefined ? all : all.filter(({ apiVersion }) => groupOf(apiVersion) === group);
  }

  find(kind: string, name: string): Given | undefined {
    return this.of(kind).find((object) => object.name === name);
  }
}

/** `Kind namespace/name`, or without the namespace for cluster-scoped objects. */
export function idOf({ kind, namespace, name }: Pick<Given, "kind" | "namespace" | "name">): string {
  return `${kind} ${namespace === "" ? "" : `${namespace}/`}${name}`;
}

function objectsOf(document: unknown, implied: Readonly<Record<string, unknown>> = {}): readonly Given[] {
  if (!isFields(document)) return [];
  const whole = { ...implied, ...document };
  const { kind, apiVersion, items } = whole;
  if (typeof kind === "string" && kind.endsWith("List") && Array.isArray(items)) {
    const itemKind = kind.slice(0, -"List".length);
    return items.flatMap((item: unknown) => objectsOf(item, itemKind === "" ? {} : { kind: itemKind, apiVersion }));
  }
  const fields = FieldReader.of(whole, "", new Problems());
  const meta = fields.object("metadata");
  const name = meta?.string("name");
  if (meta === undefined || name === undefined || typeof kind !== "string") return [];
  return [
    {
      apiVersion: fields.string("apiVersion") ?? "",
      kind,
      namespace: meta.string("namespace") ?? "",
      name,
      labels: meta.stringMap("labels"),
      annotations: meta.stringMap("annotations"),
      fields,
      raw: whole,
    },
  ];
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}
