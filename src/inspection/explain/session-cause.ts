import type { Peer } from "../../api/config.ts";
import { CEASE, ERROR_CODE, OPEN_ERROR } from "../../bgp/iana.ts";
import type { NotificationItem, SessionItem } from "../session-view.ts";
import { type Cause, RANK } from "./finding.ts";

/** What a NOTIFICATION points at: `ours` when we sent it, `theirs` when the router did. */
interface Pointer {
  readonly name: string;
  readonly field: string;
  readonly ours: string;
  readonly theirs: string;
}

const OPEN: Readonly<Record<number, Pointer>> = {
  [OPEN_ERROR.badPeerAs]: {
    name: "wrong-asn",
    field: "spec.peerASN",
    ours: "set spec.peerASN to the AS that the router says it is in",
    theirs: "set spec.myASN to the AS that the router has for this node, or mend its remote-as",
  },
  [OPEN_ERROR.badIdentifier]: {
    name: "bad-router-id",
    field: "spec.routerID",
    ours: "give the router a router ID that is its own",
    theirs: "set spec.routerID to one that is this node's own",
  },
  [OPEN_ERROR.authenticationFailure]: {
    name: "wrong-password",
    field: "spec.passwordSecret",
    ours: "use the router's password",
    theirs: "use the router's password",
  },
  [OPEN_ERROR.unacceptableHoldTime]: {
    name: "hold-time-refused",
    field: "spec.holdTime",
    ours: "let the router's hold time be 0 or at least 3 seconds",
    theirs: "set spec.holdTime to at least what the router takes",
  },
  [OPEN_ERROR.unsupportedCapability]: {
    name: "capability-refused",
    field: "spec",
    ours: "switch the capability on at the router, or do not insist on it here",
    theirs: "switch off what the router does not know",
  },
  [OPEN_ERROR.roleMismatch]: {
    name: "role-mismatch",
    field: "spec.role",
    ours: "set spec.role to the counterpart of the router's role",
    theirs: "set spec.role to the counterpart of the router's role",
  },
};

const CEASED: Readonly<Record<number, Pointer>> = {
  [CEASE.maximumPrefixes]: {
    name: "max-prefixes",
    field: "spec.maxPrefixes",
    ours: "let the router announce less to the node, or raise spec.maxPrefixes.limit",
    theirs: "raise the router's maximum-prefix, or announce fewer: spec.aggregationLength of the BGPAdvertisements",
  },
  [CEASE.administrativeShutdown]: {
    name: "shut-down",
    field: "spec.peerAddress",
    ours: "end what stopped the session here",
    theirs: "end the shutdown of this neighbour on the router",
  },
  [CEASE.peerDeconfigured]: {
    name: "not-configured-on-router",
    field: "spec.peerAddress",
    ours: "configure the BGPPeer for this node",
    theirs: "configure this node as a neighbour on the router",
  },
  [CEASE.connectionRejected]: {
    name: "not-configured-on-router",
    field: "spec.peerAddress",
    ours: "configure the BGPPeer for this node",
    theirs: "configure this node's address as a neighbour on the router, or its range as one of dynamic neighbours",
  },
  [CEASE.bfdDown]: {
    name: "bfd-down",
    field: "spec.bfdProfile",
    ours: "make BFD work on the router too: same mode, UDP 3784 let through",
    theirs: "make BFD work in both directions: UDP 3784 let through",
  },
};

/** Why a session is not up, as far as both ends said; what silence can mean is said as such. */
export function sessionCause(session: SessionItem, peer: Peer | undefined): Cause {
  const { bfd, lastNotification } = session;
  const words = `session of Node ${session.node} with BGPPeer ${session.peer} is ${session.state}: ${saidOf(session)}`;
  const object = { kind: "BGPPeer", name: session.peer };
  const pointer = lastNotification && pointerOf(lastNotification);
  if (lastNotification !== undefined && pointer !== undefined) {
    const change = lastNotification.direction === "out" ? pointer.ours : pointer.theirs;
    const { name, field } = pointer;
    return { name, rank: RANK.session, object, field: fieldOf(field, lastNotification), words, change };
  }
  if (bfd !== undefined && bfd.state !== "up" && session.flaps > 0) {
    const change = "make BFD work on the router too: same mode, UDP 3784 let through";
    return { name: "bfd-down", rank: RANK.session, object, field: "spec.bfdProfile", words, change };
  }
  return { ...unreached(session, peer), rank: RANK.session, object, words };
}

function fieldOf(field: string, { code, subcode, direction }: NotificationItem): string {
  const asn = code === ERROR_CODE.openMessage && subcode === OPEN_ERROR.badPeerAs;
  return asn && direction === "in" ? "spec.myASN" : field;
}

function pointerOf({ code, subcode }: NotificationItem): Pointer | undefined {
  if (code === ERROR_CODE.openMessage) return OPEN[subcode];
  return code === ERROR_CODE.cease ? CEASED[subcode] : undefined;
}

function saidOf({ lastError, lastDown, lastNotification }: SessionItem): string {
  const said = lastError ?? lastDown?.reason ?? "nothing has been heard yet";
  const more = lastNotification !== undefined && !said.includes(lastNotification.words);
  const direction = lastNotification?.direction === "in" ? "received" : "sent";
  return more ? `${said}; ${direction} ${lastNotification.words}` : said;
}

/** Nobody answered: which of the ways to be unreachable it is, the router alone can say; the fields narrow it down. */
function unreached(session: SessionItem, peer: Peer | undefined): Pick<Cause, "name" | "field" | "change"> {
  const said = session.lastError ?? "";
  if (session.interface !== undefined && session.address === undefined) {
    const change = `see that ${session.interface} is the link to the router, that it is up, and that the router sends router advertisements`;
    return { name: "no-router-on-interface", field: "spec.interface", change };
  }
  if (/ECONNREFUSED|refused/.test(said)) {
    const change = `start BGP on the router at port ${session.port}, and let it listen to this node`;
    return { name: "connection-refused", field: "spec.peerAddress", change };
  }
  if (/EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/.test(said)) return unroutable(peer);
  if (peer?.password !== undefined) {
    const change =
      "compare the password with the router's first (a wrong one is answered with silence), then address and filters";
    const field = peer.passwordSecret === undefined ? "spec.password" : "spec.passwordSecret";
    return { name: "wrong-password", field, change };
  }
  if (peer?.ttlSecurityHops !== undefined) {
    const change = "set spec.ttlSecurity.hops to the true number of hops, and the same on the router";
    return { name: "ttl-too-low", field: "spec.ttlSecurity.hops", change };
  }
  return unroutable(peer);
}

function unroutable(peer: Peer | undefined): Pick<Cause, "name" | "field" | "change"> {
  const external = peer !== undefined && !(peer.remote.type === "internal");
  if (external && !peer.ebgpMultiHop && peer.endpoint.type === "address") {
    const change =
      "see that the address is right and answers; a router beyond the node's own networks needs spec.ebgpMultiHop: true, a password on the router needs spec.passwordSecret here";
    return { name: "router-unreachable", field: "spec.peerAddress", change };
  }
  const change = "see that the address is right, that the router knows this node, and that nothing filters TCP 179";
  return { name: "router-unreachable", field: "spec.peerAddress", change };
}
