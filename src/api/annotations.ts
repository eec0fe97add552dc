import { type IpAddress, parseIpAddress } from "../net/ip-address.ts";
import type { PoolName } from "./config.ts";
import type { Service } from "./core.ts";

/** Which pool the addresses of a Service came from: written by the controller. */
export const ALLOCATED_FROM_POOL = "metallb.io/ip-allocated-from-pool";
/** On a Service that waits for its address while a leader takes over from one that died: its value is of no meaning. */
export const RAISED_FOR_TERM = "herald.io/raised-for-term";
/** Asks for a pool. */
export const ADDRESS_POOL = "metallb.io/address-pool";
/** Asks for exact addresses, separated by commas. */
const LOAD_BALANCER_IPS = "metallb.io/loadBalancerIPs";
/** The sharing key: Services with the same one may hold the same address. */
export const ALLOW_SHARED_IP = "metallb.io/allow-shared-ip";
/** Keys with this prefix are ours. */
export const PREFERRED_PREFIX = "metallb.io/";
/** Whoever uses a key with this prefix is told that it is deprecated. */
export const DEPRECATED_PREFIX = "metallb.universe.tf/";

/** What a Service asks for. With problems, nobody knows what it asks for, and it must not be served by guess. */
export interface ServiceRequests {
  /** In the order asked for; empty asks for none in particular. */
  readonly ips: readonly IpAddress[];
  readonly pool: PoolName | undefined;
  /** Empty does not share. */
  readonly sharingKey: string;
  readonly problems: readonly string[];
}

/** Reads an annotation under its new key, or under the deprecated one where the new key is absent: present but empty wins. */
export function serviceAnnotation(service: Service, key: string): string | undefined {
  const annotations = service.metadata.annotations ?? {};
  if (Object.hasOwn(annotations, key)) return annotations[key];
  const deprecated = DEPRECATED_PREFIX + key.slice(PREFERRED_PREFIX.length);
  return Object.hasOwn(annotations, deprecated) ? annotations[deprecated] : undefined;
}

/** The deprecated keys a Service carries, sorted. */
export function deprecatedAnnotations(service: Service): readonly string[] {
  return Object.keys(service.metadata.annotations ?? {})
    .filter((key) => key.startsWith(DEPRECATED_PREFIX))
    .sort();
}

/** Reads the annotations and `spec.loadBalancerIP` of a Service. */
export function readServiceRequests(service: Service): ServiceRequests {
  const pool = serviceAnnotation(service, ADDRESS_POOL);
  const addresses = requestedAddresses(service);
  return {
    ...addresses,
    // The name of a pool that is asked for: whether there is one of that name is the allocator's question.
    pool: pool === undefined || pool === "" ? undefined : (pool as PoolName),
    sharingKey: serviceAnnotation(service, ALLOW_SHARED_IP) ?? "",
  };
}

function requestedAddresses(service: Service): Pick<ServiceRequests, "ips" | "problems"> {
  const annotation = serviceAnnotation(service, LOAD_BALANCER_IPS) ?? "";
  const field = service.spec.loadBalancerIP ?? "";
  if (annotation !== "" && field !== "") {
    return { ips: [], problems: [`service can not have both ${LOAD_BALANCER_IPS} and svc.Spec.LoadBalancerIP`] };
  }
  if (field !== "") return parseAddresses([field], (text) => `invalid spec.loadBalancerIP "${text}"`);
  if (annotation === "") return { ips: [], problems: [] };
  const texts = annotation.split(",").map((text) => text.trim());
  return parseAddresses(texts, (text) => `invalid ${LOAD_BALANCER_IPS}: "${text}" is no IP address`);
}

/** One address, or two of different families: more cannot be served (rule 2.1). */
function parseAddresses(
  texts: readonly string[],
  refusal: (text: string) => string,
): Pick<ServiceRequests, "ips" | "problems"> {
  const ips: IpAddress[] = [];
  const problems: string[] = [];
  for (const text of texts) {
    const address = parseIpAddress(text);
    if (address === undefined) problems.push(refusal(text));
    else ips.push(address);
  }
  const families = new Set(ips.map((ip) => ip.family));
  if (families.size < ips.length) {
    problems.push(`invalid ${LOAD_BALANCER_IPS}: want one address, or one of each family, not ${ips.join(",")}`);
  }
  return problems.length === 0 ? { ips, problems } : { ips: [], problems };
}
