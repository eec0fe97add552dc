import type { DesiredState } from "../allocation/convergence.ts";
import { type AddressConflict, addressConflicts, conditionsWithConflicts } from "../api/address-conflict.ts";
import { ALLOCATED_FROM_POOL, RAISED_FOR_TERM } from "../api/annotations.ts";
import type { Service } from "../api/core.ts";

interface Decided {
  readonly desired: DesiredState;
  readonly conflicts: readonly AddressConflict[];
}

/**
 * The merge patch of `services/status` that makes the Service say what is desired. It carries the resourceVersion that the
 * decision was made on: a Service that changed meanwhile is decided anew, not overwritten. The annotation travels with the
 * status, as MetalLB writes it: the API server keeps metadata changes made there, and `services` proper need no permission.
 */
export function servicePatch(service: Service, { desired, conflicts }: Decided): object {
  // The controller only ever takes conflicts away.
  const conditions = conditionsWithConflicts(service, conflicts, "");
  const says = addressConflicts(service).length === conflicts.length;
  return {
    metadata: {
      resourceVersion: service.metadata.resourceVersion,
      annotations: {
        [ALLOCATED_FROM_POOL]: desired.poolAnnotation ?? null,
        ...(service.metadata.annotations?.[RAISED_FOR_TERM] === undefined ? {} : { [RAISED_FOR_TERM]: null }),
      },
    },
    // A merge patch removes with null: an empty list would stay behind as `ingress: []`.
    status: {
      loadBalancer: { ingress: desired.ingress.length === 0 ? null : desired.ingress },
      ...(says ? {} : { conditions: conditions.length === 0 ? null : conditions }),
    },
  };
}
