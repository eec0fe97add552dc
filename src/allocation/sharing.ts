import type { ServiceKey } from "../api/config.ts";
import type { IpAddress } from "../net/ip-address.ts";
import { OrderedTree } from "../net/ordered-tree.ts";
import { quoted, type Refusal, refusal } from "./reason.ts";

/** What a Service brings along when it takes an address: what decides with whom it may share (3.6). */
export interface Tenant {
  readonly key: ServiceKey;
  /** Empty: shares with nobody. */
  readonly sharingKey: string;
  /** Where its packets go: Services on one address must agree on it. */
  readonly backendKey: string;
  /** `TCP/80`, without duplicates. */
  readonly ports: readonly string[];
}

/** The Services on one address. All of them agree in both keys, and no port has two owners. */
export interface House {
  readonly sharingKey: string;
  readonly backendKey: string;
  readonly holders: Set<ServiceKey>;
  readonly ports: Map<string, ServiceKey>;
}

/** A set of ports, whoever owns them. */
interface Ports {
  readonly size: number;
  has(port: string): boolean;
  keys(): Iterable<string>;
}

/** Why the Service may not be on this address beside those who are, if it may not. A sole owner may change its keys. */
export function conflictIn(house: House, tenant: Tenant, ip: IpAddress): Refusal | undefined {
  const others = [...house.holders].filter((key) => key !== tenant.key);
  if (others.length === 0) return undefined;
  if (!agree(house, tenant)) {
    const names = others.sort().join(",");
    const message = `can't change sharing key for ${quoted(tenant.key)}, address also in use by ${names}`;
    return refusal("sharing-key-conflict", message).refused;
  }
  const taken = tenant.ports.find((port) => house.ports.has(port) && house.ports.get(port) !== tenant.key);
  if (taken === undefined) return undefined;
  return refusal("port-in-use", `port ${taken} is already in use on ${quoted(ip)}`).refused;
}

function agree(house: House, tenant: Tenant): boolean {
  return tenant.sharingKey !== "" && tenant.sharingKey === house.sharingKey && tenant.backendKey === house.backendKey;
}

/**
 * The places in a pool that Services of one group (equal keys) are on. Each subtree knows the ports taken on *every*
 * address below, so the search for a place with a free port skips what cannot have one: where everybody shares with the
 * same key and the same port, it says no at the root.
 */
export class SharedPlaces {
  readonly #groups = new Map<string, OrderedTree<Ports, Ports>>();

  /** Records what is on a place now. */
  update(rank: bigint, house: House): void {
    const group = groupOf(house);
    if (group === undefined) return;
    const places = this.#groups.get(group) ?? new OrderedTree(takenEverywhere);
    if (house.holders.size > 0) places.set(rank, house.ports);
    else places.delete(rank);
    if (places.size > 0) this.#groups.set(group, places);
    else this.#groups.delete(group);
  }

  /** The first place that the Service may share with those on it. */
  first(tenant: Tenant): bigint | undefined {
    const group = groupOf(tenant);
    const places = group === undefined ? undefined : this.#groups.get(group);
    const collides = (ports: Ports): boolean => tenant.ports.some((port) => ports.has(port));
    return places?.first(collides, (ports) => !collides(ports))?.key;
  }
}

function groupOf({ sharingKey, backendKey }: { sharingKey: string; backendKey: string }): string | undefined {
  return sharingKey === "" ? undefined : JSON.stringify([sharingKey, backendKey]);
}

/** The ports in all three; a lone address answers for itself without a copy. */
function takenEverywhere(own: Ports, left: Ports | undefined, right: Ports | undefined): Ports {
  const others = [left, right].filter((ports) => ports !== undefined);
  if (others.length === 0) return own;
  const [smallest, ...rest] = [own, ...others].sort((a, b) => a.size - b.size);
  return new Set([...(smallest?.keys() ?? [])].filter((port) => rest.every((ports) => ports.has(port))));
}
