import type { ServiceKey } from "../api/config.ts";
import type { EndpointSlice } from "../api/core.ts";
import { type EndpointSummary, NO_ENDPOINTS, serviceKeyOfSlice, summarizeEndpoints } from "../api/endpoints.ts";
import { objectKey } from "../api/object.ts";

/** Which slices belong to which Service, and what they come to: kept up slice by slice. */
export class EndpointIndex {
  readonly #slices = new Map<ServiceKey, Map<string, EndpointSlice>>();
  readonly #summaries = new Map<ServiceKey, EndpointSummary>();

  /** Takes one slice's newest state, or its end, and answers the Services to decide again: two when its label moved. */
  update(slice: EndpointSlice | undefined, previous: EndpointSlice | undefined): readonly ServiceKey[] {
    const touched = new Set<ServiceKey>();
    const left = previous === undefined ? undefined : serviceKeyOfSlice(previous);
    if (previous !== undefined && left !== undefined) {
      this.#slices.get(left)?.delete(objectKey(previous));
      touched.add(left);
    }
    const joined = slice === undefined ? undefined : serviceKeyOfSlice(slice);
    if (slice !== undefined && joined !== undefined) {
      const group = this.#slices.get(joined) ?? new Map<string, EndpointSlice>();
      this.#slices.set(joined, group.set(objectKey(slice), slice));
      touched.add(joined);
    }
    return [...touched].filter((key) => this.#summarize(key));
  }

  summary(key: ServiceKey): EndpointSummary {
    return this.#summaries.get(key) ?? NO_ENDPOINTS;
  }

  /** Whether the summary changed: most endpoint events do not move an announcement. */
  #summarize(key: ServiceKey): boolean {
    const group = this.#slices.get(key);
    const before = this.summary(key);
    if (group === undefined || group.size === 0) {
      this.#slices.delete(key);
      this.#summaries.delete(key);
      return before.any;
    }
    const after = summarizeEndpoints(group.values());
    this.#summaries.set(key, after);
    return before.any !== after.any || !sameCounts(before.nodes, after.nodes);
  }
}

function sameCounts<T>(a: ReadonlyMap<T, number>, b: ReadonlyMap<T, number>): boolean {
  return a.size === b.size && [...a].every(([node, count]) => b.get(node) === count);
}
