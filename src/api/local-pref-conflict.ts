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
  return poolsMeet(a, b, context.pools) && nodesMeet(a, b, context.nodes);
}

/** Asked for each pair of advertisements, so nothing is copied. */
function poolsMeet(a: BgpAdvertisement, b: BgpAdvertisement, pools: Iterable<Pool>): boolean {
  for (const pool of pools) {
    if (a.pools.has(pool.name) && b.pools.has(pool.name) && !aggregationDiffers(a, b, pool)) return true;
  }
  return false;
}

function peersMeet(a: BgpAdvertisement, b: BgpAdvertisement): boolean {
  if (a.peers.size === 0 || b.peers.size === 0) return true;
  for (const peer of a.peers) if (b.peers.has(peer)) return true;
  return false;
}

function nodesMeet(a: BgpAdvertisement, b: BgpAdvertisement, nodes: readonly Node[]): boolean {
  if (nodes.length === 0) return true;
  return nodes.some(({ metadata: { labels = {} } }) =>
    [a, b].every((ad) => anySelectorMatches(ad.nodeSelectors, labels)),
  );
}
