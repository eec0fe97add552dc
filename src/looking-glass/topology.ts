import type { SessionItem } from "../inspection/session-view.ts";
import type { Board } from "./board.ts";
import type { ClusterNode, Health, RouterNode, ServiceNode, ServiceRow, TopologyLink, TopologyView } from "./model.ts";

/** More Services than this are drawn in groups, and no more groups than this. */
const MOST_DRAWN = 60;
const OTHERS = "others";

/** Routers, nodes and Services with what is between them; one Service alone where it is named. */
export function topologyOf(board: Board, service: string | undefined): Omit<TopologyView, "at" | "event"> {
  const sessions = board.sessions.rows().map(({ session, fresh }) => ({ session, fresh }));
  const routers = new Map<string, SessionItem[]>();
  const links: TopologyLink[] = [];
  for (const { session, fresh } of sessions) {
    const id = routerId(session);
    const known = routers.get(id);
    if (known === undefined) routers.set(id, [session]);
    else known.push(session);
    links.push(sessionLink(session, id, fresh));
  }
  const drawn = servicesDrawn(board, service);
  return {
    routers: [...routers].map(([id, items]) => routerNode(id, items)).sort(byName),
    nodes: clusterNodes(board),
    services: drawn.services,
    links: [...links, ...drawn.links],
  };
}

/** A link-local address over an interface says nothing of which router it is. */
function routerId({ address, interface: name, peer }: SessionItem): string {
  return address === undefined || name !== undefined ? `router/peer/${peer}` : `router/${address}`;
}

function isUp({ state }: SessionItem): boolean {
  return state === "established";
}

function routerNode(id: string, sessions: readonly SessionItem[]): RouterNode {
  const peers = [...new Set(sessions.map(({ peer }) => peer))].sort();
  const addresses = [...new Set(sessions.flatMap(({ address }) => address ?? []))].sort();
  const established = sessions.filter(isUp).length;
  const [first] = sessions;
  const expected = typeof first?.expectedAsn === "number" ? first.expectedAsn : undefined;
  return {
    id,
    name: peers.length <= 2 ? peers.join(", ") : (addresses[0] ?? peers[0] ?? ""),
    addresses,
    asn: sessions.find(({ negotiated }) => negotiated !== undefined)?.negotiated?.peerAsn ?? expected,
    peers,
    health: established === sessions.length ? "good" : established === 0 ? "bad" : "doubtful",
    established,
    sessions: sessions.length,
  };
}

function sessionLink(session: SessionItem, router: string, fresh: boolean): TopologyLink {
  const { node, peer, state, prefixesOut } = session;
  const health: Health = !fresh ? "unknown" : isUp(session) ? "good" : "bad";
  return { from: nodeId(node), to: router, kind: "session", health, peer, label: state, count: prefixesOut };
}

function nodeId(name: string): string {
  return `node/${name}`;
}

function clusterNodes(board: Board): readonly ClusterNode[] {
  const speakers = new Map(board.sources.filter(({ kind }) => kind === "speaker").map((one) => [one.name, one]));
  const sessions = new Map<string, { up: number; total: number }>();
  for (const item of board.sessions.items()) {
    const { up, total } = sessions.get(item.node) ?? { up: 0, total: 0 };
    sessions.set(item.node, { up: up + Number(isUp(item)), total: total + 1 });
  }
  const names = new Set([...board.nodes.keys(), ...speakers.keys(), ...sessions.keys()]);
  return [...names].sort().map((name): ClusterNode => {
    const { up, total } = sessions.get(name) ?? { up: 0, total: 0 };
    const drained = board.nodes.get(name)?.drained;
    const fenced = board.layer2.isFenced(name);
    const judged = nodeHealth({ speaker: speakers.get(name), fenced, drained, up, total });
    const layer2 = board.layer2.heldBy(name);
    return {
      id: nodeId(name),
      name,
      ...judged,
      established: up,
      sessions: total,
      layer2,
      fenced,
      draining: drained !== undefined,
    };
  });
}

