import { addressKey } from "./address-order.ts";
import type { Board } from "./board.ts";
import type { Health, ServiceRow, ServiceSort, ServicesView } from "./model.ts";
import type { Query } from "./query.ts";

const USUAL = { usual: 100, most: 500 };
const ANYWHERE = { usual: 0, most: Number.MAX_SAFE_INTEGER };
const HEALTHS: readonly Health[] = ["bad", "doubtful", "unknown", "good", "quiet"];
const SORTS: readonly ServiceSort[] = ["problem", "name", "address", "pool", "endpoints", "changed"];

/** One page of the Services that pass the filters. @throws {BadQuestion} */
export function searchServices(board: Board, query: Query): Omit<ServicesView, "at" | "event"> {
  const health = query.choice("health", HEALTHS);
  const wants = filterOf(query);
  const byHealth: Record<Health, number> = { bad: 0, doubtful: 0, unknown: 0, good: 0, quiet: 0 };
  const [namespaces, pools] = [new Set<string>(), new Set<string>()];
  const matched: ServiceRow[] = [];
  let total = 0;
  for (const row of board.services.rows()) {
    total += 1;
    namespaces.add(row.namespace);
    if (row.pool !== undefined) pools.add(row.pool);
    if (!wants(row)) continue;
    byHealth[row.health] += 1;
    if (health === undefined || row.health === health) matched.push(row);
  }
  const [limit, offset] = [query.number("limit", USUAL), query.number("offset", ANYWHERE)];
  const items = sorted(matched, query).slice(offset, offset + limit);
  const names = { namespaces: [...namespaces].sort(), pools: [...pools].sort() };
  return { total, matched: matched.length, offset, items, byHealth, ...names };
}

/** @throws {BadQuestion} */
function filterOf(query: Query): (row: ServiceRow) => boolean {
  const [namespace, pool, node] = [query.text("namespace"), query.text("pool"), query.text("node")];
  const protocol = query.choice("protocol", ["bgp", "layer2"]);
  const words = (query.text("q") ?? "").toLowerCase();
  return (row) => {
    if (namespace !== undefined && row.namespace !== namespace) return false;
    if (pool !== undefined && row.pool !== pool) return false;
    const { bgp, layer2 } = announcersOf(row, protocol);
    if (node !== undefined && !bgp.includes(node) && !layer2.includes(node)) return false;
    if (protocol !== undefined && bgp.length + layer2.length === 0) return false;
    return words === "" || says(row, words);
  };
}

/** The nodes that announce it, by one protocol or by either. */
function announcersOf({ bgp, layer2 }: ServiceRow, protocol: "bgp" | "layer2" | undefined): Announcers {
  return { bgp: protocol === "layer2" ? [] : bgp.nodes, layer2: protocol === "bgp" ? [] : layer2 };
}

interface Announcers {
  readonly bgp: readonly string[];
  readonly layer2: readonly string[];
}

function says({ namespace, name, addresses, problem = "", reason = "" }: ServiceRow, words: string): boolean {
  if (`${namespace}/${name}`.toLowerCase().includes(words)) return true;
  if (addresses.some((address) => address.includes(words))) return true;
  return problem.toLowerCase().includes(words) || reason.includes(words);
}

/** Equal ones are in the order of their names, whichever way the others go. */
function sorted(rows: readonly ServiceRow[], query: Query): readonly ServiceRow[] {
  const sort = query.choice("sort", SORTS) ?? "problem";
  const sign = query.choice("order", ["asc", "desc"]) === "desc" ? -1 : 1;
  const read = KEYS[sort];
  const keyed = rows.map((row) => ({ row, key: read(row), name: `${row.namespace}/${row.name}` }));
  keyed.sort((a, b) => sign * compare(a.key, b.key) || (sort === "name" ? sign : 1) * compare(a.name, b.name));
  return keyed.map(({ row }) => row);
}

const WORST: Readonly<Record<Health, number>> = { bad: 0, doubtful: 1, unknown: 2, good: 3, quiet: 4 };

const KEYS: Readonly<Record<ServiceSort, (row: ServiceRow) => string | number>> = {
  problem: ({ health }) => WORST[health],
  name: () => 0,
  address: ({ addresses }) => addressKey(addresses[0]),
  pool: ({ pool }) => pool ?? "",
  endpoints: ({ endpoints }) => endpoints ?? -1,
  changed: ({ changed }) => changed ?? "",
};

function compare<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
