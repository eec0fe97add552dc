import type { AddressConflict } from "../api/address-conflict.ts";
import { ALLOCATED_FROM_POOL } from "../api/annotations.ts";
import type { PoolName, ServiceKey } from "../api/config.ts";
import type { Ingress, Service } from "../api/core.ts";
import { type IpAddress, parseIpAddress } from "../net/ip-address.ts";
import type { AllocationReason } from "./reason.ts";

/** An event to publish on the Service; reasons and messages are MetalLB's (3.10). */
export interface ServiceEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** What `status.loadBalancer.ingress` and the annotation `metallb.io/ip-allocated-from-pool` must say. */
export interface DesiredState {
  readonly ingress: readonly Ingress[];
  readonly poolAnnotation: string | undefined;
}

/** What came of looking at one Service. */
export interface Convergence {
  readonly key: ServiceKey;
  readonly outcome: AllocationReason;
  /** Why, in words for the user; empty where there is nothing to explain. */
  readonly message: string;
  /** What the Service holds now, in the order of the status. */
  readonly ips: readonly IpAddress[];
  readonly pool: PoolName | undefined;
  readonly desired: DesiredState;
  /** The strangers on what it holds: the Service's condition is to speak of no others. */
  readonly conflicts: readonly AddressConflict[];
  /** Whether the Service says something else than `desired` and `conflicts`. */
  readonly changed: boolean;
  /** Only what has not been said about this Service before. */
  readonly events: readonly ServiceEvent[];
  /** Services that wait for an address, and may get one now that this one let go of something. */
  readonly reprocess: readonly ServiceKey[];
}

/** What the Service says now. */
export function stateOf(service: Service): DesiredState {
  return {
    ingress: service.status?.loadBalancer?.ingress ?? [],
    poolAnnotation: service.metadata.annotations?.[ALLOCATED_FROM_POOL],
  };
}

/** What to write for these addresses: `ipMode` and `ports` that another controller put beside an address stay. */
export function stateFor(service: Service, ips: readonly IpAddress[], pool: PoolName | undefined): DesiredState {
  const entries = stateOf(service).ingress.map((entry) => ({ entry, address: addressOf(entry) }));
  const ingress = ips.map((ip): Ingress => {
    const { ipMode, ports } = entries.find(({ address }) => address?.equals(ip))?.entry ?? {};
    return {
      ip: ip.toString(),
      ...(ipMode === undefined ? {} : { ipMode }),
      ...(ports === undefined ? {} : { ports }),
    };
  });
  return { ingress, poolAnnotation: pool };
}

/** The state without some addresses: what is left for another controller. */
export function stateWithout(service: Service, ips: readonly IpAddress[], pool: PoolName): DesiredState {
  const { ingress, poolAnnotation } = stateOf(service);
  return {
    ingress: ingress.filter((entry) => !ips.some((ip) => addressOf(entry)?.equals(ip) === true)),
    poolAnnotation: poolAnnotation === pool ? undefined : poolAnnotation,
  };
}

/** One text per state: equal states have equal texts, in whichever order the fields of an entry came. */
export function stateText({ ingress, poolAnnotation }: DesiredState): string {
  const entries = ingress.map(({ ip, hostname, ipMode, ports }) => [ip, hostname, ipMode, ports]);
  return JSON.stringify([entries, poolAnnotation]);
}

/** The Service as it will be once `desired` is written. */
export function withState(service: Service, desired: DesiredState): Service {
  const { [ALLOCATED_FROM_POOL]: _, ...others } = service.metadata.annotations ?? {};
  const pool = desired.poolAnnotation;
  const annotations = pool === undefined ? others : { ...others, [ALLOCATED_FROM_POOL]: pool };
  return {
    ...service,
    metadata: { ...service.metadata, annotations },
    status: { ...service.status, loadBalancer: { ...service.status?.loadBalancer, ingress: desired.ingress } },
  };
}

function addressOf({ ip }: Ingress): IpAddress | undefined {
  return ip === undefined ? undefined : parseIpAddress(ip);
}
