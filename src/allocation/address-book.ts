import type { Pool, PoolName, ServiceKey } from "../api/config.ts";
import { IntervalSet } from "../net/interval-set.ts";
import type { Family, IpAddress } from "../net/ip-address.ts";
import type { FamilyCounters, PoolCounters } from "./counters.ts";
import { lastWhere, PoolSpace } from "./pool-space.ts";
import { quotedList, type Refusal, refusal } from "./reason.ts";
import { conflictIn, type House, SharedPlaces, type Tenant } from "./sharing.ts";

/** Addresses that a Service holds, all of one pool. */
export interface Allocation extends Tenant {
  readonly pool: PoolName;
  readonly ips: readonly IpAddress[];
}

/** The addresses one pool has of one family, and which of them are in use. */
interface Shelf {
  readonly space: PoolSpace;
  /** Places in use. */
  readonly used: IntervalSet;
  readonly shared: SharedPlaces;
}

interface Library {
  readonly pool: Pool;
  readonly shelves: Readonly<Record<Family, Shelf>>;
}

interface Place {
  readonly library: Library;
  readonly shelf: Shelf;
  readonly rank: bigint;
}

/** One address in use. */
interface Use extends House, Place {}

const NO_PORTS: Map<string, ServiceKey> = new Map();

interface Run {
  readonly first: bigint;
  readonly last: bigint;
  readonly library: Library;
}

/**
 * Who holds which address: the one place that can hand an address out, so the one place that could hand it out twice.
 * Everything costs O(log n) in the number of addresses in use.
 */
export class AddressBook {
  #libraries: ReadonlyMap<PoolName, Library> = new Map();
  #runs: Readonly<Record<Family, readonly Run[]>> = { 4: [], 6: [] };
  #uses = new Map<string, Use>();
  #allocations = new Map<ServiceKey, Allocation>();
  readonly #isShunned: (ip: IpAddress) => boolean;

  /** Shunned addresses are given to those who ask for them, and to nobody else. */
  constructor(isShunned: (ip: IpAddress) => boolean) {
    this.#isShunned = isShunned;
  }

  /**
   * Replaces the pools (3.7). An allocation moves to the pool that has all its addresses now; the Services whose
   * allocation is in no pool any more lose it, and are returned.
   */
  setPools(pools: Iterable<Pool>): readonly ServiceKey[] {
    this.#libraries = new Map([...pools].map((pool) => [pool.name, libraryOf(pool)]));
    this.#runs = { 4: this.#runsOf(4), 6: this.#runsOf(6) };
    const before = this.#allocations;
    this.#uses = new Map();
    this.#allocations = new Map();
    const lost: ServiceKey[] = [];
    for (const allocation of before.values()) {
      const pool = this.poolOf(allocation.ips);
      if (pool === undefined) lost.push(allocation.key);
      else this.#enter(allocation, pool, allocation.ips);
    }
    return lost;
  }

  allocation(key: ServiceKey): Allocation | undefined {
    return this.#allocations.get(key);
  }

  /** Every allocation, in the order they were made. */
  allocations(): Iterable<Allocation> {
    return this.#allocations.values();
  }

