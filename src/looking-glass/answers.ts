import type { Explanation } from "../inspection/explain/explain.ts";
import type { RouteInItem, RouteOutItem } from "../inspection/route-view.ts";
import type { SessionView } from "../inspection/session-view.ts";
import type { PlanItem } from "../inspection/state-view.ts";
import { CodedError } from "../wire/errors.ts";
import { byAddress } from "./address-order.ts";
import type { Board } from "./board.ts";
import type {
  Head,
  Page,
  RoutesInView,
  RoutesOutView,
  ServiceDetailView,
  ServiceRefusal,
  SessionDetailView,
  Source,
} from "./model.ts";
import { BadQuestion, NothingThere, type Query } from "./query.ts";
import { searchServices } from "./service-search.ts";
import type { GlassSpeaker } from "./speaker-port.ts";
import { topologyOf } from "./topology.ts";
import { type Bare, journalOf, layer2HistoryOf, layer2Of, overviewOf, poolOf, poolsOf, sessionsOf } from "./views.ts";

/** Explains a Service as `herald explain` does; undefined where there is none of that name. @throws CodedError */
export type ExplainService = (
  service: string,
  from: { readonly node: string | undefined; readonly peer: string | undefined },
  signal: AbortSignal,
) => Promise<Explanation | undefined>;

export interface AnswerPorts {
  readonly board: Board;
  /** The speakers that answer now. */
  readonly speakers: () => readonly GlassSpeaker[];
  /** Undefined where no API is asked. */
  readonly explain: ExplainService | undefined;
}

type Answer = Bare<Head> | Promise<Bare<Head>>;

const MOST_ROUTES = 20_000;
const ROUTES_AT_ONCE = { usual: 100, most: 500 };
const ANYWHERE = { usual: 0, most: Number.MAX_SAFE_INTEGER };
const OF_ONE = 100;

/** What is at the paths of the API, without the head. */
export class Answers {
  readonly #ports: AnswerPorts;
  /** Explaining looks at the whole cluster: one at a time. */
  #explaining: Promise<unknown> = Promise.resolve();

  constructor(ports: AnswerPorts) {
    this.#ports = ports;
  }

  /** @throws {NothingThere} @throws {BadQuestion} @throws CodedError */
  async answer(path: readonly string[], query: Query, signal: AbortSignal): Promise<Bare<Head>> {
    const [topic = "", ...rest] = path;
    const [first, second] = rest;
    const { board } = this.#ports;
    if (rest.length === 0) {
      const list = LISTS.get(topic);
      if (list !== undefined) return list(board, query);
      if (topic === "routes") return await this.#routes(query, signal);
    }
    if (topic === "layer2" && first === "history" && rest.length === 1) return layer2HistoryOf(board, query);
    if (topic === "pools" && first !== undefined && rest.length === 1) return poolOf(board, first, query);
    if (first !== undefined && second !== undefined && rest.length === 2) {
      if (topic === "sessions") return await this.#session(first, second, signal);
      if (topic === "services") return await this.#service(`${first}/${second}`, query, signal);
    }
    throw new NothingThere("there is nothing at this path");
  }

