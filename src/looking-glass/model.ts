import type { Explanation } from "../inspection/explain/explain.ts";
import type { ObjectName } from "../inspection/explain/finding.ts";
import type { Move } from "../inspection/move.ts";
import type { RouteInItem, RouteOutItem } from "../inspection/route-view.ts";
import type { SessionItem, SessionView } from "../inspection/session-view.ts";
import type { Layer2Item, MemberItem } from "../inspection/state-view.ts";

/*
 * The JSON API of the looking glass, and what its pages are made from. All of it is read with GET.
 *
 * Who may: `Authorization: Bearer TOKEN`. The token is in the fragment of the URL that `herald ui` prints, `/#token=TOKEN`: the page takes
 * it from there once, keeps it in localStorage under `herald-token`, and removes it from the address bar. There is no cookie: cookies know no
 * ports, and whatever else listens on 127.0.0.1 would be sent them. So events are read with fetch() and its stream, not with EventSource.
 * `/` and `/assets/*` are for everybody: they are the same for all.
 *
 * Times are RFC 3339 in UTC, what is unknown is left out, and a refusal is an ErrorBody with a status of 400, 401, 403, 404, 405, 429 or 503.
 * A field that goes or means something else raises the version in the paths: a field that comes does not. The path of each document stands
 * before it; what stands in braces is encoded with encodeURIComponent.
 */

export interface ErrorBody {
  readonly code: string;
  readonly message: string;
}

/** How something is: `unknown` could not be seen; `quiet` is not there and is not meant to be. */
export type Health = "good" | "doubtful" | "bad" | "unknown" | "quiet";

/** What every document begins with. */
export interface Head {
  readonly at: string;
  /** The number of the latest event that is in this document: later ones change it. */
  readonly event: number;
}

/** A piece of a list: `total` there are, `matched` of them passed the filters. */
export interface Page<Item> extends Head {
  readonly total: number;
  readonly matched: number;
  readonly offset: number;
  readonly items: readonly Item[];
}

/** Where a page of the looking glass is about something; the web turns it into a link. */
export type Place =
  | { readonly page: "session"; readonly node: string; readonly peer: string }
  | { readonly page: "service"; readonly namespace: string; readonly name: string }
  | { readonly page: "pool"; readonly name: string }
  | { readonly page: "layer2"; readonly address?: string | undefined }
  | { readonly page: "topology"; readonly node?: string | undefined };

/** `GET /api/v1/overview`. */
export interface OverviewView extends Head {
  /** The worst of all there is. */
  readonly health: Health;
  readonly counts: Counts;
  /** The worst first, at most 200. */
  readonly problems: readonly Problem[];
  readonly problemsTotal: number;
  /** Where all of it comes from. */
  readonly sources: readonly Source[];
  /** The latest 20 moves, the latest first. */
  readonly journal: readonly JournalEntry[];
}

/** All at a glance. */
export interface Counts {
  readonly nodes: { readonly total: number; readonly answering: number; readonly fenced: number };
  readonly sessions: { readonly total: number; readonly established: number };
  readonly services: Readonly<Record<Health, number>> & { readonly total: number };
  readonly layer2: { readonly addresses: number; readonly inConflict: number };
  readonly pools: { readonly total: number; readonly nearlyFull: number };
  /** Prefixes that peers have from the nodes, counted once for every session. */
  readonly prefixesOut: number;
}

/** Something that is wrong, and what helps. */
export interface Problem {
  /** Stays the same as long as the problem is the same one. */
  readonly id: string;
  readonly health: "bad" | "doubtful" | "unknown";
  /** One word: the same as in refusals, causes and metrics. */
  readonly reason: string;
  readonly object: ObjectName;
  readonly field?: string | undefined;
  readonly message: string;
  readonly remedy?: string | undefined;
  readonly since?: string | undefined;
  /** So many of the same kind are meant by this one; the first is `object`. */
  readonly count: number;
  readonly place?: Place | undefined;
}

/** Somebody who is asked: the API, or the speaker of a node. */
export interface Source {
  readonly name: string;
  readonly kind: "api" | "speaker";
  readonly state: "connecting" | "answering" | "silent";
  /** Why it is silent. */
  readonly message?: string | undefined;
  readonly since: string;
}

