import { type Micros, micros, seconds } from "../net/micros.ts";
import { type PoolSelection, readPoolSelection } from "./advertisement-pools.ts";
import type { L2Advertisement } from "./config.ts";
import { parseDuration, SECOND } from "./duration.ts";
import { readLabelSelector, readLabelSelectors } from "./label-selector-parse.ts";
import type { RawObject } from "./object.ts";
import { specReader } from "./raw-object.ts";
import type { FieldReader, ParseResult } from "./read-object.ts";

const DEFAULT_REFRESH = seconds(60);
const LONGEST_REFRESH = 24n * 3600n * SECOND;

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
    spread: spec.oneOf("spread", ["Hash", "Even"]) === "Even" ? "even" : "hash",
    sticky: spec.boolean("sticky") ?? false,
    refreshInterval: readRefreshInterval(spec),
  });
}

/** 0 is off; anything else is a time that neither floods the LAN nor outlives the tables of switches by much. */
function readRefreshInterval(spec: FieldReader): Micros {
  const text = spec.string("refreshInterval");
  if (text === undefined) return DEFAULT_REFRESH;
  const time = parseDuration(text);
  if (time === undefined || (time !== 0n && (time < SECOND || time > LONGEST_REFRESH))) {
    spec.problems.add("spec.refreshInterval", `invalid refresh interval "${text}": must be 0s, or from 1s to 24h`);
    return DEFAULT_REFRESH;
  }
  return micros(Number(time / 1000n));
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
