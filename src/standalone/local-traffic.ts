import { isFields } from "../api/read-object.ts";
import { type FolderObject, identityOf, titleOf } from "./folder-object.ts";
import type { HealthCheck } from "./health-check.ts";

const ADDRESS_ANNOTATIONS = ["metallb.io/loadBalancerIPs", "metallb.universe.tf/loadBalancerIPs"];

/**
 * A checked Service as hosts share it: traffic goes where it works. What other hosts say of theirs must not make this one announce
 * it, as the policy Cluster would.
 */
export function asSharedService(
  object: FolderObject,
  checks: readonly Pick<HealthCheck, "namespace" | "service">[],
): FolderObject {
  const isChecked = checks.some(
    ({ namespace, service: name }) => identityOf({ kind: "Service", namespace, name }) === identityOf(object),
  );
  const { spec } = object.raw;
  if (!isChecked || !isFields(spec) || spec["type"] !== "LoadBalancer") return object;
  return { ...object, raw: { ...object.raw, spec: { ...spec, externalTrafficPolicy: "Local" } } };
}

/** Services that ask for no address by itself: each host gives its own. */
export function unpinned(objects: readonly FolderObject[]): readonly string[] {
  const asks = ({ raw: { spec, metadata } }: FolderObject): boolean =>
    (isFields(spec) && spec["loadBalancerIP"] !== undefined) ||
    ADDRESS_ANNOTATIONS.some((key) => metadata.annotations?.[key] !== undefined);
  const balanced = objects.filter(
    ({ kind, raw }) => kind === "Service" && isFields(raw.spec) && raw.spec["type"] === "LoadBalancer",
  );
  return balanced
    .filter((object) => !asks(object))
    .map(
      (object) =>
        `${titleOf(object)} asks for no address: other hosts may give it another one (metallb.io/loadBalancerIPs)`,
    );
}
