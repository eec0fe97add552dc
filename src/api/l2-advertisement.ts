import { type PoolSelection, readPoolSelection } from "./advertisement-pools.ts";
import type { L2Advertisement } from "./config.ts";
import { readLabelSelector, readLabelSelectors } from "./label-selector-parse.ts";
import type { RawObject } from "./object.ts";
import { specReader } from "./raw-object.ts";
import type { FieldReader, ParseResult } from "./read-object.ts";

/** An L2Advertisement whose pools are still names. */
export interface L2AdvertisementSpec extends Omit<L2Advertisement, "pools"> {
  readonly poolSelection: PoolSelection;
}

/** Parses what an L2Advertisement says by itself. */
export function parseL2Advertisement(object: RawObject): ParseResult<L2AdvertisementSpec> {
  const spec = specReader(object);
  return spec.problems.resultOf({
    name: object.metadata.name,
    poolSelection: readPoolSelection(spec),
    nodeSelectors: readLabelSelectors(spec, "nodeSelectors"),
    serviceSelectors: readLabelSelectors(spec, "serviceSelectors"),
    interfaces: spec.strings("interfaces").map(({ value }) => value),
    preferredNodes: spec.objects("preferredNodeSelectors").map(readPreferredNode),
  });
}

function readPreferredNode(reader: FieldReader): L2Advertisement["preferredNodes"][number] {
  const preference = reader.object("preference");
  if (preference === undefined) reader.problems.add(reader.pathOf("preference"), "must be set");
  if (!reader.has("weight")) reader.problems.add(reader.pathOf("weight"), "must be set");
  return {
    weight: reader.integer("weight", { min: 1, max: 100 }) ?? 1,
    preference: preference === undefined ? { matchLabels: {}, matchExpressions: [] } : readLabelSelector(preference),
  };
}
