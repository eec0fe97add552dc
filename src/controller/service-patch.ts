import type { DesiredState } from "../allocation/convergence.ts";
import { ALLOCATED_FROM_POOL } from "../api/annotations.ts";
import type { Service } from "../api/core.ts";

/**
 * The merge patch of `services/status` that makes the Service say what is desired. It carries the resourceVersion that the
 * decision was made on: a Service that changed meanwhile is decided anew, not overwritten. The annotation travels with the
 * status, as MetalLB writes it: the API server keeps metadata changes made there, and `services` proper need no permission.
 */
export function servicePatch(service: Service, desired: DesiredState): object {
  return {
    metadata: {
      resourceVersion: service.metadata.resourceVersion,
      annotations: { [ALLOCATED_FROM_POOL]: desired.poolAnnotation ?? null },
    },
    // A merge patch removes with null: an empty list would stay behind as `ingress: []`.
    status: { loadBalancer: { ingress: desired.ingress.length === 0 ? null : desired.ingress } },
  };
}
