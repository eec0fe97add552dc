import type { Manifests } from "../api/manifests.ts";
import type { RawObject } from "../api/object.ts";

const KINDS = ["pools", "peers", "bgpAdvertisements", "l2Advertisements", "communities", "bfdProfiles"] as const;

/**
 * Leaves out configuration of other namespaces: a controller reads only its own, and the Secrets there. An object that
 * names no namespace goes wherever it is applied, and so counts.
 */
export function onlyNamespace(
  manifests: Manifests,
  namespace: string | undefined,
): { readonly manifests: Manifests; readonly notes: readonly string[] } {
  const all = KINDS.flatMap((kind) => manifests[kind]);
  const found = [...new Set(all.map(namespaceOf))].filter((name) => name !== "").sort();
  const wanted = new Set(namespace === undefined ? found : [namespace]);
  const isOurs = (object: RawObject): boolean => wanted.has(namespaceOf(object)) || namespaceOf(object) === "";
  const taken = (kind: (typeof KINDS)[number]): readonly RawObject[] => manifests[kind].filter(isOurs);
  return {
    manifests: {
      ...manifests,
      pools: taken("pools"),
      peers: taken("peers"),
      bgpAdvertisements: taken("bgpAdvertisements"),
      l2Advertisements: taken("l2Advertisements"),
      communities: taken("communities"),
      bfdProfiles: taken("bfdProfiles"),
      secrets: manifests.secrets.filter((secret) => wanted.size === 0 || wanted.has(secret.metadata.namespace ?? "")),
    },
    notes: namespace === undefined ? severalNote(found) : all.filter((object) => !isOurs(object)).map(ignoredNote),
  };
}

function severalNote(found: readonly string[]): readonly string[] {
  if (found.length < 2) return [];
  return [`configuration comes from several namespaces (${found.join(", ")}); a controller reads one: see --namespace`];
}

function ignoredNote({ kind, metadata: { name, namespace } }: RawObject): string {
  return `${kind} ${name} is in namespace ${namespace}, not in that of --namespace: ignored`;
}

function namespaceOf({ metadata }: RawObject): string {
  return metadata.namespace ?? "";
}
