import type { PoolSelection } from "../api/advertisement-pools.ts";
import { parseBgpAdvertisement } from "../api/bgp-advertisement.ts";
import { parseL2Advertisement } from "../api/l2-advertisement.ts";
import { type LabelSelector, selectorMatches } from "../api/label-selector.ts";
import type { RawObject } from "../api/object.ts";
import type { ParseResult } from "../api/read-object.ts";
import { aliasNames } from "./community-warnings.ts";
import { nodesMissing } from "./node-warnings.ts";
import { aliasesOf } from "./partial-config.ts";
import { type AllowedChange, nameSome, type WarningRules } from "./warning-rule.ts";

/** What advertisements of both kinds have. */
interface Advertisement {
  readonly poolSelection: PoolSelection;
  readonly nodeSelectors: readonly LabelSelector[];
}
type Parse = (object: RawObject) => ParseResult<Advertisement>;

/** What may be wrong about an L2Advertisement. */
export const l2AdvertisementWarnings: WarningRules = commonWarnings(parseL2Advertisement);

/** What may be wrong about a BGPAdvertisement. */
export const bgpAdvertisementWarnings: WarningRules = {
  ...commonWarnings(parseBgpAdvertisement),
  "peer-missing": peersMissing,
  "alias-missing": aliasesMissing,
};

function commonWarnings(parse: Parse): WarningRules {
  const read = (object: RawObject | undefined): Advertisement | undefined =>
    object === undefined ? undefined : parse(object).value;
  return {
    "pool-missing": ({ object, others }) => poolsMissing(read(object), others.pools),
    "no-node": ({ object, cluster }) => nodesMissing(read(object)?.nodeSelectors ?? [], cluster.nodes),
    "pool-abandoned": (change) => poolsAbandoned(change, read(change.old), read(change.object)),
  };
}

function poolsMissing(own: Advertisement | undefined, pools: readonly RawObject[]): readonly string[] {
  if (own === undefined) return [];
  const { names, selectors } = own.poolSelection;
  const known = new Set<string>(pools.map(({ metadata }) => metadata.name));
  const missing = names.flatMap((name, i) =>
    known.has(name) ? [] : [`spec.ipAddressPools[${i}]: there is no IPAddressPool "${name}"`],
  );
  const found = pools.some(({ metadata: { labels = {} } }) => selectors.some((one) => selectorMatches(one, labels)));
  if (selectors.length === 0 || found) return missing;
  return [...missing, "spec.ipAddressPoolSelectors: no IPAddressPool has these labels"];
}

/** Pools that the advertisement was the last one to advertise. */
function poolsAbandoned(
  { others }: AllowedChange,
  old: Advertisement | undefined,
  own: Advertisement | undefined,
): readonly string[] {
  if (old === undefined) return [];
  const dropped = others.pools.filter((pool) => selects(old, pool) && (own === undefined || !selects(own, pool)));
  if (dropped.length === 0) return [];
  const rest = [
    ...others.bgpAdvertisements.flatMap((object) => parseBgpAdvertisement(object).value ?? []),
    ...others.l2Advertisements.flatMap((object) => parseL2Advertisement(object).value ?? []),
  ];
  const abandoned = dropped.filter((pool) => !rest.some((other) => selects(other, pool)));
  if (abandoned.length === 0) return [];
  const names = nameSome(abandoned.map(({ metadata }) => `"${metadata.name}"`));
  return [`spec.ipAddressPools: nothing advertises IPAddressPool ${names} then`];
}

function selects({ poolSelection: { names, selectors } }: Advertisement, { metadata }: RawObject): boolean {
  if (names.length === 0 && selectors.length === 0) return true;
  const named = names.some((name) => name === metadata.name);
  return named || selectors.some((selector) => selectorMatches(selector, metadata.labels ?? {}));
}

function peersMissing({ object, others }: AllowedChange): readonly string[] {
  const known = new Set<string>(others.peers.map(({ metadata }) => metadata.name));
  const peers = object === undefined ? undefined : parseBgpAdvertisement(object).value?.peers;
  return [...(peers ?? [])].flatMap((name, i) =>
    known.has(name) ? [] : [`spec.peers[${i}]: there is no BGPPeer "${name}"`],
  );
}

function aliasesMissing({ object, others }: AllowedChange): readonly string[] {
  if (object === undefined) return [];
  const known = new Set(others.communities.flatMap(aliasNames));
  return aliasesOf(object).flatMap(({ value, path }) =>
    known.has(value) ? [] : [`${path}: no Community defines "${value}": until one does, the advertisement is left out`],
  );
}
