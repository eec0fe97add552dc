import type { WatchReading } from "../kubernetes/informer.ts";
import { type Micros, seconds } from "../net/micros.ts";
import type { HealthCheck } from "../system/health.ts";

/** What of a controller can be asked how it is. What it does not run is absent. */
export interface ControllerParts {
  readonly caches: { unsynced(): readonly string[] };
  /** How each list and watch fares. */
  readonly watches: () => readonly Pick<WatchReading, "resource" | "lastError">[];
  /** For how long the Lease was not seen to change; undefined before it was seen. */
  readonly lease?: () => { readonly unchangedFor: Micros | undefined; readonly duration: Micros };
  readonly webhook?: { waiting(): readonly string[] } | undefined;
}

/** A leader renews it eight times in its duration, and whoever follows sees that, or takes over when it is over. */
const STALE_AFTER = seconds(15);
/**
 * What the API server says of a list with objects stored in another version, while nobody converts them. Its calls reach replicas that
 * are ready, so that one which waited for this list would wait for itself.
 */
const WAITS_FOR_US = /conversion webhook for metallb\.io|storage is \(re\)initializing/;

/** What makes a controller fit to serve, as the leader or beside one. */
export function controllerHealth({ caches, watches, lease, webhook }: ControllerParts): {
  readonly healthz: readonly HealthCheck[];
  readonly readyz: readonly HealthCheck[];
} {
  const waitsForUs = (plural: string): boolean =>
    webhook !== undefined &&
    watches().some(({ resource, lastError = "" }) => resource === plural && WAITS_FOR_US.test(lastError));
  const checks: readonly (HealthCheck | undefined)[] = [
    { name: "informers", trouble: () => waitingFor(caches.unsynced().filter((plural) => !waitsForUs(plural))) },
    lease && { name: "lease", trouble: () => leaseTrouble(lease()) },
    webhook && { name: "webhook", trouble: () => waitingFor(webhook.waiting()) },
  ];
  // A process that answers is alive: its one thread is the one that answers, and the API's absence is nobody's fault here.
  return { healthz: [], readyz: checks.filter((check) => check !== undefined) };
}

function waitingFor(missing: readonly string[]): string | undefined {
  return missing.length === 0 ? undefined : `waiting for ${missing.join(", ")}`;
}

function leaseTrouble({
  unchangedFor,
  duration,
}: ReturnType<NonNullable<ControllerParts["lease"]>>): string | undefined {
  if (unchangedFor === undefined) return "the Lease has not been read";
  if (unchangedFor < Math.max(STALE_AFTER, 2 * duration)) return undefined;
  return `the Lease has not been seen to change for ${Math.floor(unchangedFor / seconds(1))} s`;
}