  async #session(node: string, peer: string, signal: AbortSignal): Promise<Bare<SessionDetailView>> {
    const { board } = this.#ports;
    const row = board.sessions.find(node, peer);
    if (row === undefined) throw new NothingThere(`Node ${node} has no session with BGPPeer ${peer}`);
    const samples = board.sessions.samples(node, peer);
    const speaker = this.#ports.speakers().find(({ name }) => name === node);
    if (speaker === undefined) return { row, samples, silent: "the speaker does not answer" };
    try {
      const view = await speaker.document<SessionView>(`/v1/sessions/${encodeURIComponent(peer)}`, signal);
      const { session, openSent, openReceived, lacks, timeline, notSent } = view;
      return { row, samples, detail: { session, openSent, openReceived, lacks, timeline, notSent } };
    } catch (error) {
      return { row, samples, silent: reasonOf(error, signal) };
    }
  }

  async #service(key: string, query: Query, signal: AbortSignal): Promise<Bare<ServiceDetailView>> {
    const { board } = this.#ports;
    const row = board.services.find(key);
    if (row === undefined) throw new NothingThere(`there is no Service ${key} that Herald looks after`);
    const from = { node: query.text("node"), peer: query.text("peer") };
    const about = new URLSearchParams({ service: key }).toString();
    const [explained, routes, plans] = await Promise.all([
      this.#explain(key, from, signal),
      this.#gather<RouteOutItem>(this.#ports.speakers(), `/v1/routes/out?${about}`, signal),
      this.#gather<PlanItem>(this.#ports.speakers(), `/v1/plan?${about}`, signal),
    ]);
    return {
      row,
      ...explained,
      refusals: plans.items.flatMap(refusalsOf),
      routes: byAddress(routes.items, routeText),
      layer2: board.layer2.items().filter(({ services }) => services.includes(key)),
      journal: board.journal.find({ service: key }, OF_ONE).entries,
      silent: silentOf(board, plans.silent),
    };
  }

  async #explain(
    key: string,
    from: Parameters<ExplainService>[1],
    signal: AbortSignal,
  ): Promise<Pick<ServiceDetailView, "explanation" | "unexplained">> {
    const { explain } = this.#ports;
    if (explain === undefined) return { unexplained: "no API is asked: what the speakers refuse is below" };
    const explaining = this.#explaining.then(() => (signal.aborted ? undefined : explain(key, from, signal)));
    this.#explaining = explaining.catch(() => undefined);
    try {
      return { explanation: await explaining };
    } catch (error) {
      return { unexplained: reasonOf(error, signal) };
    }
  }

  async #routes(query: Query, signal: AbortSignal): Promise<Bare<RoutesOutView> | Bare<RoutesInView>> {
    const direction = query.choice("direction", ["out", "in"]) ?? "out";
    const nodes = query.texts("node");
    const speakers = this.#ports.speakers().filter(({ name }) => nodes.length === 0 || nodes.includes(name));
    const [limit, offset] = [query.number("limit", ROUTES_AT_ONCE), query.number("offset", ANYWHERE)];
    const path = routesPath(direction, query);
    if (direction === "in") {
      const found = await this.#gather<RouteInItem>(speakers, path, signal);
      const items = byAddress(found.items, routeText);
      return { ...this.#page(items, { limit, offset, total: items.length }, found), direction };
    }
    const state = query.text("state");
    const found = await this.#gather<RouteOutItem>(speakers, path, signal);
    const wanted = found.items.filter((item) => state === undefined || item.state === state);
    const items = byAddress(wanted, (item) => `${item.state === "sent" ? 1 : 0} ${routeText(item)}`);
    return { ...this.#page(items, { limit, offset, total: found.items.length }, found), direction };
  }

  #page<Item>(
    items: readonly Item[],
    { limit, offset, total }: { readonly limit: number; readonly offset: number; readonly total: number },
    { silent, cut }: Gathered<Item>,
  ): RoutesPage<Item> {
    const page = items.slice(offset, offset + limit);
    return { total, matched: items.length, offset, items: page, silent: silentOf(this.#ports.board, silent), cut };
  }

  /** The rows of several speakers, no more than can be looked at; who does not answer is named. */
  async #gather<Item>(speakers: readonly GlassSpeaker[], path: string, signal: AbortSignal): Promise<Gathered<Item>> {
    const items: Item[] = [];
    const silent: { node: string; reason: string }[] = [];
    let cut = false;
    const read = async (speaker: GlassSpeaker): Promise<void> => {
      try {
        for await (const item of speaker.rows<Item>(path, signal)) {
          cut = items.length >= MOST_ROUTES;
          if (cut) return;
          items.push(item);
        }
      } catch (error) {
        silent.push({ node: speaker.name, reason: reasonOf(error, signal) });
      }
    };
    await Promise.all(speakers.map(read));
    return { items, silent, cut };
  }
}

interface RoutesPage<Item> extends Bare<Page<Item>> {
  readonly silent: readonly Source[];
  readonly cut: boolean;
}

interface Gathered<Item> {
  readonly items: Item[];
  readonly silent: readonly { readonly node: string; readonly reason: string }[];
  readonly cut: boolean;
}

/** A map and no object: "toString" is no topic. */
const LISTS: ReadonlyMap<string, (board: Board, query: Query) => Answer> = new Map(
  Object.entries<(board: Board, query: Query) => Answer>({
    overview: overviewOf,
    sessions: sessionsOf,
    topology: (board, query) => topologyOf(board, query.text("service")),
    services: searchServices,
    pools: poolsOf,
    layer2: layer2Of,
    journal: journalOf,
  }),
);

function routesPath(direction: "in" | "out", query: Query): string {
  const names = direction === "out" ? ["peer", "prefix", "service"] : ["peer", "prefix"];
  const values = names.flatMap((name) =>
    query.texts(name).map((value): [string, string] => [name, name === "prefix" ? asPrefix(value) : value]),
  );
  return `/v1/routes/${direction}?${new URLSearchParams(values).toString()}`;
}

/** An address means its own route. */
function asPrefix(text: string): string {
  if (text.includes("/")) return text;
  return `${text}/${text.includes(":") ? 128 : 32}`;
}

function refusalsOf({ node, refusals }: PlanItem): readonly ServiceRefusal[] {
  return refusals.map(({ ip, protocol, reason, message }) => ({ node, ip, protocol, reason, message }));
}

/** Those who are known not to answer, and those who just did not. */
function silentOf(board: Board, more: Gathered<unknown>["silent"]): readonly Source[] {
  const fresh = more.map(
    ({ node, reason }): Source => ({
      name: node,
      kind: "speaker",
      state: "silent",
      message: reason,
      since: board.at(),
    }),
  );
  return [...board.silent, ...fresh];
}

/** @throws what is no CodedError, and that nobody waits any more */
function reasonOf(error: unknown, signal: AbortSignal): string {
  signal.throwIfAborted();
  if (error instanceof CodedError) return error.message;
  throw error;
}

function routeText({ prefix, node, peer }: Pick<RouteInItem, "prefix" | "node" | "peer">): string {
  return `${prefix} ${node} ${peer}`;
}

/** The parts of a path below `/api/v1/`. @throws {BadQuestion} @throws {NothingThere} */
export function parsePath(path: string): readonly string[] {
  const [, , version, ...parts] = path.split("/");
  if (version !== "v1") throw new NothingThere("there is nothing at this path");
  try {
    return parts.map(decodeURIComponent);
  } catch (cause) {
    if (!(cause instanceof URIError)) throw cause;
    throw new BadQuestion("the path is not well encoded", { cause });
  }
}
