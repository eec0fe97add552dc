import { compareCommunities, compareLargeCommunities, formatLargeCommunity } from "../net/community.ts";
import { type PoolSelection, readPoolSelection } from "./advertisement-pools.ts";
import { peerName } from "./brands.ts";
import { type CommunityValue, invalidCommunityMessage, parseCommunityValue } from "./community.ts";
import type { BgpAdvertisement } from "./config.ts";
import { readLabelSelectors } from "./label-selector-parse.ts";
import type { RawObject } from "./object.ts";
import { specReader } from "./raw-object.ts";
import type { FieldReader, Item, ParseResult, Problems } from "./read-object.ts";

const UINT32 = { min: 0, max: 0xffffffff };
/** A longer path is more than any network has, and routers may refuse it. */
const MAX_PREPEND = 16;

/** A BGPAdvertisement whose pools and community aliases are still names. */
export interface BgpAdvertisementSpec extends Omit<BgpAdvertisement, "pools" | "communities" | "largeCommunities"> {
  readonly poolSelection: PoolSelection;
  readonly communityTexts: readonly Item<string>[];
}

/** Parses what a BGPAdvertisement says by itself. */
export function parseBgpAdvertisement(object: RawObject): ParseResult<BgpAdvertisementSpec> {
  const spec = specReader(object);
  const { problems } = spec;
  const aggregationLength = {
    4: readLength(spec, "aggregationLength", 32),
    6: readLength(spec, "aggregationLengthV6", 128),
  };
  const serviceSelectors = readLabelSelectors(spec, "serviceSelectors");
  if (serviceSelectors.length > 0 && (aggregationLength[4] !== 32 || aggregationLength[6] !== 128)) {
    const rule = "can only be used with the default aggregationLength (32) and aggregationLengthV6 (128)";
    problems.add("spec.serviceSelectors", `serviceSelectors ${rule}`);
  }
  return problems.resultOf({
    name: object.metadata.name,
    aggregationLength,
    localPref: spec.integer("localPref", UINT32),
    med: spec.integer("med", UINT32),
    asPathPrepend: spec.integer("asPathPrepend", { min: 0, max: MAX_PREPEND }),
    linkBandwidth: spec.oneOf("linkBandwidth", ["Endpoints"]) === undefined ? undefined : "endpoints",
    communityTexts: readCommunityTexts(spec),
    poolSelection: readPoolSelection(spec),
    nodeSelectors: readLabelSelectors(spec, "nodeSelectors"),
    serviceSelectors,
    peers: new Set(spec.distinctStrings("peers", "peer").map(({ value }) => peerName(value))),
  });
}

/** Replaces aliases by what they stand for; an unknown one is a problem that may pass. */
export function resolveCommunities(
  texts: readonly Item<string>[],
  aliases: ReadonlyMap<string, CommunityValue>,
  problems: Problems,
): Pick<BgpAdvertisement, "communities" | "largeCommunities"> {
  const values = texts.flatMap(({ value: text, path }) => {
    const value = parseCommunityValue(text) ?? aliases.get(text);
    if (value === undefined)
      problems.addTransient(path, `invalid community format: ${text} is no alias of any Community`);
    return value === undefined ? [] : [value];
  });
  const standard = values.flatMap((value) => (value.type === "standard" ? [value.community] : []));
  const large = values.flatMap((value) => (value.type === "large" ? [value.community] : []));
  return {
    communities: [...new Set(standard)].sort(compareCommunities),
    largeCommunities: [...new Map(large.map((c) => [formatLargeCommunity(c), c])).values()].sort(
      compareLargeCommunities,
    ),
  };
}

function readLength(spec: FieldReader, key: string, bits: number): number {
  const length = spec.integer(key, { min: key === "aggregationLength" ? 1 : 0, max: Number.MAX_SAFE_INTEGER }) ?? bits;
  if (length > bits) spec.problems.add(spec.pathOf(key), `invalid aggregation length: ${length} is above ${bits}`);
  return length;
}

/** Text with a colon is no alias (rule 1.6), so what is wrong with it is known at once. */
function readCommunityTexts(spec: FieldReader): readonly Item<string>[] {
  const items = spec.distinctStrings("communities", "community");
  for (const { value, path } of items) {
    if (value.includes(":") && parseCommunityValue(value) === undefined) {
      spec.problems.add(path, invalidCommunityMessage(value));
    }
  }
  return items;
}