/** `GET /api/v1/sessions?node=&peer=&q=&state=established|down`: all of them, those with a problem first. */
export interface SessionsView extends Page<SessionRow> {
  /** Nodes that did not answer: their sessions are as they were last seen. */
  readonly silent: readonly Source[];
  /** From when to now the timelines are. */
  readonly from: string;
}

export interface SessionRow {
  readonly health: Health;
  /** False where the node no longer answers: this is what it said last. */
  readonly fresh: boolean;
  readonly session: SessionItem;
  /** Oldest first; the last one goes on. */
  readonly timeline: readonly StateSpan[];
}

/** From then until then the session was in one state. */
export interface StateSpan {
  readonly state: SessionItem["state"] | "unknown";
  readonly start: string;
  /** Left out where it goes on. */
  readonly end?: string | undefined;
  /** Why it came to be in it. */
  readonly reason?: string | undefined;
}

/** `GET /api/v1/sessions/{node}/{peer}`. */
export interface SessionDetailView extends Head {
  readonly row: SessionRow;
  /** Both OPENs and what each side lacks; left out where the speaker does not answer. */
  readonly detail?: Omit<SessionView, "view" | "version" | "node" | "at"> | undefined;
  /** Why it is left out. */
  readonly silent?: string | undefined;
  /** Prefixes out and in, as they were; oldest first. */
  readonly samples: readonly PrefixSample[];
}

export interface PrefixSample {
  readonly at: string;
  readonly prefixesOut: number;
  readonly prefixesIn: number;
}

/** `GET /api/v1/topology`. With many Services they are drawn in groups, by namespace; `?service=NS/NAME` draws that one alone. */
export interface TopologyView extends Head {
  readonly routers: readonly RouterNode[];
  readonly nodes: readonly ClusterNode[];
  readonly services: readonly ServiceNode[];
  readonly links: readonly TopologyLink[];
}

/** A router: the peers that have its address (or, over an interface, its name). */
export interface RouterNode {
  readonly id: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly asn?: number | undefined;
  readonly peers: readonly string[];
  readonly health: Health;
  readonly established: number;
  readonly sessions: number;
}

export interface ClusterNode {
  readonly id: string;
  readonly name: string;
  readonly health: Health;
  /** Why it is not good. */
  readonly message?: string | undefined;
  readonly established: number;
  readonly sessions: number;
  /** Addresses it answers for on the LAN. */
  readonly layer2: number;
  readonly fenced: boolean;
  readonly draining: boolean;
}

export interface ServiceNode {
  readonly id: string;
  /** `namespace/name`, or the namespace of a group. */
  readonly name: string;
  /** 1 for a single Service. */
  readonly count: number;
  readonly health: Health;
  readonly addresses: readonly string[];
}

/** `from` and `to` are ids. A session goes from a node to a router; an announcement from a Service to a node. */
export interface TopologyLink {
  readonly from: string;
  readonly to: string;
  readonly kind: "session" | "bgp" | "layer2";
  readonly health: Health;
  /** Of a session: the BGPPeer. */
  readonly peer?: string | undefined;
  readonly label?: string | undefined;
  /** Prefixes, or Services, that go over it. */
  readonly count: number;
}

/**
 * `GET /api/v1/services?q=&namespace=&pool=&node=&health=&protocol=&sort=&order=asc|desc&limit=&offset=`.
 * `q` is looked for in names, addresses and problems. Without `sort` those with a problem are first. At most 500 at a time; 100 unless asked.
 */
export interface ServicesView extends Page<ServiceRow> {
  /** How those are that pass all filters but `health`. */
  readonly byHealth: Readonly<Record<Health, number>>;
  readonly namespaces: readonly string[];
  readonly pools: readonly string[];
}

export type ServiceSort = "problem" | "name" | "address" | "pool" | "endpoints" | "changed";

