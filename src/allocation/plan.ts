import type { Pool, PoolName, ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { ingressTexts, keyOfService } from "../api/service-addresses.ts";
import { Allocator } from "./allocator.ts";
import { type Convergence, withState } from "./convergence.ts";
import { ALLOCATION_FAILED } from "./events.ts";
import type { Labels } from "./pool-directory.ts";

export interface AllocationInput {
  readonly services: Iterable<Service>;
  readonly pools: ReadonlyMap<PoolName, Pool>;
  /** Labels by namespace. */
  readonly namespaces: ReadonlyMap<string, Labels>;
  /** Absent: Services without a class are looked after. */
  readonly loadBalancerClass?: string;
}

/** What a controller that starts now would make of these Services: the same for every order they are given in. */
export function planAllocation(input: AllocationInput): readonly Convergence[] {
  const allocator = new Allocator(input.loadBalancerClass);
  allocator.setConfig(input.pools, input.namespaces);
  return convergeAll(allocator, input.services);
}

/**
 * Looks at every Service as MetalLB does after a reload: first each is put back on the addresses its status names, then
 * those that own most go first. The results come in that order, one for each Service.
 *
 * It ends: a Service waits because it has too little, so another look can only give to it and never takes anything, and
 * only taking makes others worth another look. The second round is therefore the last.
 */
export function convergeAll(allocator: Allocator, services: Iterable<Service>): readonly Convergence[] {
  const named = new Map([...services].map((service) => [keyOfService(service), service]));
  const current = new Map([...named].sort(([, a], [, b]) => compareForReload(a, b)));
  for (const service of current.values()) allocator.reclaim(service);
  const results = new Map<ServiceKey, Convergence>();
  for (let todo: Iterable<ServiceKey> = [...current.keys()]; ; todo = allocator.waiting()) {
    let again = false;
    for (const key of todo) {
      const service = current.get(key);
      if (service === undefined) continue;
      const result = allocator.converge(service);
      results.set(key, joined(results.get(key), result));
      current.set(key, withState(service, result.desired));
      again ||= result.reprocess.length > 0;
    }
    if (!again) return [...results.values()];
  }
}

/** Two looks as one: the writer still has to write, a second look that moved nothing explains nothing new, and a failure that is over is not worth an event. */
function joined(before: Convergence | undefined, after: Convergence): Convergence {
  if (before === undefined) return after;
  const served = after.ips.length > 0;
  const said = before.events.filter(({ reason }) => !(served && reason === ALLOCATION_FAILED));
  const { outcome, message } = served && !after.changed ? before : after;
  return { ...after, outcome, message, changed: before.changed || after.changed, events: [...said, ...after.events] };
}

/** Services with more status entries first (3.7), then the older, then by name: a total order. */
function compareForReload(a: Service, b: Service): number {
  return (
    ingressTexts(b).length - ingressTexts(a).length ||
    compareText(a.metadata.creationTimestamp || YOUNGEST, b.metadata.creationTimestamp || YOUNGEST) ||
    compareText(a.metadata.namespace ?? "", b.metadata.namespace ?? "") ||
    compareText(a.metadata.name, b.metadata.name)
  );
}

/** Sorts behind every date: an object without a creation time has not been created yet. */
const YOUNGEST = "~";

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
