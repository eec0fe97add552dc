import type { Installation } from "./installation.ts";
import type { Given, GivenObjects } from "./objects.ts";

/** Whose release it is, as its label says: Helm looks for no other. */
export const HELM_OWNER = "helm";
/** Of a release that Helm is not to find. */
export const HIDDEN_OWNER = "herald-adopt";

/** Where Helm remembers a release, one record for each revision: it finds them by these labels. */
export function releaseRecords(
  { helmRelease, namespace }: Pick<Installation, "helmRelease" | "namespace">,
  objects: GivenObjects,
  owner: string,
): readonly Given[] {
  if (helmRelease === undefined) return [];
  const isOne = ({ namespace: where, labels }: Given): boolean =>
    where === namespace && labels["owner"] === owner && labels["name"] === helmRelease;
  return [...objects.of("Secret"), ...objects.of("ConfigMap")].filter(isOne);
}
