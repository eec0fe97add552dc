import { readServiceRequests, type ServiceRequests } from "../api/annotations.ts";
import type { ServiceKey } from "../api/config.ts";
import type { IpFamilyPolicy, Service } from "../api/core.ts";
import {
  clusterIpTexts,
  type FamilySet,
  familySetOfTexts,
  ingressTexts,
  keyOfService,
  primaryFamily,
} from "../api/service-addresses.ts";
import { compareAddresses, type Family, type IpAddress, parseIpAddress } from "../net/ip-address.ts";
import type { Tenant } from "./sharing.ts";

/** All that the allocator reads of a Service, once. */
export interface Subject {
  readonly key: ServiceKey;
  readonly service: Service;
  readonly tenant: Tenant;
  readonly requests: ServiceRequests;
  readonly policy: IpFamilyPolicy | undefined;
  readonly clusterIps: readonly string[];
  /** Undefined where nobody can tell, as for `None`. */
  readonly clusterFamilies: FamilySet | undefined;
  readonly primaryFamily: Family;
  /** The addresses in the status, as written. */
  readonly statusTexts: readonly string[];
  readonly status: readonly IpAddress[];
  readonly statusFamilies: FamilySet | undefined;
}

export function readSubject(service: Service): Subject {
  const key = keyOfService(service);
  const requests = readServiceRequests(service);
  const clusterIps = clusterIpTexts(service);
  const statusTexts = ingressTexts(service);
  return {
    key,
    service,
    // The status lists IPv4 first (3.5), in whichever order the addresses were asked for.
    requests: { ...requests, ips: requests.ips.toSorted(compareAddresses) },
    tenant: { key, sharingKey: requests.sharingKey, backendKey: backendKeyOf(service), ports: portsOf(service) },
    policy: service.spec.ipFamilyPolicy,
    clusterIps,
    clusterFamilies: familySetOfTexts(clusterIps),
    primaryFamily: primaryFamily(service),
    statusTexts,
    status: statusTexts.map(parseIpAddress).filter((ip) => ip !== undefined),
    statusFamilies: familySetOfTexts(statusTexts),
  };
}

/** Packets for a Local Service go where its pods are; those for the others can go anywhere (3.6). */
function backendKeyOf({ spec }: Service): string {
  if (spec.externalTrafficPolicy !== "Local") return "";
  return Object.entries(spec.selector ?? {})
    .map(([label, value]) => `${label}=${value}`)
    .sort()
    .join(",");
}

function portsOf({ spec }: Service): readonly string[] {
  return [...new Set((spec.ports ?? []).map(({ protocol, port }) => `${protocol ?? "TCP"}/${port}`))];
}
