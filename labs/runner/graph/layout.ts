import type { LabNode, Topology } from "../clab.ts";

/** Where a node is drawn: rows from the clients down, and a place in the row from 0 (left) to 1 (right). */
export interface Spot {
  readonly node: LabNode;
  readonly row: number;
  readonly across: number;
}

/** Places the nodes of a topology: each a row below what leads to a client, beside those that it has links with. */
export function layOut(topology: Topology): readonly Spot[] {
  const rows = rowsOf(topology);
  const spots = new Map<string, Spot>();
  const last = Math.max(0, ...rows.values());
  for (let row = 0; row <= last; row += 1) {
    const members = topology.nodes.filter(({ name }) => rows.get(name) === row);
    const ordered = members
      .map((node, i) => ({ node, i, wish: wishOf(node.name, topology, spots) }))
      .toSorted((a, b) => a.wish - b.wish || a.i - b.i);
    for (const [i, { node }] of ordered.entries()) {
      spots.set(node.name, { node, row, across: (i + 0.5) / ordered.length });
    }
  }
  return topology.nodes.flatMap(({ name }) => spots.get(name) ?? []);
}

/** Links to the nearest client; who has no links at all stands beside the speakers. */
function rowsOf({ nodes, links }: Topology): ReadonlyMap<string, number> {
  const clients = nodes.filter(({ role }) => role === "client").map(({ name }) => name);
  const rows = new Map(
    (clients.length > 0 ? clients : nodes.slice(0, 1).map(({ name }) => name)).map((name) => [name, 0]),
  );
  for (let row = 0; [...rows.values()].includes(row); row += 1) {
    for (const [a, b] of links) {
      for (const [from, to] of [
        [a.node, b.node],
        [b.node, a.node],
      ] as const) {
        if (rows.get(from) === row && !rows.has(to)) rows.set(to, row + 1);
      }
    }
  }
  const speakers = nodes.filter(({ role }) => role === "speaker").map(({ name }) => rows.get(name) ?? 0);
  for (const { name } of nodes) if (!rows.has(name)) rows.set(name, Math.max(0, ...speakers));
  return rows;
}

/** The middle of those above that it has links with; the right edge when there are none. */
function wishOf(name: string, { links }: Topology, spots: ReadonlyMap<string, Spot>): number {
  const above = links.flatMap(([a, b]) => {
    if (a.node !== name && b.node !== name) return [];
    return spots.get(a.node === name ? b.node : a.node) ?? [];
  });
  return above.length === 0 ? 1 : above.reduce((sum, spot) => sum + spot.across, 0) / above.length;
}
