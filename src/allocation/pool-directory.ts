import type { Pool, PoolName, ServiceAllocation } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { anySelectorMatches } from "../api/label-selector.ts";

export type Labels = Readonly<Record<string, string>>;

interface Listed {
  readonly pool: Pool;
  /** What a pinned pool's names and selectors come to with the namespaces there are. */
  readonly namespaces: ReadonlySet<string>;
}

/** The pools in name order, with their namespace selectors resolved: which pools a Service may use, and in which order (3.4). */
export class PoolDirectory {
  readonly #listed: ReadonlyMap<PoolName, Listed>;

  constructor(pools: Iterable<Pool>, namespaces: ReadonlyMap<string, Labels>) {
    const sorted = [...pools].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#listed = new Map(
      sorted.map((pool) => [pool.name, { pool, namespaces: resolve(pool.serviceAllocation, namespaces) }]),
    );
  }

  get size(): number {
    return this.#listed.size;
  }

  has(name: PoolName): boolean {
    return this.#listed.has(name);
  }

  pools(): readonly Pool[] {
    return [...this.#listed.values()].map(({ pool }) => pool);
  }

  /** Everything the allocator can see of it, as text: equal texts allocate alike. */
  fingerprint(): string {
    return JSON.stringify(
      [...this.#listed.values()].map(({ pool, namespaces }) => [{ ...pool, labels: {} }, [...namespaces].sort()]),
    );
  }

  /**
   * Whether the Service may hold addresses of this pool, asked for or not. As in MetalLB, namespace selectors that match
   * no namespace restrict nothing here; `candidates` is stricter.
   */
  isCompatible(name: PoolName, service: Service): boolean {
    const listed = this.#listed.get(name);
    if (listed === undefined) return false;
    const { pool, namespaces } = listed;
    if (namespaces.size > 0 && !namespaces.has(service.metadata.namespace ?? "default")) return false;
    return anySelectorMatches(pool.serviceAllocation?.serviceSelectors ?? [], service.metadata.labels ?? {});
  }

  /** The pools to try for a Service that asks for none: first those pinned to it, then those pinned to nobody. */
  candidates(service: Service): readonly (readonly PoolName[])[] {
    const automatic = [...this.#listed.values()].filter(({ pool }) => pool.autoAssign);
    const pinned = automatic.filter((listed) => isPinnedTo(listed) && this.isCompatible(listed.pool.name, service));
    const rest = automatic.filter(({ pool }) => pool.serviceAllocation === undefined);
    const byPriority = pinned.toSorted((a, b) => compare(rankOf(a.pool), rankOf(b.pool)));
    return [byPriority, rest].map((tier) => tier.map(({ pool }) => pool.name));
  }
}

/** Two infinities are equal, which their difference is not. */
function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function resolve(allocation: ServiceAllocation | undefined, namespaces: ReadonlyMap<string, Labels>) {
  const names = new Set(allocation?.namespaces);
  const selectors = allocation?.namespaceSelectors ?? [];
  if (selectors.length === 0) return names;
  for (const [name, labels] of namespaces) {
    if (anySelectorMatches(selectors, labels)) names.add(name);
  }
  return names;
}

/** A pool for namespaces that do not exist is given to nobody who did not ask for it; three empty lists mean everybody. */
function isPinnedTo({ pool, namespaces }: Listed): boolean {
  const allocation = pool.serviceAllocation;
  if (allocation === undefined) return false;
  return namespaces.size > 0 || allocation.serviceSelectors.length > 0 || allocation.namespaceSelectors.length === 0;
}

/** Lower is tried first. 0 is unset, which is last; so are negative priorities, which MetalLB leaves undefined. */
function rankOf(pool: Pool): number {
  const priority = pool.serviceAllocation?.priority ?? 0;
  return priority > 0 ? priority : Number.POSITIVE_INFINITY;
}