export interface ServiceRow {
  readonly namespace: string;
  readonly name: string;
  readonly health: Health;
  readonly addresses: readonly string[];
  readonly pool?: string | undefined;
  /** Nodes that announce it to routers, and the BGPPeers. */
  readonly bgp: { readonly nodes: readonly string[]; readonly peers: readonly string[] };
  /** Nodes that answer for it on the LAN. */
  readonly layer2: readonly string[];
  /** Left out where no API is asked. */
  readonly endpoints?: number | undefined;
  readonly reason?: string | undefined;
  readonly problem?: string | undefined;
  /** When something of it changed last, as far as this looking glass saw it. */
  readonly changed?: string | undefined;
}

/** `GET /api/v1/services/{namespace}/{name}?node=&peer=`. */
export interface ServiceDetailView extends Head {
  readonly row: ServiceRow;
  /** The chain as a tree; left out where no API is asked. */
  readonly explanation?: Explanation | undefined;
  /** Why it is left out. */
  readonly unexplained?: string | undefined;
  /** What each speaker that answers decided; in the place of the chain. */
  readonly refusals: readonly ServiceRefusal[];
  readonly routes: readonly RouteOutItem[];
  readonly layer2: readonly Layer2Item[];
  /** The latest 100 moves, the latest first. */
  readonly journal: readonly JournalEntry[];
  readonly silent: readonly Source[];
}

export interface ServiceRefusal {
  readonly node: string;
  readonly ip?: string | undefined;
  readonly protocol: "bgp" | "layer2";
  readonly reason: string;
  readonly message: string;
}

/** `GET /api/v1/pools`: the fullest first. */
export interface PoolsView extends Head {
  /** False where no API is asked: then nothing is known of pools. */
  readonly available: boolean;
  readonly pools: readonly PoolRow[];
}

/** Counts that JSON cannot carry exactly are text. */
export interface PoolRow {
  readonly name: string;
  readonly health: Health;
  readonly addresses: readonly string[];
  readonly autoAssign: boolean;
  readonly ipv4: FamilyUse;
  readonly ipv6: FamilyUse;
  /** In percent, of the family that is nearer to its end. */
  readonly use: number;
  /** Services that hold addresses of it. */
  readonly holders: number;
  /** Days until it is full at the rate of the last week; left out where too few Services came to tell. */
  readonly fullInDays?: number | undefined;
}

export interface FamilyUse {
  readonly capacity: number | string;
  readonly assigned: number | string;
}

/**
 * `GET /api/v1/pools/{name}?cells=&first=&last=`: the pool as a heat map, in at most `cells` cells (1,024 unless asked, 4,096 at most), and who
 * holds what. `first` and `last` are addresses: they look at a part of it closely, until each cell is one address.
 */
export interface PoolDetailView extends Head {
  readonly pool: PoolRow;
  readonly cells: readonly PoolCell[];
  /** Who holds addresses from the first cell to the last, in the order of addresses; at most 500. */
  readonly holders: readonly PoolHolder[];
  readonly holdersTotal: number;
}

/** Addresses one after the other. */
export interface PoolCell {
  readonly first: string;
  readonly last: string;
  readonly size: number | string;
  readonly used: number;
  /** Addresses of it that may not be given (`spec.avoidBuggyIPs`), where it is a single one. */
  readonly avoided?: boolean | undefined;
}

export interface PoolHolder {
  readonly address: string;
  /** `namespace/name`; several share it. */
  readonly services: readonly string[];
}

/** `GET /api/v1/layer2`: who answers for which address now; addresses in conflict, or with two owners, first. */
export interface Layer2OwnersView extends Head {
  readonly owners: readonly Layer2Owner[];
  readonly nodes: readonly Layer2Node[];
  readonly silent: readonly Source[];
}

export interface Layer2Owner {
  readonly address: string;
  readonly health: Health;
  readonly message?: string | undefined;
  /** Of every node that has something to do with it. */
  readonly holders: readonly Layer2Item[];
}

export interface Layer2Node {
  readonly node: string;
  /** False where this speaker has no engine for layer 2. */
  readonly available: boolean;
  readonly fenced: boolean;
  readonly interfaces: readonly { readonly name: string; readonly mac: string }[];
  /** How its speaker sees the others. */
  readonly members: readonly MemberItem[];
  readonly memberSource?: "gossip" | "kubernetes" | "none" | undefined;
}

