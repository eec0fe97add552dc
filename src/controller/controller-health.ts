import { type Micros, seconds } from "../net/micros.ts";
import type { HealthCheck } from "../system/health.ts";

/** What of a controller can be asked how it is. What it does not run is absent. */
export interface ControllerParts {
  readonly caches: { unsynced(): readonly string[] };
  /** For how long the Lease was not seen to change; undefined before it was seen. */
  readonly lease?: () => { readonly unchangedFor: Micros | undefined };
  readonly webhook?: { waiting(): readonly string[] } | undefined;
}

/** A leader renews it every half a second, and whoever follows sees that, or takes over within four. */
const STALE_AFTER = seconds(15);

/** What makes a controller fit to serve, as the leader or beside one. */
export function controllerHealth({ caches, lease, webhook }: ControllerParts): {
  readonly healthz: readonly HealthCheck[];
  readonly readyz: readonly HealthCheck[];
} {
  const checks: readonly (HealthCheck | undefined)[] = [
    { name: "informers", trouble: () => waitingFor(caches.unsynced()) },
    lease && { name: "lease", trouble: () => leaseTrouble(lease().unchangedFor) },
    webhook && { name: "webhook", trouble: () => waitingFor(webhook.waiting()) },
  ];
  // A process that answers is alive: its one thread is the one that answers, and the API's absence is nobody's fault here.
  return { healthz: [], readyz: checks.filter((check) => check !== undefined) };
}

function waitingFor(missing: readonly string[]): string | undefined {
  return missing.length === 0 ? undefined : `waiting for ${missing.join(", ")}`;
}

function leaseTrouble(unchangedFor: Micros | undefined): string | undefined {
  if (unchangedFor === undefined) return "the Lease has not been read";
  if (unchangedFor < STALE_AFTER) return undefined;
  return `the Lease has not been seen to change for ${Math.floor(unchangedFor / seconds(1))} s`;
}
