import { type Lost, type Move, type MoveContent, MoveRing } from "../../src/inspection/move.ts";
import type { RouteInItem, RouteOutItem } from "../../src/inspection/route-view.ts";
import type { SessionItem, SessionView } from "../../src/inspection/session-view.ts";
import type { Layer2Item, MemberItem, PlanItem } from "../../src/inspection/state-view.ts";
import type { Change, ViewHead, ViewName } from "../../src/inspection/view.ts";
import type { GlassSpeaker } from "../../src/looking-glass/speaker-port.ts";
import { TransientError } from "../../src/wire/errors.ts";
import { Feed } from "./feed.ts";

/** As a speaker whose node is gone. */
class Unreachable extends TransientError {
  readonly code = "ERR_TEST_UNREACHABLE";
}

/** A speaker that says what the test wants. */
export class MadeUpSpeaker implements GlassSpeaker {
  readonly name: string;
  readonly #now: () => Date;
  readonly #started: string;
  readonly #ring: MoveRing;
  readonly sessions = new Map<string, SessionItem>();
  readonly layer2 = new Map<string, Layer2Item>();
  readonly plans = new Map<string, PlanItem>();
  /** By Service. */
  readonly routes = new Map<string, readonly RouteOutItem[]>();
  readonly learned: RouteInItem[] = [];
  members: readonly MemberItem[] = [];
  fenced = false;
  #silent: string | undefined;
  readonly #sessionFeeds = new Set<Feed<Change<SessionItem>>>();
  readonly #moveFeeds = new Set<Feed<Move | Lost>>();
  /** What was asked, for tests. */
  readonly asked: string[] = [];

  constructor(name: string, now: () => Date) {
    this.name = name;
    this.#now = now;
    this.#started = now().toISOString();
    this.#ring = new MoveRing(name, now);
  }

  /** It answers no more, or again. */
  setSilent(reason: string | undefined): void {
    this.#silent = reason;
    if (reason === undefined) return;
    const error = new Unreachable(reason);
    for (const feed of [...this.#sessionFeeds, ...this.#moveFeeds]) feed.break(error);
  }

  putSession(item: SessionItem): void {
    const type = this.sessions.has(item.peer) ? "modified" : "added";
    this.sessions.set(item.peer, item);
    for (const feed of this.#sessionFeeds) feed.push({ type, node: this.name, item });
  }

  move(content: MoveContent): void {
    const seq = this.#ring.next;
    this.#ring.record(content);
    for (const feed of this.#moveFeeds) for (const move of this.#ring.from(seq).moves) feed.push(move);
  }

  async document<View extends ViewHead>(path: string, signal: AbortSignal): Promise<View> {
    this.#check(path, signal);
    await new Promise((resolve) => setImmediate(resolve));
    const view: unknown = this.#view(path);
    // Whoever asks says what the path gives, as with a real speaker.
    return view as View;
  }

  async *lines<Line>(path: string, signal: AbortSignal): AsyncGenerator<Line, void> {
    this.#check(path, signal);
    const items: AsyncIterable<unknown> = path.startsWith("/v1/sessions")
      ? this.#follow(this.#sessionFeeds, this.#added(), signal)
      : this.#follow(this.#moveFeeds, this.#tail(path), signal);
    for await (const item of items) yield item as Line;
  }

  async *rows<Item>(path: string, signal: AbortSignal): AsyncGenerator<Item, void> {
    this.#check(path, signal);
    const [where = "", query = ""] = path.split("?", 2);
    const wanted = new URLSearchParams(query);
    const wants = (name: string, values: readonly string[]): boolean => {
      const asked = wanted.getAll(name);
      return asked.length === 0 || values.some((value) => asked.includes(value));
    };
    const rows: readonly unknown[] =
      where === "/v1/plan"
        ? [...this.plans.values()].filter(({ service }) => wants("service", [service]))
        : where === "/v1/routes/in"
          ? this.learned.filter(({ peer, prefix }) => wants("peer", [peer]) && wants("prefix", [prefix]))
          : [...this.routes.values()]
              .flat()
              .filter(
                ({ peer, prefix, services }) =>
                  wants("peer", [peer]) && wants("prefix", [prefix]) && wants("service", services),
              );
    for (const row of rows) yield row as Item;
  }

  #check(path: string, signal: AbortSignal): void {
    signal.throwIfAborted();
    this.asked.push(path);
    if (this.#silent !== undefined) throw new Unreachable(this.#silent);
  }

  #head(view: ViewName): ViewHead {
    return { view, version: 1, node: this.name, at: this.#now().toISOString() };
  }

  #view(path: string): object {
    if (path === "/v1/about") {
      const program = { name: "herald", version: "0" };
      return { ...this.#head("about"), program, started: this.#started, paths: [] };
    }
    if (path === "/v1/layer2") {
      const interfaces = [{ name: "eth0", mac: macOf(this.name), families: [4, 6] }];
      const items = [...this.layer2.values()];
      return { ...this.#head("layer2"), available: true, fenced: this.fenced, interfaces, items };
    }
    if (path === "/v1/members") return { ...this.#head("members"), source: "gossip", health: 0, items: this.members };
    return this.#session(decodeURIComponent(path.slice("/v1/sessions/".length)));
  }

  #session(peer: string): Omit<SessionView, keyof ViewHead> & ViewHead {
    const session = this.sessions.get(peer);
    if (session === undefined) throw new Unreachable(`no session ${peer}`);
    const capabilities = ["ipv4-unicast", "ipv6-unicast", "four-octet-as 64512", "graceful-restart 120 s"];
    const open = { asn: 64512, holdTime: 90, identifier: "10.0.0.1", capabilities };
    const up = session.state === "established";
    return {
      ...this.#head("session"),
      session,
      openSent: open,
      openReceived: up ? { ...open, asn: 64513, capabilities: capabilities.slice(0, 1) } : undefined,
      lacks: { ours: [], peers: up ? ["ipv6-unicast"] : [] },
      timeline: [
        { at: session.since, from: "open-confirm", to: session.state, reason: session.lastError ?? "a KEEPALIVE came" },
      ],
      notSent: [],
    };
  }

  *#added(): Generator<Change<SessionItem>> {
    for (const item of this.sessions.values()) yield { type: "added", node: this.name, item };
  }

  #tail(path: string): readonly Move[] {
    const tail = Number(/tail=(\d+)/.exec(path)?.[1] ?? 0);
    return this.#ring.from(Math.max(0, this.#ring.next - tail)).moves;
  }

  async *#follow<T>(feeds: Set<Feed<T>>, first: Iterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
    const feed = new Feed<T>(signal);
    for (const item of first) feed.push(item);
    feeds.add(feed);
    try {
      yield* feed.items();
    } finally {
      feeds.delete(feed);
    }
    signal.throwIfAborted();
  }
}

/** One that is the node's own as long as nodes are counted. */
export function macOf(node: string): string {
  const number = Number(/\d+$/.exec(node)?.[0] ?? 0);
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  return `02:00:00:00:${hex((number >> 8) & 255)}:${hex(number & 255)}`;
}
