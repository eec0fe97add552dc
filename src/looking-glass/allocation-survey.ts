import type { Allocation } from "../allocation/address-book.ts";
import { Allocator } from "../allocation/allocator.ts";
import type { PoolCounters } from "../allocation/counters.ts";
import type { Labels } from "../allocation/pool-directory.ts";
import { isUnmet } from "../allocation/reason.ts";
import type { Pool, PoolName } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { allocationCause } from "../inspection/explain/allocation-remedy.ts";
import { compareAddresses, type IpAddress } from "../net/ip-address.ts";
import type { Outcome } from "./service-judgement.ts";

/** What a survey looks at. */
export interface SurveyInput {
  readonly services: readonly Service[];
  readonly pools: ReadonlyMap<PoolName, Pool>;
  readonly namespaces: ReadonlyMap<string, Labels>;
  readonly loadBalancerClass: string | undefined;
}

/** Who holds an address. */
export interface Holding {
  readonly ip: IpAddress;
  readonly services: readonly string[];
}

/** What is in a pool. */
export interface PoolSurvey {
  readonly pool: Pool;
  readonly counters: PoolCounters;
  /** In the order of addresses; made when it is asked for, which is rare. */
  readonly holdings: () => readonly Holding[];
  /** Services that hold addresses of it. */
  readonly holders: number;
  /** When those were created, in milliseconds since 1970. */
  readonly created: readonly number[];
}

export interface AllocationSurvey {
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly pools: readonly PoolSurvey[];
}

/** Services looked at in one go: a millisecond or two. */
const AT_ONCE = 64;

/**
 * What a controller that starts now would make of all Services, in many small steps: it yields after each. Who holds something keeps
 * it; of those that have to wait each is looked at once.
 */
export function* surveyAllocation(input: SurveyInput): Generator<undefined, AllocationSurvey> {
  const allocator = new Allocator(input.loadBalancerClass);
  allocator.setConfig(input.pools, input.namespaces);
  for (let i = 0; i < input.services.length; i++) {
    const service = input.services[i];
    if (service !== undefined) allocator.reclaim(service);
    if (i % AT_ONCE === AT_ONCE - 1) yield;
  }
  const held = yield* allocations(allocator, input.services);
  const pools = yield* poolSurveys(allocator, input.pools, held);
  return { outcomes: yield* outcomesOf(allocator, input), pools };
}

interface Held extends Pick<Allocation, "pool" | "ips"> {
  readonly key: string;
  readonly created: number;
}

function* allocations(
  allocator: Allocator,
  services: readonly Service[],
): Generator<undefined, ReadonlyMap<string, readonly Held[]>> {
  const held = new Map<string, Held[]>();
  let seen = 0;
  for (const service of services) {
    const key = keyOfService(service);
    const allocation = allocator.allocation(key);
    if (++seen % AT_ONCE === 0) yield;
    if (allocation === undefined) continue;
    const { pool, ips } = allocation;
    const one = { key, pool, ips, created: Date.parse(service.metadata.creationTimestamp ?? "") };
    const list = held.get(pool);
    if (list === undefined) held.set(pool, [one]);
    else list.push(one);
  }
  return held;
}

function* poolSurveys(
  allocator: Allocator,
  pools: SurveyInput["pools"],
  held: ReadonlyMap<string, readonly Held[]>,
): Generator<undefined, readonly PoolSurvey[]> {
  const surveys: PoolSurvey[] = [];
  for (const pool of pools.values()) {
    const counters = allocator.countersOf(pool.name);
    const tenants = held.get(pool.name) ?? [];
    if (counters === undefined) continue;
    yield;
    const holdings = (): readonly Holding[] => holdingsOf(tenants);
    surveys.push({ pool, counters, holdings, holders: tenants.length, created: tenants.map(({ created }) => created) });
  }
  return surveys;
}

function holdingsOf(tenants: readonly Held[]): readonly Holding[] {
  const byAddress = new Map<string, { readonly ip: IpAddress; readonly services: string[] }>();
  for (const { key, ips } of tenants) {
    for (const ip of ips) {
      const known = byAddress.get(ip.toString());
      if (known === undefined) byAddress.set(ip.toString(), { ip, services: [key] });
      else known.services.push(key);
    }
  }
  return [...byAddress.values()].sort((a, b) => compareAddresses(a.ip, b.ip));
}

function* outcomesOf(allocator: Allocator, input: SurveyInput): Generator<undefined, ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const [onlyPool] = [...input.pools.keys()];
  let seen = 0;
  for (const service of input.services) {
    if (++seen % AT_ONCE === 0) yield;
    const { key, outcome, message, pool } = allocator.converge(service);
    if (!isUnmet(outcome)) {
      outcomes.set(key, { pool, unmet: undefined });
      continue;
    }
    const full = input.pools.size === 1 ? onlyPool : undefined;
    const { name: reason, field, words, change: remedy } = allocationCause(service, { outcome, message }, full);
    outcomes.set(key, { pool, unmet: { reason, message: words, field, remedy } });
  }
  return outcomes;
}
