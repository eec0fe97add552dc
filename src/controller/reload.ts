import { Allocator } from "../allocation/allocator.ts";
import type { Labels } from "../allocation/pool-directory.ts";
import type { Pool, PoolName } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { objectKey } from "../api/object.ts";
import type { Micros } from "../net/micros.ts";
import type { TurnGuard } from "../system/turn-guard.ts";

/** How far long work may go at a time: the Lease is to be renewed in between. */
export interface Pace {
  readonly guard: TurnGuard;
  readonly signal: AbortSignal;
}

/** What a leader decides by. */
export interface Rules {
  readonly pools: ReadonlyMap<PoolName, Pool>;
  readonly namespaces: ReadonlyMap<string, Labels>;
  readonly loadBalancerClass: string;
}

/** Does one after the other, a few milliseconds of it in each turn; what is left when the signal is aborted is not done. */
export async function inTurns<T>(items: Iterable<T>, act: (item: T) => void, { guard, signal }: Pace): Promise<void> {
  for (const item of items) {
    if (guard.over !== undefined) await guard.over;
    if (signal.aborted) return;
    act(item);
  }
}

/** Those with addresses first, so that they keep them; then by age and name: the same order at every start (reference 3.7). */
export function inReloadOrder(services: Iterable<Service>): readonly Service[] {
  const ranked = [...services].map((service) => ({
    service,
    rank: service.status?.loadBalancer?.ingress?.length ?? 0,
    age: `${service.metadata.creationTimestamp ?? "~"} ${objectKey(service)}`,
  }));
  return ranked.sort((a, b) => b.rank - a.rank || (a.age < b.age ? -1 : 1)).map(({ service }) => service);
}

/**
 * The Services that an earlier leader may have had something to write for. Found out by a rehearsal: whoever led before knew the
 * same Services and pools.
 */
export async function exposedServices(
  all: Iterable<Service>,
  { pools, namespaces, loadBalancerClass }: Rules,
  { at, ...pace }: Pace & { readonly at: Micros },
): Promise<readonly Service[]> {
  const rehearsal = new Allocator(loadBalancerClass);
  rehearsal.setConfig(pools, namespaces);
  const services = inReloadOrder(all);
  const exposed: Service[] = [];
  await inTurns(services, (service) => rehearsal.reclaim(service), pace);
  const look = (service: Service): void => {
    const { changed } = rehearsal.converge(service, at);
    const { type, loadBalancerClass: of = "" } = service.spec;
    const isOurs = type === "LoadBalancer" && of === loadBalancerClass;
    const hasNone = (service.status?.loadBalancer?.ingress ?? []).length === 0;
    if (changed || (isOurs && hasNone)) exposed.push(service);
  };
  await inTurns(services, look, pace);
  return exposed;
}
