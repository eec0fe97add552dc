import { FAMILIES, type Family, type IpAddress, parseIpAddress } from "../net/ip-address.ts";
import { serviceKey } from "./brands.ts";
import type { ServiceKey } from "./config.ts";
import type { Service } from "./core.ts";

/** Which families a set of addresses is of: one, or one of each; anything else has no answer. */
export type FamilySet = "ipv4" | "ipv6" | "dual";

export function keyOfService(service: Service): ServiceKey {
  return serviceKey(service.metadata.namespace, service.metadata.name);
}

/** The non-empty `ip` texts of the status, in order; entries with a host name alone are passed over (rule 3.3, step 6). */
export function ingressTexts(service: Service): readonly string[] {
  return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined || ip === "" ? [] : [ip]));
}

/** The cluster addresses as texts: the list, or the single field where there is no list. */
export function clusterIpTexts(service: Service): readonly string[] {
  const { clusterIPs, clusterIP } = service.spec;
  if (clusterIPs !== undefined && clusterIPs.length > 0) return clusterIPs;
  return clusterIP === undefined || clusterIP === "" ? [] : [clusterIP];
}

/** One address gives its family, two different families are dual; `None`, garbage, none and too many are undefined. */
export function familySetOfTexts(texts: readonly string[]): FamilySet | undefined {
  const addresses = texts.map(parseIpAddress);
  const known = addresses.filter((address) => address !== undefined);
  return known.length === addresses.length ? familySet(known) : undefined;
}

export function familySet(addresses: readonly IpAddress[]): FamilySet | undefined {
  const families = new Set(addresses.map((address) => address.family));
  if (addresses.length === 0 || families.size < addresses.length) return undefined;
  if (families.size === 2) return "dual";
  return families.has(4) ? "ipv4" : "ipv6";
}

/** The families of a set, IPv4 first: the order the status lists addresses in. */
export function familiesOf(set: FamilySet): readonly Family[] {
  if (set === "dual") return FAMILIES;
  return set === "ipv4" ? [4] : [6];
}

/** `ipFamilies[0]`, IPv4 where nothing is said (rule 3.5). */
export function primaryFamily(service: Service): Family {
  return service.spec.ipFamilies?.[0] === "IPv6" ? 6 : 4;
}
