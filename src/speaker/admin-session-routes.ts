import { formatJournal } from "../bgp/journal.ts";
import { messageItem } from "../inspection/message-view.ts";
import { PcapStream } from "../inspection/pcap.ts";
import type { SessionItem } from "../inspection/session-view.ts";
import type { Change } from "../inspection/view.ts";
import { seconds } from "../net/micros.ts";
import {
  type AdminAnswer,
  type Asked,
  filter,
  isFollowed,
  JSON_TYPE,
  LINES_TYPE,
  matches,
  NoSuchView,
} from "./admin-answer.ts";
import { type Body, followBody, textBody } from "./admin-stream.ts";
import type { AdminViews, InspectedSession } from "./admin-views.ts";

const PCAP_TYPE = "application/vnd.tcpdump.pcap";
const WATCH_EVERY = seconds(1);

/** What is there first, as added, and then what differs, once a second. Counters alone are no difference. */
export function watchSessions(views: AdminViews, query: URLSearchParams): AdminAnswer {
  const peer = filter(query, "peer");
  const known = new Map<string, Known>();
  const look = (): string => {
    const now = new Map(views.sessions().flatMap((item) => (matches(peer, item.peer) ? [[item.peer, item]] : [])));
    const changes = differences(known, now);
    for (const { type, item } of changes) {
      if (type === "deleted") known.delete(item.peer);
      else known.set(item.peer, { item, text: comparable(item) });
    }
    return changes.map((change) => `${JSON.stringify({ node: views.sources.node, ...change })}\n`).join("");
  };
  return { type: LINES_TYPE, body: followBody(views.sources.clock, look, { every: WATCH_EVERY, quiet: "\n" }) };
}

interface Known {
  readonly item: SessionItem;
  readonly text: string;
}

function differences(
  known: ReadonlyMap<string, Known>,
  now: ReadonlyMap<string, SessionItem>,
): readonly Omit<Change<SessionItem>, "node">[] {
  const gone = [...known.values()].filter(({ item }) => !now.has(item.peer));
  const fresh = [...now.values()].filter((item) => known.get(item.peer)?.text !== comparable(item));
  return [
    ...gone.map(({ item }) => ({ type: "deleted", item }) as const),
    ...fresh.map((item) => ({ type: known.has(item.peer) ? "modified" : "added", item }) as const),
  ];
}

function comparable({ counters: _, since: __, lastDown: ___, lastNotification, ...item }: SessionItem): string {
  return JSON.stringify({ ...item, lastNotification: lastNotification?.words });
}

/** The answer about one session. @throws NoSuchView */
export function ofSession({ views, query }: Asked, peer: string, rest: readonly string[]): AdminAnswer {
  const find = (): InspectedSession | undefined => views.sources.sessions().find((one) => one.peer === peer);
  const found = find();
  if (found === undefined) throw new NoSuchView(`this node has no session with BGPPeer ${peer}`);
  const [what, ...more] = rest;
  if (more.length > 0) throw new NoSuchView("there is nothing at this path: see /v1/about");
  switch (what) {
    case undefined:
      return { type: JSON_TYPE, body: textBody(views.session(found)) };
    case "journal":
      return { type: LINES_TYPE, body: text(formatJournal(found.session.recorded.steps())) };
    case "messages":
      return messages({ views, query }, find);
    case "capture":
      return capture({ views, query }, find);
    default:
      throw new NoSuchView("there is nothing at this path: see /v1/about");
  }
}

async function* text(whole: string): Body & AsyncGenerator<string> {
  yield whole;
}

/** The session may be closed and opened again meanwhile, and then begins to count anew. */
class Reading {
  readonly #find: () => InspectedSession | undefined;
  #session: InspectedSession["session"] | undefined;
  #next = 0;

  constructor(find: () => InspectedSession | undefined) {
    this.#find = find;
  }

  news(): {
    readonly found: InspectedSession | undefined;
    readonly fresh: ReturnType<InspectedSession["session"]["recorded"]["messagesFrom"]>;
  } {
    const found = this.#find();
    if (found === undefined) return { found, fresh: [] };
    if (found.session !== this.#session) this.#next = 0;
    this.#session = found.session;
    const fresh = found.session.recorded.messagesFrom(this.#next);
    this.#next = (fresh.at(-1)?.seq ?? this.#next - 1) + 1;
    return { found, fresh };
  }
}

function messages({ views, query }: Asked, find: () => InspectedSession | undefined): AdminAnswer {
  const reading = new Reading(find);
  const look = (): string => {
    const { found, fresh } = reading.news();
    if (found === undefined) return "";
    const about = { node: views.sources.node, peer: found.peer };
    const cx = found.session.view.negotiated;
    return fresh
      .map((one) => `${JSON.stringify(messageItem({ ...about, at: views.wall(one.at) }, one, cx))}\n`)
      .join("");
  };
  const { clock } = views.sources;
  return { type: LINES_TYPE, body: isFollowed(query) ? followBody(clock, look, { quiet: "\n" }) : text(look()) };
}

function capture({ views, query }: Asked, find: () => InspectedSession | undefined): AdminAnswer {
  const { clock } = views.sources;
  const reading = new Reading(find);
  const epoch = views.epoch();
  let pcap: PcapStream | undefined;
  const look = (): Uint8Array => {
    const pieces: Uint8Array[] = [];
    if (pcap === undefined) {
      pcap = new PcapStream();
      pieces.push(pcap.begin());
    }
    const { found, fresh } = reading.news();
    const connections = new Map(found?.session.recorded.connections().map((one) => [one.connection, one]));
    for (const one of fresh) {
      const connection = connections.get(one.connection);
      if (connection === undefined) continue;
      const [at, connectedAt] = [epoch(one.at), epoch(connection.at)];
      pieces.push(pcap.message({ at, direction: one.direction, bytes: one.bytes, connection, connectedAt }));
    }
    return Buffer.concat(pieces);
  };
  return { type: PCAP_TYPE, body: isFollowed(query) ? followBody(clock, look) : octets(look) };
}

async function* octets(make: () => Uint8Array): Body & AsyncGenerator<Uint8Array> {
  yield make();
}
