import type { Community, LargeCommunity } from "../net/community.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";

/**
 * One prefix this node wants a peer to have, with what may differ between routes; the session adds the rest. No field may be left
 * out: to look for one that is not there takes several times as long, and every field of every route is looked at.
 */
export interface Route {
  readonly prefix: IpPrefix;
  /** Sent on iBGP only, where undefined means 100. */
  readonly localPref: number | undefined;
  readonly communities: readonly Community[];
  readonly largeCommunities: readonly LargeCommunity[];
  /** MULTI_EXIT_DISC; undefined sends none. */
  readonly med: number | undefined;
  /** How often our AS stands in front of the path once more; to other ASes only. */
  readonly asPathPrepend: number | undefined;
  /** Bytes per second, for the link bandwidth community (RFC 10005); undefined sends none. */
  readonly linkBandwidth: number | undefined;
}
