import type { IpAddress } from "../net/ip-address.ts";
import type { NodeName } from "./config.ts";
import { defined } from "./defined.ts";
import type { ObjectMeta } from "./object.ts";
import { isFields } from "./read-object.ts";
import type { StatusOwner } from "./service-status-meta.ts";

type BgpState = "idle" | "connect" | "active" | "open-sent" | "open-confirm" | "established";
type BfdState = "admin-down" | "down" | "init" | "up";

/** What one node says of one BGP session. */
export interface BgpSessionReport {
  readonly node: NodeName;
  /** The BGPPeer. */
  readonly bgpPeer: string;
  /** The router, or the interface it is looked for on. */
  readonly peer: IpAddress | string;
  /** Undefined for the default one. */
  readonly vrf: string | undefined;
  readonly bgp: BgpState;
  /** Undefined without BFD. */
  readonly bfd: BfdState | undefined;
  /** When the session came up or was lost, in RFC 3339. */
  readonly since: string;
  /** How often it was lost. */
  readonly flaps: number;
  readonly prefixesSent: number;
  readonly prefixesReceived: number;
  readonly lastError: string | undefined;
}

/** The `status` of a BGPSessionState: the first five fields are those of FRR-K8s, spelled as it spells them. */
export type BgpSessionStatus = Readonly<Record<string, string | number | null>>;

const BGP_STATUS: Readonly<Record<BgpState, string>> = {
  idle: "Idle",
  connect: "Connect",
  active: "Active",
  "open-sent": "OpenSent",
  "open-confirm": "OpenConfirm",
  established: "Established",
};
const BFD_STATUS: Readonly<Record<BfdState, string>> = {
  "admin-down": "AdminDown",
  down: "Down",
  init: "Init",
  up: "Up",
};
const LABEL_PREFIX = "frrk8s.metallb.io/";
const LABEL = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

/** By which a node finds its own objects; undefined for a node whose name is no label. */
export function sessionStateSelector(node: NodeName): string | undefined {
  return LABEL.test(node) ? `${LABEL_PREFIX}node=${node}` : undefined;
}

/** Labels as FRR-K8s sets them, and the pod whose end takes the object with it. */
export function bgpSessionStateMeta(
  report: BgpSessionReport,
  owner: StatusOwner | undefined,
): Pick<ObjectMeta, "labels" | "ownerReferences"> {
  const { node, peer, vrf = "" } = report;
  const labels = Object.entries({ node, peer: peerText(peer), vrf }).filter(([, value]) => LABEL.test(value));
  return {
    labels: Object.fromEntries(labels.map(([name, value]) => [LABEL_PREFIX + name, value])),
    ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: "v1", kind: "Pod", ...owner }] }),
  };
}

/** The fields to patch; null takes one away. */
export function bgpSessionStatus(report: BgpSessionReport): BgpSessionStatus {
  const { node, bgpPeer, peer, vrf = "", bgp, bfd, since, flaps, prefixesSent, prefixesReceived, lastError } = report;
  return {
    node,
    peer: peerText(peer),
    vrf,
    bgpStatus: BGP_STATUS[bgp],
    bfdStatus: bfd === undefined ? "N/A" : BFD_STATUS[bfd],
    bgpPeer,
    ...{ since, flaps, prefixesSent, prefixesReceived },
    lastError: lastError ?? null,
  };
}

/** Whether an object that anybody may have edited says so. */
export function saysSessionStatus(status: unknown, wanted: BgpSessionStatus): boolean {
  const said = isFields(status) ? status : {};
  return Object.entries(wanted).every(([name, value]) => (said[name] ?? null) === value);
}

/** What of a report must be told soon: the rest, which moves all the time, may wait. */
export function weightOfReport({ bgp, bfd, ...report }: BgpSessionReport): string {
  const { peer, vrf, bgpPeer } = report;
  return JSON.stringify(defined({ up: bgp === "established", bfd: bfd === "up", peer: peerText(peer), vrf, bgpPeer }));
}

/** As FRR-K8s writes it: an IPv6 address in full, with dashes, because a label takes no colon. */
function peerText(peer: IpAddress | string): string {
  if (typeof peer === "string") return peer;
  if (peer.family === 4) return peer.toString();
  const hex = peer.value.toString(16).padStart(32, "0");
  return hex.match(/.{4}/g)?.join("-") ?? hex;
}
