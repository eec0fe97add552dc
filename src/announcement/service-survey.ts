import { ALLOW_SHARED_IP, serviceAnnotation } from "../api/annotations.ts";
import type { NodeName, ServiceKey } from "../api/config.ts";
import type { Ingress, Service } from "../api/core.ts";
import type { EndpointSummary } from "../api/endpoints.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { compareAddresses, type IpAddress, parseIpAddress } from "../net/ip-address.ts";
import { IpPrefix } from "../net/ip-prefix.ts";
import { type AdvertisementSet, advertisementSet, type ClusterContext } from "./cluster-context.ts";
import type { RefusalCause } from "./refusal.ts";

/** A Service with what carries its traffic. */
export interface ServiceState {
  readonly service: Service;
  readonly endpoints: EndpointSummary;
}

/** What a Service looks like from every node alike: the common gate of rule 4.1 and the election of rule 6.2. */
export type Survey = OutOfScope | Gated | Surveyed;

/** Not a LoadBalancer, or of another class: nobody's refusal. */
interface OutOfScope {
  readonly type: "out-of-scope";
  readonly key: ServiceKey;
}

/** Refused on every node, by both protocols. */
interface Gated {
  readonly type: "gated";
  readonly key: ServiceKey;
  readonly ips: readonly (string | undefined)[];
  readonly cause: RefusalCause;
}

/** A Service that may be announced, before anybody is elected. */
export interface Standing {
  readonly type: "standing";
  readonly key: ServiceKey;
  /** Each once, IPv4 first. */
  readonly addresses: readonly SurveyedAddress[];
  /** The one that comes first in the status: MetalLB elects by it, for both families. */
  readonly first: SurveyedAddress;
  readonly advertisements: AdvertisementSet;
  readonly endpoints: EndpointSummary;
  readonly local: boolean;
  readonly sharesAddress: boolean;
}

/** What is known of a Service without knowing the others. */
export type Unelected = OutOfScope | Gated | Standing;

/** Who answers by layer 2 on the LAN, and what decided it among those it is most preferred for. */
export interface Elected {
  /** Undefined when no node can, or `bestScore` is there. */
  readonly winner: NodeName | undefined;
  readonly electedBy: "digest" | "spread" | "sticky";
  /** The score of the winner while all that is known is that it is another node than ours. */
  readonly bestScore?: number | undefined;
}

export interface Surveyed extends Omit<Standing, "type">, Elected {
  readonly type: "surveyed";
  /** The address that elects for all Services this one has addresses in common with. */
  readonly electionAddress: string;
}

/** An address and the prefixes it was masked to so far, shared between nodes and peers. */
export interface SurveyedAddress {
  readonly ip: IpAddress;
  readonly text: string;
  readonly prefixes: Map<number, IpPrefix>;
}

/** Whether Herald looks after this Service at all (rules 3.8 and 4.1). */
export function isInScope(service: Service, loadBalancerClass: string | undefined): boolean {
  return service.spec.type === "LoadBalancer" && (service.spec.loadBalancerClass ?? "") === (loadBalancerClass ?? "");
}

/** Works out once per Service what no node and no other Service changes. */
export function surveyService(cluster: ClusterContext, service: Service, endpoints: EndpointSummary): Unelected {
  const key = keyOfService(service);
  if (!isInScope(service, cluster.loadBalancerClass)) return { type: "out-of-scope", key };
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  if (ingress.length === 0) return gated(key, [{}], { reason: "no-address" });
  const invalid = [...ingress.entries()].find(([, entry]) => addressOf(entry) === undefined);
  if (invalid !== undefined) return gated(key, ingress, invalidAddress(...invalid));
  const addresses = distinctAddresses(ingress);
  const pool = cluster.poolIndex.poolOfAll(addresses.map(({ ip }) => ip));
  const advertisements = pool && cluster.pools.get(pool.name);
  const [first] = addresses;
  if (advertisements === undefined || first === undefined) {
    return gated(key, ingress, { reason: "address-not-in-pool", addresses: addresses.map(({ text }) => text) });
  }
  const set = advertisementSet(cluster, advertisements, service.metadata.labels ?? {});
  return {
    type: "standing",
    key,
    addresses: addresses.toSorted((a, b) => compareAddresses(a.ip, b.ip)),
    first,
    advertisements: set,
    endpoints,
    local: service.spec.externalTrafficPolicy === "Local",
    sharesAddress: serviceAnnotation(service, ALLOW_SHARED_IP) !== undefined,
  };
}

function addressOf(entry: Ingress): IpAddress | undefined {
  return entry.ip === undefined ? undefined : parseIpAddress(entry.ip);
}

function distinctAddresses(ingress: readonly Ingress[]): readonly SurveyedAddress[] {
  const addresses = new Map<string, SurveyedAddress>();
  for (const entry of ingress) {
    const ip = addressOf(entry);
    if (ip !== undefined) addresses.set(ip.toString(), { ip, text: ip.toString(), prefixes: new Map() });
  }
  return [...addresses.values()];
}

function gated(key: ServiceKey, ingress: readonly Ingress[], cause: RefusalCause): Gated {
  const ips = ingress.map((entry) => addressOf(entry)?.toString() ?? entry.ip ?? entry.hostname);
  return { type: "gated", key, ips: [...new Set(ips)].sort(), cause };
}

function invalidAddress(index: number, { ip, hostname }: Ingress): RefusalCause {
  return { reason: "invalid-address", entry: JSON.stringify(ip ?? hostname ?? ""), index };
}

/** The prefix of this length that holds the address; the same object for every node and peer. */
export function maskedPrefix(address: SurveyedAddress, length: number): IpPrefix {
  let prefix = address.prefixes.get(length);
  if (prefix === undefined) {
    prefix = IpPrefix.containing(address.ip, length);
    address.prefixes.set(length, prefix);
  }
  return prefix;
}
