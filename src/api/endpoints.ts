import { nodeName, serviceKey } from "./brands.ts";
import type { NodeName, ServiceKey } from "./config.ts";
import type { Endpoint, EndpointSlice } from "./core.ts";

/** The label that says which Service a slice belongs to. */
const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

/** All that announcements need to know of a Service's endpoints. */
export interface EndpointSummary {
  /** Whether there is a usable endpoint anywhere, its node known or not. */
  readonly any: boolean;
  /** The nodes with a usable endpoint. */
  readonly nodes: ReadonlySet<NodeName>;
}

/** What a Service without slices has. */
export const NO_ENDPOINTS: EndpointSummary = { any: false, nodes: new Set() };

/** Ready, or not told, or still serving while it terminates; and it has an address (rule 4.2). */
export function isUsableEndpoint(endpoint: Endpoint): boolean {
  const { ready, serving } = endpoint.conditions ?? {};
  return (endpoint.addresses?.length ?? 0) > 0 && (ready !== false || serving === true);
}

/** The usable endpoints of some slices, in their order. */
function usableEndpoints(slices: Iterable<EndpointSlice>): readonly Endpoint[] {
  const usable: Endpoint[] = [];
  for (const slice of slices) usable.push(...(slice.endpoints ?? []).filter(isUsableEndpoint));
  return usable;
}

/** Sums up the slices of one Service. */
export function summarizeEndpoints(slices: Iterable<EndpointSlice>): EndpointSummary {
  const usable = usableEndpoints(slices);
  const names = usable.flatMap(({ nodeName: name }) => (name === undefined ? [] : [nodeName(name)]));
  return { any: usable.length > 0, nodes: new Set(names) };
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
