import type { Node } from "../api/core.ts";
import { anySelectorMatches, type LabelSelector } from "../api/label-selector.ts";

/** Node selectors that no node of today matches; where no node is known nobody can say. */
export function nodesMissing(selectors: readonly LabelSelector[], nodes: readonly Node[]): readonly string[] {
  const matched = nodes.some(({ metadata: { labels = {} } }) => anySelectorMatches(selectors, labels));
  return matched || nodes.length === 0 ? [] : ["spec.nodeSelectors: no node has these labels"];
}
