import type { SessionItem } from "../inspection/session-view.ts";
import { Recent } from "./bounded.ts";
import type { Health, PrefixSample, SessionRow, StateSpan } from "./model.ts";

/** What a session was like the last time that its node spoke of it. */
interface Entry {
  readonly item: SessionItem;
  readonly timeline: Recent<StateSpan>;
  readonly samples: Recent<PrefixSample>;
}

const MOST_SPANS = 64;
const MOST_SAMPLES = 240;

/** Whether an announcement over a session reaches its peer, as far as is known. */
export type Reach = "up" | "down" | "unknown";

/** The sessions of all nodes, with their past. What of it changed is remembered until somebody takes it. */
export class SessionBoard {
  readonly #entries = new Map<string, Entry>();
  /** Nobody answers for what is known of these. */
  readonly #stale = new Set<string>();
  readonly #changed = new Set<string>();
  readonly #gone = new Map<string, { readonly node: string; readonly peer: string }>();
  #established = 0;
  #prefixesOut = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Sessions that are up, of nodes that answer or of which nothing newer is known. */
  get established(): number {
    return this.#established;
  }

  get prefixesOut(): number {
    return this.#prefixesOut;
  }

  /** Takes what a node says of a session; true when it came up or was lost, or nobody knew. */
  observe(item: SessionItem, at: string): boolean {
    const key = keyOf(item);
    const before = this.#entries.get(key);
    const entry = before === undefined ? begun(item) : { ...before, item };
    if (before !== undefined) extend(entry.timeline, before.item, item, at);
    sample(entry.samples, item, at);
    this.#entries.set(key, entry);
    this.#count(before?.item, item);
    this.#changed.add(key);
    this.#gone.delete(key);
    const wasStale = this.#stale.delete(key);
    return wasStale || isUp(before?.item) !== isUp(item) || before === undefined;
  }

  /** The session is no longer there. */
  remove(node: string, peer: string): boolean {
    const key = keyOf({ node, peer });
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    this.#stale.delete(key);
    this.#count(entry.item, undefined);
    this.#changed.delete(key);
    this.#gone.set(key, { node, peer });
    return true;
  }

  /** The node does not answer: what it said last is kept, and shown as such until it speaks of the session again. */
  silence(node: string, at: string): void {
    for (const [key, { item, timeline }] of this.#entries) {
      if (item.node !== node || this.#stale.has(key)) continue;
      this.#stale.add(key);
      turn(timeline, "unknown", at, "the node does not answer");
      this.#changed.add(key);
    }
  }

  /** The peers that a node has sessions with. */
  peersOf(node: string): readonly string[] {
    return [...this.#entries.values()].filter(({ item }) => item.node === node).map(({ item }) => item.peer);
  }

  reach(node: string, peer: string): Reach {
    const key = keyOf({ node, peer });
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#stale.has(key)) return "unknown";
    return isUp(entry.item) ? "up" : "down";
  }

  find(node: string, peer: string): SessionRow | undefined {
    const entry = this.#entries.get(keyOf({ node, peer }));
    return entry && this.#row(entry);
  }

  samples(node: string, peer: string): readonly PrefixSample[] {
    return this.#entries.get(keyOf({ node, peer }))?.samples.latest() ?? [];
  }

  *items(): Generator<SessionItem, void> {
    for (const { item } of this.#entries.values()) yield item;
  }

  rows(): readonly SessionRow[] {
    return [...this.#entries.values()].map((entry) => this.#row(entry));
  }

  /** What changed since this was asked last. */
  takeChanges(): { readonly rows: readonly SessionRow[]; readonly gone: readonly { node: string; peer: string }[] } {
    const rows = [...this.#changed].flatMap((key) => {
      const entry = this.#entries.get(key);
      return entry === undefined ? [] : [this.#row(entry)];
    });
    const gone = [...this.#gone.values()];
    this.#changed.clear();
    this.#gone.clear();
    return { rows, gone };
  }

  #row({ item, timeline }: Entry): SessionRow {
    const fresh = !this.#stale.has(keyOf(item));
    return { health: healthOf(item, fresh), fresh, session: item, timeline: timeline.latest() };
  }

  #count(before: SessionItem | undefined, now: SessionItem | undefined): void {
    this.#established += Number(isUp(now)) - Number(isUp(before));
    this.#prefixesOut += (now?.prefixesOut ?? 0) - (before?.prefixesOut ?? 0);
  }
}

/** BFD that is down, or prefixes that cannot be sent, leave a doubt about a session that is up. */
function healthOf(item: SessionItem, fresh: boolean): Health {
  if (!fresh) return "unknown";
  if (!isUp(item)) return "bad";
  const guarded = item.bfd === undefined || item.bfd.state === "up";
  return guarded && item.prefixesNotSent === 0 ? "good" : "doubtful";
}

function keyOf({ node, peer }: Pick<SessionItem, "node" | "peer">): string {
  return `${node}/${peer}`;
}

function isUp(item: SessionItem | undefined): boolean {
  return item?.state === "established";
}

/** What a session says of its past when it is seen for the first time. */
function begun(item: SessionItem): Entry {
  const timeline = new Recent<StateSpan>(MOST_SPANS);
  const { since, state, lastDown, lastError } = item;
  if (isUp(item) && lastDown !== undefined && lastDown.at < since) {
    timeline.push({ state: "idle", start: lastDown.at, end: since, reason: lastDown.reason });
  }
  timeline.push({ state, start: since, reason: isUp(item) ? undefined : (lastDown?.reason ?? lastError) });
  return { item, timeline, samples: new Recent(MOST_SAMPLES) };
}

/** Between two attempts the state changes all the time: in the timeline that is one span, with the latest of them. */
function extend(timeline: Recent<StateSpan>, before: SessionItem, now: SessionItem, at: string): void {
  const last = timeline.last;
  const wasUnknown = last?.state === "unknown";
  if (isUp(before) === isUp(now) && !wasUnknown) {
    const sameUp = isUp(now) && now.since > before.since && now.flaps > before.flaps;
    if (sameUp) bridge(timeline, now, at);
    else if (!isUp(now) && last !== undefined) {
      timeline.replaceLast({ ...last, state: now.state, reason: now.lastError ?? last.reason });
    }
    return;
  }
  const reason = isUp(now) ? undefined : (now.lastDown?.reason ?? now.lastError);
  const start = now.since > (last?.start ?? "") && now.since <= at && !wasUnknown ? now.since : at;
  turn(timeline, now.state, start, reason);
}

/** It was lost and came back between two looks. */
function bridge(timeline: Recent<StateSpan>, { lastDown, since, state }: SessionItem, at: string): void {
  turn(timeline, "idle", lastDown?.at ?? at, lastDown?.reason);
  turn(timeline, state, since, undefined);
}

function turn(timeline: Recent<StateSpan>, state: StateSpan["state"], at: string, reason: string | undefined): void {
  const last = timeline.last;
  if (last !== undefined) timeline.replaceLast({ ...last, end: at });
  timeline.push({ state, start: at, reason });
}

function sample(samples: Recent<PrefixSample>, { prefixesOut, prefixesIn }: SessionItem, at: string): void {
  const last = samples.last;
  if (last?.prefixesOut === prefixesOut && last.prefixesIn === prefixesIn) return;
  samples.push({ at, prefixesOut, prefixesIn });
}
