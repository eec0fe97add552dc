import { nodeName, serviceKey } from "./brands.ts";
import type { NodeName, ServiceKey } from "./config.ts";
import type { Endpoint, EndpointSlice } from "./core.ts";

/** The label that says which Service a slice belongs to. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

/** All that announcements need to know of a Service's endpoints. */
export interface EndpointSummary {
  /** Whether there is a usable endpoint anywhere, its node known or not. */
  readonly any: boolean;
  /** The nodes with a usable endpoint, and how many share the traffic there. */
  readonly nodes: ReadonlyMap<NodeName, number>;
}

/** What a Service without slices has. */
export const NO_ENDPOINTS: EndpointSummary = { any: false, nodes: new Map() };

/** Ready, or not told, or still serving while it terminates; and it has an address (rule 4.2). */
export function isUsableEndpoint(endpoint: Endpoint): boolean {
  const { ready, serving } = endpoint.conditions ?? {};
  return (endpoint.addresses?.length ?? 0) > 0 && (ready !== false || serving === true);
}

/** Sums up the slices of one Service. */
export function summarizeEndpoints(slices: Iterable<EndpointSlice>): EndpointSummary {
  const tallies = new Map<NodeName, Tally>();
  let any = false;
  for (const slice of slices) {
    for (const endpoint of (slice.endpoints ?? []).filter(isUsableEndpoint)) {
      any = true;
      if (endpoint.nodeName === undefined) continue;
      const name = nodeName(endpoint.nodeName);
      const tally = tallies.get(name) ?? new Tally();
      tallies.set(name, tally);
      tally.add(slice.addressType, endpoint);
    }
  }
  return { any, nodes: new Map([...tallies].map(([name, tally]) => [name, tally.count])) };
}

/**
 * The endpoints of one node. A pod of a dual-stack Service is in slices of both address types, and while slices are
 * rearranged it may be in two of one type: it counts once.
 */
class Tally {
  readonly #ready = new Set<string>();
  readonly #usable = new Set<string>();

  add(addressType: string | undefined, { addresses, conditions }: Endpoint): void {
    const key = `${addressType} ${addresses?.[0]}`;
    this.#usable.add(key);
    if (conditions?.ready !== false) this.#ready.add(key);
  }

  /** kube-proxy turns to endpoints that are about to go only where there are no others. */
  get count(): number {
    const byType = new Map<string, number>();
    for (const key of this.#ready.size > 0 ? this.#ready : this.#usable) {
      const [type = ""] = key.split(" ");
      byType.set(type, (byType.get(type) ?? 0) + 1);
    }
    return Math.max(...byType.values());
  }
}

/** Sums up the slices of many Services at once. */
export function summarizeByService(slices: Iterable<EndpointSlice>): ReadonlyMap<ServiceKey, EndpointSummary> {
  const groups = new Map<ServiceKey, EndpointSlice[]>();
  for (const slice of slices) {
    const key = serviceKeyOfSlice(slice);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [slice]);
    else group.push(slice);
  }
  return new Map([...groups].map(([key, group]) => [key, summarizeEndpoints(group)]));
}

/** The Service a slice belongs to; undefined for a slice that nobody's Service made. */
export function serviceKeyOfSlice(slice: EndpointSlice): ServiceKey | undefined {
  const { labels, namespace } = slice.metadata;
  const name =
    labels !== undefined && Object.hasOwn(labels, SERVICE_NAME_LABEL) ? labels[SERVICE_NAME_LABEL] : undefined;
  return name === undefined || name === "" ? undefined : serviceKey(namespace, name);
}
