import type { RawObject } from "../api/object.ts";
import { isFields } from "../api/read-object.ts";
import type { ManifestSource } from "./manifest-source.ts";

/** An object of the folder, with the namespace that it goes to, and the file it is in. */
export interface FolderObject {
  readonly file: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly raw: RawObject & { readonly kind: string };
}

/** An object that the API does not take, and what it says. */
export interface Refused {
  readonly object: FolderObject;
  readonly message: string;
}

/** Kinds that belong to Herald's namespace; those of users are in `default` when they do not say. */
const OURS: ReadonlySet<string> = new Set([
  "IPAddressPool",
  "BGPPeer",
  "BGPAdvertisement",
  "L2Advertisement",
  "Community",
  "BFDProfile",
  "Secret",
]);
const WITHOUT_NAMESPACE: ReadonlySet<string> = new Set(["Node", "Namespace"]);

/** The documents of a file one by one: lists as of `kubectl get -o yaml` are taken apart, empty ones passed over. */
export function documentsOf({ file, documents }: ManifestSource): readonly unknown[] {
  return documents.flatMap((document) => {
    if (document === null || document === undefined) return [];
    if (!isFields(document) || document["kind"] !== "List") return [document];
    const items: unknown = document["items"];
    return Array.isArray(items) ? documentsOf({ file, documents: items }) : [document];
  });
}

/** A document with its namespace filled in, as `kubectl apply` with Herald's namespace would; undefined for what is no object. */
export function folderObject(file: string, document: unknown, ours: string): FolderObject | undefined {
  if (!isFields(document)) return undefined;
  const { kind, metadata } = document;
  if (typeof kind !== "string" || !isFields(metadata)) return undefined;
  const { name, namespace: given } = metadata;
  if (typeof name !== "string") return undefined;
  const implied = OURS.has(kind) ? ours : "default";
  const named = typeof given === "string" && given !== "" ? given : implied;
  const namespace = WITHOUT_NAMESPACE.has(kind) ? "" : named;
  const meta = { ...metadata, name, ...(namespace === "" ? {} : { namespace }) };
  return { file, kind, namespace, name, raw: { ...document, kind, metadata: meta } };
}

/** Equal for one object, whatever the version it is written in. */
export function identityOf({ kind, namespace, name }: Pick<FolderObject, "kind" | "namespace" | "name">): string {
  return JSON.stringify([kind, namespace, name]);
}

/** As people call it. */
export function titleOf({ kind, namespace, name }: Pick<FolderObject, "kind" | "namespace" | "name">): string {
  return namespace === "" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
