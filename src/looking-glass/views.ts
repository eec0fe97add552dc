import { parseIpAddress } from "../net/ip-address.ts";
import type { Board } from "./board.ts";
import type {
  Counts,
  Head,
  Health,
  JournalView,
  Layer2HistoryView,
  Layer2OwnersView,
  OverviewView,
  PoolDetailView,
  PoolsView,
  SessionRow,
  SessionsView,
} from "./model.ts";
import { isWithin, poolCells } from "./pool-cells.ts";
import { problemsOf, worstOf } from "./problems.ts";
import { BadQuestion, NothingThere, type Query } from "./query.ts";

/** A document without its head. */
export type Bare<View extends Head> = Omit<View, keyof Head>;

const MOST_PROBLEMS = 200;
const LATEST = 20;
const SESSIONS_AT_ONCE = { usual: 500, most: 5000 };
const ANYWHERE = { usual: 0, most: Number.MAX_SAFE_INTEGER };
const JOURNAL_AT_ONCE = { usual: 100, most: 500 };
const CELLS = { usual: 1024, most: 4096 };
const MOST_HOLDERS = 500;

/** The glance of all. */
export function countsOf(board: Board): Counts {
  const { addresses, inConflict, fenced } = board.layer2.counts;
  const speakers = board.sources.filter(({ kind }) => kind === "speaker");
  const names = new Set([...board.nodes.keys(), ...speakers.map(({ name }) => name)]);
  const answering = speakers.filter(({ state }) => state === "answering").length;
  return {
    nodes: { total: names.size, answering, fenced },
    sessions: { total: board.sessions.size, established: board.sessions.established },
    services: board.services.counts,
    layer2: { addresses, inConflict },
    pools: {
      total: board.pools.rows.length,
      nearlyFull: board.pools.rows.filter(({ health }) => health !== "good").length,
    },
    prefixesOut: board.sessions.prefixesOut,
  };
}

export function overviewOf(board: Board): Bare<OverviewView> {
  const problems = problemsOf(board);
  return {
    health: worstOf(problems),
    counts: countsOf(board),
    problems: problems.slice(0, MOST_PROBLEMS),
    problemsTotal: problems.length,
    sources: board.sources,
    journal: board.journal.find({}, LATEST).entries,
  };
}

const WORST: Readonly<Record<Health, number>> = { bad: 0, doubtful: 1, unknown: 2, good: 3, quiet: 4 };

/** Those with a problem first. @throws {BadQuestion} */
export function sessionsOf(board: Board, query: Query): Bare<SessionsView> {
  const wants = sessionFilter(query);
  const all = board.sessions.rows();
  const rows = all.filter(wants).sort(bySession);
  const [limit, offset] = [query.number("limit", SESSIONS_AT_ONCE), query.number("offset", ANYWHERE)];
  const items = rows.slice(offset, offset + limit);
  const starts = items.flatMap(({ timeline }) => timeline[0]?.start ?? []);
  const from = earliest([...starts, board.at()]);
  return { total: all.length, matched: rows.length, offset, items, silent: board.silent, from };
}

function sessionFilter(query: Query): (row: SessionRow) => boolean {
  const [node, peer, words] = [query.text("node"), query.text("peer"), query.text("q")?.toLowerCase()];
  const state = query.choice("state", ["established", "down"]);
  return ({ session }) => {
    if (node !== undefined && session.node !== node) return false;
    if (peer !== undefined && session.peer !== peer) return false;
    if (state !== undefined && (session.state === "established") !== (state === "established")) return false;
    const text = `${session.node} ${session.peer} ${session.address ?? ""} ${session.lastError ?? ""}`.toLowerCase();
    return words === undefined || text.includes(words);
  };
}

function bySession(a: SessionRow, b: SessionRow): number {
  return (
    WORST[a.health] - WORST[b.health] ||
    compare(a.session.node, b.session.node) ||
    compare(a.session.peer, b.session.peer)
  );
}

function earliest(times: readonly string[]): string {
  return times.toSorted()[0] ?? "";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function poolsOf({ pools }: Board): Bare<PoolsView> {
  return { available: pools.available, pools: pools.rows };
}

/** @throws {BadQuestion} @throws {NothingThere} */
export function poolOf({ pools }: Board, name: string, query: Query): Bare<PoolDetailView> {
  const found = pools.find(name);
  if (found === undefined) throw new NothingThere(`there is no IPAddressPool ${name}`);
  const { pool } = found.survey;
  const holdings = found.survey.holdings();
  const [first, last] = [addressIn(query, "first"), addressIn(query, "last")];
  const cells = poolCells(pool, holdings, { cells: Math.max(1, query.number("cells", CELLS)), first, last });
  const within = holdings.filter(({ ip }) => isWithin(ip, first, last));
  const holders = within.slice(0, MOST_HOLDERS).map(({ ip, services }) => ({ address: ip.toString(), services }));
  return { pool: found.row, cells, holders, holdersTotal: within.length };
}

function addressIn(query: Query, name: string): ReturnType<typeof parseIpAddress> {
  const text = query.text(name);
  const address = text === undefined ? undefined : parseIpAddress(text);
  if (text !== undefined && address === undefined) throw new BadQuestion(`${name}: "${text}" is no address`);
  return address;
}

export function layer2Of(board: Board): Bare<Layer2OwnersView> {
  return { owners: board.layer2.owners(), nodes: board.layer2.nodes(), silent: board.silent };
}

export function layer2HistoryOf(board: Board, query: Query): Bare<Layer2HistoryView> {
  const addresses = board.layer2.history(query.text("address"));
  const starts = addresses.flatMap(({ spans }) => spans[0]?.start ?? []);
  const from = earliest([...starts, board.at()]);
  return { from, addresses };
}

/** @throws {BadQuestion} */
export function journalOf({ journal }: Board, query: Query): Bare<JournalView> {
  const before = query.number("before", ANYWHERE);
  const filter = {
    node: query.text("node"),
    service: query.text("service"),
    peer: query.text("peer"),
    type: query.text("type"),
    before: before === 0 ? undefined : before,
  };
  return journal.find(filter, query.number("limit", JOURNAL_AT_ONCE));
}