  /** The Services on an address, in name order. */
  holders(ip: IpAddress): readonly ServiceKey[] {
    return [...(this.#uses.get(ip.toString())?.holders.keys() ?? [])].sort();
  }

  /** The one pool that hands out all these addresses. */
  poolOf(ips: readonly IpAddress[]): PoolName | undefined {
    const [first, ...others] = ips;
    const pool = first && this.#placeOf(first)?.library.pool.name;
    return others.every((ip) => this.#placeOf(ip)?.library.pool.name === pool) ? pool : undefined;
  }

  /** Of every pool, in the order of `setPools`. */
  counters(): ReadonlyMap<PoolName, PoolCounters> {
    return new Map([...this.#libraries].map(([name, library]) => [name, countersOf(library)]));
  }

  /** Of one pool, which is cheap however many there are. */
  countersOf(pool: PoolName): PoolCounters | undefined {
    const library = this.#libraries.get(pool);
    return library && countersOf(library);
  }

  /** How many addresses of a family a pool has, in use or not. */
  capacity(pool: PoolName, family: Family): bigint {
    return this.#libraries.get(pool)?.shelves[family].space.capacity ?? 0n;
  }

  /** The first address of a pool that is free, or that the Service may share with those on it (3.2), and that nobody shuns. */
  firstAcceptable(pool: PoolName, family: Family, tenant: Tenant): IpAddress | undefined {
    const shelf = this.#libraries.get(pool)?.shelves[family];
    if (shelf === undefined) return undefined;
    const { space, used } = shelf;
    const shuns = (place: bigint): boolean => place < space.capacity && this.#isShunned(space.addressAt(place));
    let free = used.nextFree(0n);
    while (shuns(free)) free = used.nextFree(free + 1n);
    const shared = shelf.shared.first(tenant);
    const rank = shared !== undefined && shared < free && !shuns(shared) ? shared : free;
    return rank < space.capacity ? space.addressAt(rank) : undefined;
  }

  /** Why the Service may not be on these addresses beside those who are (3.6), if it may not. */
  conflict(tenant: Tenant, ips: readonly IpAddress[]): Refusal | undefined {
    for (const ip of ips) {
      const use = this.#uses.get(ip.toString());
      const refused = use && conflictIn(use, tenant, ip);
      if (refused !== undefined) return refused;
    }
    return undefined;
  }

  /** Puts the Service on these addresses and off any others, or says why not and changes nothing. */
  assign(tenant: Tenant, ips: readonly IpAddress[]): Refusal | undefined {
    const pool = this.poolOf(ips);
    if (pool === undefined) {
      return refusal("address-outside-pools", `${quotedList(ips)} is not allowed in config`).refused;
    }
    const conflict = this.conflict(tenant, ips);
    if (conflict !== undefined) return conflict;
    this.release(tenant.key);
    this.#enter(tenant, pool, ips);
    return undefined;
  }

  /** Takes the Service off its addresses, and returns what it had. */
  release(key: ServiceKey): Allocation | undefined {
    const allocation = this.#allocations.get(key);
    if (allocation === undefined) return undefined;
    this.#allocations.delete(key);
    for (const ip of allocation.ips) this.#leave(ip, allocation);
    return allocation;
  }

  #enter(tenant: Tenant, pool: PoolName, ips: readonly IpAddress[]): void {
    const { key, sharingKey, backendKey, ports } = tenant;
    this.#allocations.set(key, { key, sharingKey, backendKey, ports, pool, ips });
    for (const ip of ips) {
      const use = this.#useOf(ip, tenant);
      use.holders.add(key);
      // Nobody asks for the ports of an address that is not shared, and most are not.
      if (sharingKey !== "") for (const port of ports) use.ports.set(port, key);
      use.shelf.shared.update(use.rank, use);
    }
  }

  #useOf(ip: IpAddress, { sharingKey, backendKey }: Tenant): Use {
    const known = this.#uses.get(ip.toString());
    if (known !== undefined) return known;
    const place = this.#placeOf(ip);
    if (place === undefined) throw new RangeError(`${ip} is in no pool`);
    const use = {
      ...place,
      sharingKey,
      backendKey,
      holders: new Set<ServiceKey>(),
      ports: sharingKey === "" ? NO_PORTS : new Map(),
    };
    this.#uses.set(ip.toString(), use);
    use.shelf.used.add(use.rank);
    return use;
  }

  #leave(ip: IpAddress, allocation: Allocation): void {
    const use = this.#uses.get(ip.toString());
    if (use === undefined) return;
    use.holders.delete(allocation.key);
    for (const port of allocation.ports) use.ports.delete(port);
    use.shelf.shared.update(use.rank, use);
    if (use.holders.size > 0) return;
    this.#uses.delete(ip.toString());
    use.shelf.used.remove(use.rank);
  }

  #placeOf(ip: IpAddress): Place | undefined {
    const run = lastWhere(this.#runs[ip.family], (r) => r.first <= ip.value);
    const shelf = run?.library.shelves[ip.family];
    const rank = shelf?.space.rankOf(ip.value);
    if (run === undefined || shelf === undefined || rank === undefined) return undefined;
    return { library: run.library, shelf, rank };
  }

  #runsOf(family: Family): readonly Run[] {
    const runs = [...this.#libraries.values()].flatMap((library) =>
      library.shelves[family].space.runs.map(({ first, last }) => ({ first, last, library })),
    );
    return runs.sort((a, b) => (a.first < b.first ? -1 : 1));
  }
}

function libraryOf(pool: Pool): Library {
  return { pool, shelves: { 4: shelfOf(pool, 4), 6: shelfOf(pool, 6) } };
}

function shelfOf(pool: Pool, family: Family): Shelf {
  return { space: new PoolSpace(pool, family), used: new IntervalSet(), shared: new SharedPlaces() };
}

function countersOf({ shelves }: Library): PoolCounters {
  const count = ({ space: { capacity }, used: { count: assigned } }: Shelf): FamilyCounters => {
    return { capacity, assigned, available: capacity - assigned };
  };
  return { 4: count(shelves[4]), 6: count(shelves[6]) };
}
