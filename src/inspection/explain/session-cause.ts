import type { Peer } from "../../api/config.ts";
import { SILENT, UNCONFIRMED } from "../../bgp/fsm.ts";
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
  const said = lastWord(session);
  const words = `session of Node ${session.node} with BGPPeer ${session.peer} is ${session.state}: ${withNotification(said, session)}`;
  const at = { rank: RANK.session, object: { kind: "BGPPeer", name: session.peer }, words };
  // What was said on an earlier connection does not explain why there is none now.
  const pointer = lastNotification === undefined || isUnanswered(said) ? undefined : pointerOf(lastNotification);
  if (lastNotification !== undefined && pointer !== undefined) {
    const change = lastNotification.direction === "out" ? pointer.ours : pointer.theirs;
    const { name, field } = pointer;
    return { ...at, name, field: fieldOf(field, lastNotification), change };
  }
  if (bfd !== undefined && bfd.state !== "up" && session.flaps > 0) {
    const change = "make BFD work on the router too: same mode, UDP 3784 let through";
    return { ...at, name: "bfd-down", field: "spec.bfdProfile", change };
  }
  return { ...at, ...unreached(session, said, peer) };
}

/** Why a session that is up may not stay: the one before ended in silence, and this one is younger than its hold time. */
export function unsteadyCause(session: SessionItem, at: string | undefined): Cause | undefined {
  const { lastDown, negotiated, since, flaps, peer, node } = session;
  if (at === undefined || lastDown?.reason !== SILENT) return undefined;
  const age = (Date.parse(at) - Date.parse(since)) / 1000;
  if (age >= (negotiated?.holdTime ?? 0)) return undefined;
  return {
    ...NOT_HEARD,
    rank: RANK.session,
    object: { kind: "BGPPeer", name: peer },
    words: `session of Node ${node} with BGPPeer ${peer} came up ${Math.round(age)} s ago, after the router was silent for the whole hold time (lost ${flaps} time${flaps === 1 ? "" : "s"}): whether it stays is seen when that is over again`,
  };
}

/** What is true of the latest attempt: the reason of one before it says nothing while this one waits for an answer. */
function lastWord({ state, lastError, lastDown }: SessionItem): string {
  if (state === "connect" && !isUnanswered(lastError ?? "")) return "no answer so far";
  return lastError ?? lastDown?.reason ?? "nothing has been heard yet";
}

/** No connection came about. */
function isUnanswered(said: string): boolean {
  return /^no answer|^connect E|^setsockopt|source address|EHOSTUNREACH|ETIMEDOUT|ENETUNREACH/.test(said);
}

function withNotification(said: string, { lastNotification }: SessionItem): string {
  if (lastNotification === undefined || said.includes(lastNotification.words)) return said;
  const direction = lastNotification.direction === "in" ? "received" : "sent";
  return `${said}; last ${direction} ${lastNotification.words}`;
}

function fieldOf(field: string, { code, subcode, direction }: NotificationItem): string {
  const asn = code === ERROR_CODE.openMessage && subcode === OPEN_ERROR.badPeerAs;
  return asn && direction === "in" ? "spec.myASN" : field;
}

function pointerOf({ code, subcode }: NotificationItem): Pointer | undefined {
  if (code === ERROR_CODE.openMessage) return OPEN[subcode];
  return code === ERROR_CODE.cease ? CEASED[subcode] : undefined;
}

/** Nobody answered: which of the ways to be unreachable it is, the router alone can say; the fields narrow it down. */
function unreached(session: SessionItem, said: string, peer: Peer | undefined): Unreached {
  if (session.interface !== undefined && session.address === undefined) {
    const change = `see that ${session.interface} is the link to the router, that it is up, and that the router sends router advertisements`;
    return { name: "no-router-on-interface", field: "spec.interface", change };
  }
  return ownSide(said, peer) ?? refused(session, said) ?? halfOpen(session, said, peer) ?? unanswered(said, peer);
}

type Unreached = Pick<Cause, "name" | "field" | "change">;

/** What this node lacks: nothing has left it. */
function ownSide(said: string, peer: Peer | undefined): Unreached | undefined {
  if (peer?.sourceAddress !== undefined && /source address|EADDRNOTAVAIL/.test(said)) {
    const change = `let spec.sourceAddress be an address of the node, or leave it out; spec.nodeSelectors keep the BGPPeer to nodes that have ${peer.sourceAddress}`;
    return { name: "no-source-address", field: "spec.sourceAddress", change };
  }
  if (peer?.vrf !== undefined && /ENODEV|no such device/i.test(said)) {
    const change = `make VRF ${peer.vrf} on the node, or name in spec.vrf one that it has`;
    return { name: "no-vrf", field: "spec.vrf", change };
  }
  return undefined;
}

/** Somebody is there, and does not want us. */
function refused({ port }: SessionItem, said: string): Unreached | undefined {
  if (!/ECONNREFUSED|refused/.test(said)) return undefined;
  const change = `start BGP on the router at port ${port}, and let it listen to this node`;
  if (port === BGP_PORT) return { name: "connection-refused", field: "spec.peerAddress", change };
  return { name: "connection-refused", field: "spec.peerPort", change: `take spec.peerPort off, or ${change}` };
}

const BGP_PORT = 179;

/** Connected, and no session came of it. */
function halfOpen({ state }: SessionItem, said: string, peer: Peer | undefined): Unreached | undefined {
  if (said === SILENT || said === UNCONFIRMED || state === "open-confirm") {
    return peer?.ttlSecurityHops === undefined ? NOT_HEARD : TTL_TOO_LOW;
  }
  if (!/closed|ECONNRESET|EPIPE|gone/.test(said)) return undefined;
  const change =
    "configure this node's address as a neighbour on the router, or its range as one of dynamic neighbours; a session from another address needs spec.sourceAddress";
  return { name: "not-configured-on-router", field: "spec.peerAddress", change };
}

const UNROUTABLE: Unreached = {
  name: "router-unreachable",
  field: "spec.peerAddress",
  change: "see that the address is right, that somebody answers at it, and that the node has a route to it",
};

const TTL_TOO_LOW: Unreached = {
  name: "ttl-too-low",
  field: "spec.ttlSecurity.hops",
  change: "set spec.ttlSecurity.hops to the true number of hops, and the same on the router",
};

const NOT_HEARD: Unreached = {
  name: "not-heard-by-router",
  field: "spec.ttlSecurity",
  change:
    "where the router has TTL security, set spec.ttlSecurity.hops to its number of hops (1 on one LAN); else look for what drops packets on the way to its TCP 179",
};

/** What is answered with silence: each of these, and nobody on this side can tell which. */
function unanswered(said: string, peer: Peer | undefined): Unreached {
  if (/EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/.test(said)) return UNROUTABLE;
  // The session says so where the BGPPeer was not looked at.
  if (peer?.password !== undefined || said.includes("another password")) {
    const change =
      "compare the password with the router's first (a wrong one is answered with silence), then address and filters";
    const plain = peer !== undefined && peer.passwordSecret === undefined;
    const field = plain ? "spec.password" : "spec.passwordSecret";
    return { name: "wrong-password", field, change };
  }
  if (peer?.ttlSecurityHops !== undefined) return TTL_TOO_LOW;
  if (!/ETIMEDOUT|no answer/.test(said)) return UNROUTABLE;
  const change =
    "set spec.passwordSecret where the router has a password for this node (without it, it answers nothing); else see that the address is right, that the router knows a way back, and that nothing filters TCP 179";
  return { name: "no-answer", field: "spec.passwordSecret", change };
}
