import type { KubernetesObject } from "../api/object.ts";
import { isFields } from "../api/read-object.ts";

/** What the Secret holds, as PEM texts; what is absent is empty. Keys are named as MetalLB names them. */
export interface CertificateTexts {
  /** `ca.crt`: the authority that issues, then those that callers must go on trusting. */
  readonly authorities: string;
  readonly authorityKey: string;
  readonly certificate: string;
  readonly key: string;
}

/** The Secret as it was read, with what a guarded write needs. */
export interface StoredSecret extends KubernetesObject {
  readonly texts: CertificateTexts;
  /** All members as they came: labels and annotations of others stay. */
  readonly raw: Readonly<Record<string, unknown>>;
}

const MEMBERS = { authorities: "ca.crt", authorityKey: "ca.key", certificate: "tls.crt", key: "tls.key" } as const;

/** Reads a Secret of the API. */
export function readStoredSecret(raw: unknown): StoredSecret | undefined {
  if (!isFields(raw) || !isFields(raw["metadata"])) return undefined;
  const { name, namespace, resourceVersion } = raw["metadata"];
  if (typeof name !== "string") return undefined;
  const data = isFields(raw["data"]) ? raw["data"] : {};
  const text = (member: string): string => {
    const value = data[member];
    return typeof value === "string" ? Buffer.from(value, "base64").toString("utf8") : "";
  };
  return {
    metadata: {
      name,
      ...(typeof namespace === "string" ? { namespace } : {}),
      ...(typeof resourceVersion === "string" ? { resourceVersion } : {}),
    },
    texts: {
      authorities: text(MEMBERS.authorities),
      authorityKey: text(MEMBERS.authorityKey),
      certificate: text(MEMBERS.certificate),
      key: text(MEMBERS.key),
    },
    raw,
  };
}

/** The body of a write: the Secret that was read with other texts, or a new one. */
export function writeSecretBody(
  texts: CertificateTexts,
  place: { readonly namespace: string; readonly name: string; readonly before: StoredSecret | undefined },
): object {
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  const before = place.before?.raw ?? {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: place.name, namespace: place.namespace },
    type: "Opaque",
  };
  const members = {
    [MEMBERS.authorities]: encode(texts.authorities),
    [MEMBERS.authorityKey]: encode(texts.authorityKey),
    [MEMBERS.certificate]: encode(texts.certificate),
    [MEMBERS.key]: encode(texts.key),
  };
  return { ...before, data: { ...(isFields(before["data"]) ? before["data"] : {}), ...members } };
}
