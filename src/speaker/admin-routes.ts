import type { AboutView } from "../inspection/state-view.ts";
import {
  type AdminAnswer,
  type Asked,
  BadAdminRequest,
  filter,
  isWatched,
  JSON_TYPE,
  LINES_TYPE,
  matches,
  NoSuchView,
  numberOf,
  someMatches,
} from "./admin-answer.ts";
import { ofSession, watchSessions } from "./admin-session-routes.ts";
import { type Body, documentsBody, followBody, listBody, textBody } from "./admin-stream.ts";
import type { AdminViews } from "./admin-views.ts";

const PATHS = [
  "/v1/about",
  "/v1/sessions",
  "/v1/sessions/{peer}",
  "/v1/sessions/{peer}/journal",
  "/v1/sessions/{peer}/messages",
  "/v1/sessions/{peer}/capture",
  "/v1/routes/out",
  "/v1/routes/in",
  "/v1/layer2",
  "/v1/members",
  "/v1/plan",
  "/v1/moves",
  "/v1/several",
] as const;
/** Documents in one answer. */
const MOST_AT_ONCE = 16;

/** What a speaker answers at its admin socket. */
export class AdminRoutes {
  readonly #views: AdminViews;
  readonly #program: { readonly version: string; readonly started: string };

  constructor(views: AdminViews, version: string) {
    this.#views = views;
    this.#program = { version, started: views.sources.wallClock().toISOString() };
  }

  /** The answer to `GET target`. @throws NoSuchView BadAdminRequest */
  answer(target: string): AdminAnswer {
    const { path, query } = parseTarget(target);
    const asked = { views: this.#views, query };
    if (path[0] !== "v1") throw new NoSuchView("there is nothing at this path: see /v1/about");
    if (path[1] === "about" && path.length === 2) return this.#about();
    if (path[1] === "several" && path.length === 2) return this.#several(query);
    if (path[1] === "sessions" && path[2] !== undefined) return ofSession(asked, path[2], path.slice(3));
    const answer = LISTS.get(path.slice(1).join("/"));
    if (answer === undefined) throw new NoSuchView("there is nothing at this path: see /v1/about");
    return answer(asked);
  }

  /** Several documents as the items of one: whoever asks for them asks once. */
  #several(query: URLSearchParams): AdminAnswer {
    const targets = filter(query, "path");
    if (targets.length > MOST_AT_ONCE) throw new BadAdminRequest(`path: at most ${MOST_AT_ONCE} of them`);
    if (targets.some((target) => parseTarget(target).path[1] === "several"))
      throw new BadAdminRequest("path: not itself");
    const answers = targets.map((target) => this.answer(target));
    if (answers.some(({ type }) => type !== JSON_TYPE)) throw new BadAdminRequest("path: only documents");
    return {
      type: JSON_TYPE,
      body: documentsBody(
        this.#views.head("several"),
        answers.map(({ body }) => body),
      ),
    };
  }

  #about(): AdminAnswer {
    const { version, started } = this.#program;
    const about: AboutView = {
      ...this.#views.head("about"),
      program: { name: "herald", version },
      started,
      paths: PATHS,
    };
    return { type: JSON_TYPE, body: textBody(about) };
  }
}

function parseTarget(target: string): { readonly path: readonly string[]; readonly query: URLSearchParams } {
  const [path = "", query = ""] = target.split("?", 2);
  try {
    const parts = path.split("/").slice(1).map(decodeURIComponent);
    return { path: parts, query: new URLSearchParams(query) };
  } catch (cause) {
    if (!(cause instanceof URIError)) throw cause;
    throw new BadAdminRequest("the path is not well encoded", { cause });
  }
}

/** A map and no object: "toString" is no view. */
const LISTS: ReadonlyMap<string, (asked: Asked) => AdminAnswer> = new Map(
  Object.entries<(asked: Asked) => AdminAnswer>({
    sessions: ({ views, query }) => (isWatched(query) ? watchSessions(views, query) : sessions(views, query)),
    "routes/out": ({ views, query }) => {
      const [peer, prefix, service] = ["peer", "prefix", "service"].map((name) => filter(query, name));
      const items = views.routesOut(
        (route) =>
          matches(peer, route.peer) && matches(prefix, `${route.prefix}`) && someMatches(service, route.services),
      );
      return list(views, "routes-out", items);
    },
    "routes/in": ({ views, query }) => {
      const [peer, prefix] = ["peer", "prefix"].map((name) => filter(query, name));
      return list(
        views,
        "routes-in",
        views.routesIn((from, what) => matches(peer, from) && matches(prefix, what)),
      );
    },
    plan: ({ views, query }) => {
      const service = filter(query, "service");
      return list(
        views,
        "plan",
        views.plan((key) => matches(service, key)),
      );
    },
    layer2: ({ views }) => ({ type: JSON_TYPE, body: later(() => views.layer2()) }),
    members: ({ views }) => ({ type: JSON_TYPE, body: later(() => views.members()) }),
    moves,
  }),
);

function list(views: AdminViews, view: "routes-out" | "routes-in" | "plan", items: Iterable<unknown>): AdminAnswer {
  return { type: JSON_TYPE, body: listBody(views.sources.clock, views.head(view), items) };
}

async function* later(document: () => Promise<object>): Body & AsyncGenerator<string> {
  yield `${JSON.stringify(await document())}\n`;
}

function sessions(views: AdminViews, query: URLSearchParams): AdminAnswer {
  const peer = filter(query, "peer");
  const items = views.sessions().filter((one) => matches(peer, one.peer));
  return { type: JSON_TYPE, body: textBody({ ...views.head("sessions"), items }) };
}

function moves({ views, query }: Asked): AdminAnswer {
  const { moves: ring, clock, node } = views.sources;
  const tail = numberOf(query, "tail");
  let next = tail === undefined ? 0 : Math.max(0, ring.next - tail);
  if (!isWatched(query)) {
    return { type: JSON_TYPE, body: textBody({ ...views.head("moves"), items: ring.from(next).moves }) };
  }
  const look = (): string => {
    const { moves: news, lost } = ring.from(next);
    // What was forgotten before anybody asked is nothing that a reader missed.
    const missed = next === 0 || lost === 0 ? [] : [{ node, lost }];
    next = ring.next;
    return [...missed, ...news].map((one) => `${JSON.stringify(one)}\n`).join("");
  };
  return { type: LINES_TYPE, body: followBody(clock, look, { quiet: "\n" }) };
}