interface NodeState {
  readonly speaker: { readonly state: string; readonly message?: string | undefined } | undefined;
  readonly fenced: boolean;
  readonly drained: string | undefined;
  readonly up: number;
  readonly total: number;
}

function nodeHealth({ speaker, fenced, drained, up, total }: NodeState): Pick<ClusterNode, "health" | "message"> {
  if (speaker === undefined) return { health: "quiet", message: "no speaker is known there" };
  if (speaker.state !== "answering")
    return { health: "unknown", message: speaker.message ?? "its speaker has not answered yet" };
  if (fenced) return { health: "bad", message: "it is fenced" };
  if (total > 0 && up === 0) return { health: "bad", message: "none of its sessions is up" };
  if (up < total) return { health: "doubtful", message: `${total - up} of its ${total} sessions are not up` };
  return drained === undefined ? { health: "good" } : { health: "doubtful", message: "it is drained" };
}

interface Drawn {
  readonly services: readonly ServiceNode[];
  readonly links: readonly TopologyLink[];
}

function servicesDrawn(board: Board, service: string | undefined): Drawn {
  const one = service === undefined ? undefined : board.services.find(service);
  if (service !== undefined) return one === undefined ? { services: [], links: [] } : drawn([one], nameOf);
  const rows = [...board.services.rows()];
  if (rows.length <= MOST_DRAWN) return drawn(rows, nameOf);
  const sizes = new Map<string, number>();
  for (const { namespace } of rows) sizes.set(namespace, (sizes.get(namespace) ?? 0) + 1);
  const largest = [...sizes].sort((a, b) => b[1] - a[1]).slice(0, MOST_DRAWN - 1);
  const shown = new Set(largest.map(([namespace]) => namespace));
  return drawn(rows, ({ namespace }) => (shown.has(namespace) ? namespace : OTHERS));
}

function nameOf({ namespace, name }: ServiceRow): string {
  return `${namespace}/${name}`;
}

interface Group {
  count: number;
  health: Health;
  addresses: readonly string[];
  /** By node: how many Services are announced by it, by each protocol. */
  readonly bgp: Map<string, number>;
  readonly layer2: Map<string, number>;
}

const BADNESS: Readonly<Record<Health, number>> = { bad: 4, doubtful: 3, unknown: 2, good: 1, quiet: 0 };

function drawn(rows: readonly ServiceRow[], name: (row: ServiceRow) => string): Drawn {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const key = name(row);
    const fresh: Group = { count: 0, health: "quiet", addresses: [], bgp: new Map(), layer2: new Map() };
    const group = groups.get(key) ?? fresh;
    groups.set(key, group);
    group.count += 1;
    if (BADNESS[row.health] > BADNESS[group.health]) group.health = row.health;
    group.addresses = group.count === 1 ? row.addresses : [];
    for (const node of row.bgp.nodes) group.bgp.set(node, (group.bgp.get(node) ?? 0) + 1);
    for (const node of row.layer2) group.layer2.set(node, (group.layer2.get(node) ?? 0) + 1);
  }
  const services = [...groups].map(([key, { count, health, addresses }]) => ({
    id: `service/${key}`,
    name: key,
    count,
    health,
    addresses,
  }));
  const links = [...groups].flatMap(([key, { bgp, layer2, health }]) => [
    ...linksOf(key, "bgp", bgp, health),
    ...linksOf(key, "layer2", layer2, health),
  ]);
  return { services: services.sort(byName), links };
}

function linksOf(
  key: string,
  kind: "bgp" | "layer2",
  nodes: ReadonlyMap<string, number>,
  health: Health,
): readonly TopologyLink[] {
  return [...nodes].map(([node, count]) => ({ from: `service/${key}`, to: nodeId(node), kind, health, count }));
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
