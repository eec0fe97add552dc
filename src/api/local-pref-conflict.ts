import { aggregationDiffers } from "./aggregation.ts";
import type { BgpAdvertisement, Pool } from "./config.ts";
import type { Node } from "./core.ts";
import { anySelectorMatches } from "./label-selector.ts";

/**
 * Rule 4.5: whether two advertisements want different local preferences for the same prefix, to the same peer, from the
 * same node. Without nodes nobody knows where they would apply, and they are taken to meet.
 */
export function localPrefsConflict(
  a: BgpAdvertisement,
  b: BgpAdvertisement,
  context: { readonly pools: Iterable<Pool>; readonly nodes: readonly Node[] },
): boolean {
  if ((a.localPref ?? 0) === (b.localPref ?? 0) || !peersMeet(a, b)) return false;
  const meetInPool = [...context.pools].some(
    (pool) => a.pools.has(pool.name) && b.pools.has(pool.name) && !aggregationDiffers(a, b, pool),
  );
  return meetInPool && nodesMeet(a, b, context.nodes);
}

function peersMeet(a: BgpAdvertisement, b: BgpAdvertisement): boolean {
  return a.peers.size === 0 || b.peers.size === 0 || [...a.peers].some((peer) => b.peers.has(peer));
}

function nodesMeet(a: BgpAdvertisement, b: BgpAdvertisement, nodes: readonly Node[]): boolean {
  if (nodes.length === 0) return true;
  return nodes.some(({ metadata: { labels = {} } }) =>
    [a, b].every((ad) => anySelectorMatches(ad.nodeSelectors, labels)),
  );
}
