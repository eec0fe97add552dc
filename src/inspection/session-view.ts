import { type Capabilities, formatCapabilities } from "../bgp/capability.ts";
import type { Notification } from "../bgp/error.ts";
import { formatAfiSafi, unicast } from "../bgp/family.ts";
import type { BgpState } from "../bgp/fsm-values.ts";
import { formatNotification } from "../bgp/message/notification.ts";
import type { Open } from "../bgp/message/open.ts";
import type { Negotiated } from "../bgp/negotiation.ts";
import { formatRouterId } from "../bgp/router-id.ts";
import type { ViewHead } from "./view.ts";

/** One BGP session of a node. What is unknown is left out. */
export interface SessionItem {
  readonly node: string;
  /** The BGPPeer. */
  readonly peer: string;
  readonly address?: string | undefined;
  readonly interface?: string | undefined;
  readonly port: number;
  readonly localAddress?: string | undefined;
  readonly state: BgpState;
  /** When it came up, or was lost, or was first tried: since then it is up, or it is not. */
  readonly since: string;
  readonly localAsn: number;
  /** The AS that the peer has to be in: a number, `internal` or `external`. */
  readonly expectedAsn: number | "internal" | "external";
  readonly negotiated?: NegotiatedItem | undefined;
  readonly prefixesOut: number;
  /** Prefixes that this session cannot carry. */
  readonly prefixesNotSent: number;
  readonly prefixesIn: number;
  /** Times that the session was up and ended. */
  readonly flaps: number;
  /** Why the latest attempt failed; left out while the session is up. */
  readonly lastError?: string | undefined;
  /** When the session ended last, and why. */
  readonly lastDown?: { readonly at: string; readonly reason: string } | undefined;
  readonly lastNotification?: NotificationItem | undefined;
  readonly bfd?: { readonly state: string; readonly lastError?: string | undefined } | undefined;
  readonly counters: Readonly<Record<string, number>>;
}

/** What both ends agreed on. Times in seconds. */
export interface NegotiatedItem {
  readonly peerAsn: number;
  readonly peerIdentifier: string;
  readonly holdTime: number;
  readonly keepaliveTime: number;
  readonly families: readonly string[];
  /** What both ends can do, beside the families. */
  readonly capabilities: readonly string[];
}

/** The NOTIFICATION that passed last: `out` is ours. */
export interface NotificationItem {
  readonly at: string;
  readonly direction: "in" | "out";
  readonly code: number;
  readonly subcode: number;
  readonly words: string;
}

/** Everything of one session. */
export interface SessionView extends ViewHead {
  readonly session: SessionItem;
  readonly openSent?: OpenItem | undefined;
  readonly openReceived?: OpenItem | undefined;
  /** What one side says it can do and the other does not. */
  readonly lacks: Lacks;
  readonly timeline: readonly TimelineItem[];
  /** The first of the prefixes that cannot be sent. */
  readonly notSent: readonly { readonly prefix: string; readonly reason: string }[];
}

/** An OPEN in words. */
export interface OpenItem {
  readonly asn: number;
  readonly holdTime: number;
  readonly identifier: string;
  readonly capabilities: readonly string[];
}

export interface Lacks {
  /** What the peer says it can do and we do not. */
  readonly ours: readonly string[];
  /** What we say we can do and the peer does not. */
  readonly peers: readonly string[];
}

interface TimelineItem {
  readonly at: string;
  readonly from: BgpState;
  readonly to: BgpState;
  readonly reason: string;
}

/** What both ends agreed on, in words. */
export function negotiatedItem(negotiated: Negotiated, sent: Open | undefined): NegotiatedItem {
  const { peerAsn, peerIdentifier, holdTime, keepaliveTime, families, peerCapabilities } = negotiated;
  const common = sent === undefined ? [] : shared(sent.capabilities, peerCapabilities);
  return {
    peerAsn,
    peerIdentifier: formatRouterId(peerIdentifier),
    holdTime,
    keepaliveTime,
    families: families.map((family) => formatAfiSafi(unicast(family))),
    capabilities: common,
  };
}

export function notificationItem(at: string, direction: "in" | "out", notification: Notification): NotificationItem {
  const { code, subcode } = notification;
  return { at, direction, code, subcode, words: formatNotification(notification) };
}

/** An OPEN in words; the AS is the true one where the peer says it in a capability. */
export function openItem({ myAs, holdTime, identifier, capabilities }: Open): OpenItem {
  return {
    asn: capabilities.fourOctetAsn ?? myAs,
    holdTime,
    identifier: formatRouterId(identifier),
    capabilities: formatCapabilities(capabilities),
  };
}

/** What each side lacks of what the other offers; nothing while one of the OPENs is not known. */
export function lacksOf(sent: Open | undefined, received: Open | undefined): Lacks {
  if (sent === undefined || received === undefined) return { ours: [], peers: [] };
  return {
    ours: missing(received.capabilities, sent.capabilities),
    peers: missing(sent.capabilities, received.capabilities),
  };
}

/** Whose values say something of each end alone: that both have them is all there is to agree on. */
type Name = keyof Capabilities;

function missing(has: Capabilities, lacks: Capabilities): readonly string[] {
  const names = namesOf(has).filter((name) => name !== "families" && lacks[name] === undefined);
  return [...missingFamilies(has, lacks), ...names.flatMap((name) => formatCapabilities(only(has, name)))];
}

/** RFC 4760 section 8: who offers no family means IPv4 unicast. */
function missingFamilies(has: Capabilities, lacks: Capabilities): readonly string[] {
  const offered = (all: Capabilities): readonly string[] =>
    (all.families ?? [unicast(4)]).map((family) => formatAfiSafi(family));
  const others = new Set(offered(lacks));
  return offered(has).filter((family) => !others.has(family));
}

function shared(a: Capabilities, b: Capabilities): readonly string[] {
  const names = namesOf(a).filter((name) => name !== "families" && name !== "unknown" && b[name] !== undefined);
  return names.map((name) => NAMES[name] ?? name);
}

/** The registry's words carry the values of one end; of what both can do the name is enough. */
const NAMES: Partial<Record<Name, string>> = {
  routeRefresh: "route-refresh",
  outboundRouteFilter: "outbound-route-filter",
  extendedNextHop: "extended-next-hop",
  extendedMessage: "extended-message",
  gracefulRestart: "graceful-restart",
  fourOctetAsn: "four-octet-as",
  addPath: "add-path",
  enhancedRouteRefresh: "enhanced-route-refresh",
  longLivedGracefulRestart: "long-lived-graceful-restart",
  hostName: "host-name",
  softwareVersion: "software-version",
  linkLocalNextHop: "link-local-next-hop",
};

function namesOf(capabilities: Capabilities): readonly Name[] {
  return Object.keys(capabilities).filter((name): name is Name => name in capabilities);
}

function only(capabilities: Capabilities, name: Name): Capabilities {
  return { [name]: capabilities[name] };
}
