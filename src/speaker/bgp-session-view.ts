import type { BgpState } from "../bgp/fsm-values.ts";
import type { Negotiated } from "../bgp/negotiation.ts";
import type { NotSent } from "../bgp/packing.ts";
import type { IpAddress } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import type { Micros } from "../net/micros.ts";
import type { BgpCounters } from "./bgp-session-counters.ts";

/** What people and status objects are told about a session. */
export interface BgpSessionView {
  readonly name: string;
  readonly state: BgpState;
  /** When the state last changed, and how long ago that is. */
  readonly since: Micros;
  readonly inState: Micros;
  /** Undefined while no router was found behind the interface of an unnumbered peer. */
  readonly peerAddress: IpAddress | undefined;
  readonly localAddress: IpAddress | undefined;
  /** Undefined until both OPENs are there. */
  readonly negotiated: Negotiated | undefined;
  readonly routesSent: number;
  readonly routesNotSent: readonly { readonly prefix: IpPrefix; readonly reason: NotSent }[];
  readonly routesLearned: number;
  /** Why the last attempt or session ended, in words. */
  readonly lastError: string | undefined;
  readonly counters: BgpCounters;
}