/** `GET /api/v1/layer2/history?address=`: who answered when, in the order of addresses; at most 500 addresses. */
export interface Layer2HistoryView extends Head {
  readonly from: string;
  readonly addresses: readonly { readonly address: string; readonly spans: readonly OwnerSpan[] }[];
}

/** From then until then a node answered for the address, or nobody did. */
export interface OwnerSpan {
  /** Left out where nobody answered. */
  readonly node?: string | undefined;
  readonly state: "answering" | "silent" | "conflict";
  readonly start: string;
  readonly end?: string | undefined;
  readonly reason?: string | undefined;
}

/**
 * `GET /api/v1/routes?direction=out|in&node=&peer=&prefix=&service=&state=&limit=&offset=`: asked of the speakers at that moment; those that a
 * peer does not have are first. `node`, `peer`, `prefix` and `service` may be given again. At most 500 at a time; 100 unless asked.
 */
export type RoutesView = RoutesOutView | RoutesInView;

export interface RoutesOutView extends Page<RouteOutItem> {
  readonly direction: "out";
  readonly silent: readonly Source[];
  /** There were more than could be looked at: name a node, a peer or a prefix. */
  readonly cut: boolean;
}

export interface RoutesInView extends Page<RouteInItem> {
  readonly direction: "in";
  readonly silent: readonly Source[];
  readonly cut: boolean;
}

/** `GET /api/v1/journal?limit=&before=&node=&service=&peer=&type=`: the latest first. `before` is an `entry`; at most 500, 100 unless asked. */
export interface JournalView extends Head {
  readonly entries: readonly JournalEntry[];
  /** There are older ones. */
  readonly more: boolean;
}

export interface JournalEntry {
  /** Grows with every move that this looking glass was told. */
  readonly entry: number;
  readonly health: Health;
  readonly move: Move;
}

/**
 * `GET /api/v1/events` (text/event-stream): `id:` is opaque, `event:` is `type`, `data:` is the JSON of `data`. A comment line comes every 10
 * seconds. `Last-Event-ID: ID` (a header, or `?after=ID`, where the `event` of a document is an ID as well) goes on after that event; what is
 * no longer remembered, or came from another server, begins with `reset`: load anew what is shown. What changes often is gathered: at most
 * four of each type come in a second.
 */
export type GlassEvent = {
  readonly [T in keyof EventData]: { readonly type: T; readonly data: EventData[T] };
}[keyof EventData];

/** What each type of event carries. */
export interface EventData {
  /** The first one of every connection. `server` is another one after a restart. */
  readonly hello: { readonly server: string; readonly event: number; readonly at: string };
  /** Load anew: the reader was too slow, or was away for too long. */
  readonly reset: { readonly reason: "too-slow" | "too-long-ago" | "other-server" };
  /** The glance, whenever it differs; problems are loaded anew where `problems` is true. */
  readonly overview: { readonly health: Health; readonly counts: Counts; readonly problems: boolean };
  /** Rows that came or changed, and sessions that went. */
  readonly sessions: {
    readonly rows: readonly SessionRow[];
    readonly gone: readonly { readonly node: string; readonly peer: string }[];
  };
  /** Rows that came or changed, and `namespace/name` of those that went. With `many` these are only some: load anew. */
  readonly services: { readonly rows: readonly ServiceRow[]; readonly gone: readonly string[]; readonly many: boolean };
  /** Pools whose use changed, and the names of those that went. */
  readonly pools: { readonly pools: readonly PoolRow[]; readonly gone: readonly string[] };
  /** Addresses whose owner changed. */
  readonly layer2: { readonly addresses: readonly string[] };
  /** New moves, the oldest first. With `lost` so many were not told. */
  readonly journal: { readonly entries: readonly JournalEntry[]; readonly lost: number };
  /** Somebody who is asked began to answer, or ceased to; and the names of those who are asked no more. */
  readonly sources: { readonly sources: readonly Source[]; readonly gone: readonly string[] };
}

/** What the server puts below `/assets/`, and the page itself: made by the build, read once. */
export interface PageFile {
  /** `/` or `/assets/NAME`. */
  readonly path: string;
  readonly type: string;
  readonly bytes: Uint8Array;
}
