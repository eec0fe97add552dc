import { expect } from "vitest";
import { Allocator } from "../../src/allocation/allocator.ts";
import { type Convergence, withState } from "../../src/allocation/convergence.ts";
import { poolName, serviceKey } from "../../src/api/brands.ts";
import type { AddressBlock, Pool, PoolName, ServiceAllocation, ServiceKey } from "../../src/api/config.ts";
import type { Service, ServiceSpec } from "../../src/api/core.ts";
import type { LabelSelector } from "../../src/api/label-selector.ts";
import { type IpAddress, parseIpAddress } from "../../src/net/ip-address.ts";
import { parseAddressBlock } from "../../src/net/ip-range.ts";

export function ip(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw new Error(`no address: ${text}`);
  return address;
}

function block(text: string): AddressBlock {
  const prefixes = parseAddressBlock(text).value ?? [];
  const [first] = prefixes;
  if (first === undefined) throw new Error(`no block: ${text}`);
  return { text, family: first.family, prefixes };
}

export interface PoolOptions {
  readonly autoAssign?: boolean;
  readonly avoidBuggyIps?: boolean;
  readonly pinned?: Partial<ServiceAllocation>;
}

export function pool(name: string, addresses: readonly string[], options: PoolOptions = {}): Pool {
  const { autoAssign = true, avoidBuggyIps = false, pinned } = options;
  const unpinned = { priority: 0, namespaces: [], namespaceSelectors: [], serviceSelectors: [] };
  return {
    name: poolName(name),
    labels: {},
    blocks: addresses.map(block),
    conflictDetection: true,
    autoAssign,
    avoidBuggyIps,
    serviceAllocation: pinned === undefined ? undefined : { ...unpinned, ...pinned },
  };
}

export function poolMap(...pools: readonly Pool[]): ReadonlyMap<PoolName, Pool> {
  return new Map(pools.map((p) => [p.name, p]));
}

export function labelled(labels: Readonly<Record<string, string>>): LabelSelector {
  return { matchLabels: labels, matchExpressions: [] };
}

export interface ServiceOptions {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly created?: string;
  /** Addresses in the status. */
  readonly has?: readonly string[];
  readonly spec?: Partial<ServiceSpec>;
}

/** A single-stack IPv4 load balancer on TCP/80, unless told otherwise. */
export function service(name: string, options: ServiceOptions = {}): Service {
  const { namespace = "default", labels, annotations = {}, created, has, spec } = options;
  return {
    metadata: {
      name,
      namespace,
      annotations,
      ...(labels === undefined ? {} : { labels }),
      ...(created === undefined ? {} : { creationTimestamp: created }),
    },
    spec: { type: "LoadBalancer", clusterIPs: ["10.96.0.1"], ports: [{ protocol: "TCP", port: 80 }], ...spec },
    ...(has === undefined ? {} : { status: { loadBalancer: { ingress: has.map((text) => ({ ip: text })) } } }),
  };
}

export const V6: Partial<ServiceSpec> = { clusterIPs: ["fd00::1"], ipFamilies: ["IPv6"] };
export const DUAL: Partial<ServiceSpec> = { clusterIPs: ["10.96.0.1", "fd00::1"], ipFamilies: ["IPv4", "IPv6"] };
export const PREFER: Partial<ServiceSpec> = { ...DUAL, ipFamilyPolicy: "PreferDualStack" };
export const PREFER_V6: Partial<ServiceSpec> = { ...PREFER, ipFamilies: ["IPv6", "IPv4"] };
export const REQUIRE: Partial<ServiceSpec> = { ...DUAL, ipFamilyPolicy: "RequireDualStack" };

export const POOL = "metallb.io/address-pool";
export const IPS = "metallb.io/loadBalancerIPs";
export const SHARE = "metallb.io/allow-shared-ip";
export const FROM = "metallb.io/ip-allocated-from-pool";

export function key(name: string, namespace = "default"): ServiceKey {
  return serviceKey(namespace, name);
}

export function texts(ips: readonly IpAddress[]): string {
  return ips.join(" ");
}

/** The reasons and messages, one per line. */
export function said(result: Convergence): readonly string[] {
  return result.events.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
}

/** A cluster as the controller sees it: what the allocator wants is written at once, and who should be looked at again is. */
export class Cluster {
  readonly allocator: Allocator;
  readonly services = new Map<ServiceKey, Service>();
  readonly events: string[] = [];

  constructor(pools: readonly Pool[], loadBalancerClass?: string) {
    this.allocator = new Allocator(loadBalancerClass);
    this.allocator.setConfig(poolMap(...pools), new Map());
  }

  /** Applies a Service, its status staying as it was unless given; returns the first look at it. */
  apply(changed: Service): Convergence {
    const name = key(changed.metadata.name, changed.metadata.namespace);
    const before = this.services.get(name);
    const status = changed.status ?? before?.status;
    const from = before?.metadata.annotations?.[FROM];
    const annotations = { ...(from === undefined ? {} : { [FROM]: from }), ...changed.metadata.annotations };
    this.services.set(name, {
      ...changed,
      metadata: { ...changed.metadata, annotations },
      ...(status === undefined ? {} : { status }),
    });
    return this.#look(name);
  }

  delete(name: string): void {
    this.services.delete(key(name));
    this.#lookAll(this.allocator.remove(key(name)));
  }

  setPools(
    pools: readonly Pool[],
    namespaces: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map(),
  ): void {
    this.#lookAll(this.allocator.setConfig(poolMap(...pools), namespaces));
  }

  /** The addresses in the status. */
  has(name: string, namespace = "default"): string {
    const ingress = this.services.get(key(name, namespace))?.status?.loadBalancer?.ingress ?? [];
    return ingress.map((entry) => entry.ip ?? entry.hostname).join(" ");
  }

  from(name: string): string | undefined {
    return this.services.get(key(name))?.metadata.annotations?.[FROM];
  }

  /** Looks at everything once more: nothing may change, though why somebody waits may have. */
  expectUnchanged(): void {
    for (const current of this.services.values()) {
      const { changed, reprocess } = this.allocator.converge(current);
      expect([current.metadata.name, changed, reprocess]).toEqual([current.metadata.name, false, []]);
    }
  }

  /** Looks at everything once more: nothing may happen, and there is nothing to say. */
  expectSettled(): void {
    for (const current of this.services.values()) {
      const { changed, events, reprocess } = this.allocator.converge(current);
      expect([current.metadata.name, changed, events, reprocess]).toEqual([current.metadata.name, false, [], []]);
    }
  }

  #look(name: ServiceKey): Convergence {
    const current = this.services.get(name);
    if (current === undefined) throw new Error(`no Service ${name}`);
    const result = this.allocator.converge(current);
    this.services.set(name, withState(current, result.desired));
    this.events.push(...said(result).map((text) => `${name} ${text}`));
    this.#lookAll(result.reprocess);
    return result;
  }

  #lookAll(names: readonly ServiceKey[]): void {
    for (const name of names) if (this.services.has(name)) this.#look(name);
  }
}
