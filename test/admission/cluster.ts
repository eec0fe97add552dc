import type { Admission, ClusterObjects, ProposedChange } from "../../src/admission/change.ts";
import { reviewChange } from "../../src/admission/review.ts";
import type { RawObject } from "../../src/api/object.ts";

/** A cluster in which only some lists have objects. */
export function cluster(objects: Partial<ClusterObjects> = {}): ClusterObjects {
  return {
    namespace: "metallb-system",
    nodes: [],
    pools: [],
    peers: [],
    bgpAdvertisements: [],
    l2Advertisements: [],
    communities: [],
    bfdProfiles: [],
    ...objects,
  };
}

function change(operation: ProposedChange["operation"], object: RawObject): Omit<ProposedChange, "object"> {
  const { kind = "", metadata } = object;
  return { operation, kind, namespace: metadata.namespace ?? "", name: metadata.name };
}

export const create = (object: RawObject): ProposedChange => ({ ...change("CREATE", object), object });
export const update = (oldObject: RawObject, object: RawObject): ProposedChange => ({
  ...change("UPDATE", object),
  object,
  oldObject,
});
export const remove = (oldObject: RawObject): ProposedChange => ({ ...change("DELETE", oldObject), oldObject });

/** The verdict in lines: `field: message` of each cause, or `allowed`, then the warnings. */
export function verdict(proposed: ProposedChange, objects: Partial<ClusterObjects> = {}): readonly string[] {
  return linesOf(reviewChange(proposed, cluster(objects)));
}

function linesOf(admission: Admission): readonly string[] {
  const causes = admission.allowed ? ["allowed"] : admission.causes.map(({ field, message }) => `${field}: ${message}`);
  return [...causes, ...admission.warnings.map((warning) => `Warning: ${warning}`)];
}
