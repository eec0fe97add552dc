import { isDeepStrictEqual } from "node:util";
import { type KubernetesObject, objectKey } from "../api/object.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { TurnGuard } from "../system/turn-guard.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { TransientError } from "../wire/errors.ts";
import { backoffDelay, pause } from "./backoff.ts";
import type { KubernetesClient, Selection, WatchEvent } from "./client.ts";
import { ApiError, ApiGarbled, ApiUnreachable, isExpired, parseStatus } from "./errors.ts";
import type { Resource } from "./resource.ts";

/** What happened to one object of the cache. */
export interface Change<T> {
  readonly type: "added" | "modified" | "deleted";
  readonly key: string;
  /** The object now; for a deletion, as it was last seen. */
  readonly object: T;
  readonly previous: T | undefined;
}

export interface InformerPorts {
  readonly client: Pick<KubernetesClient, "pages" | "watch">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What is watched, and what of each object is kept. */
export interface InformerConfig<T> extends Selection {
  readonly resource: Resource;
  /**
   * The part of an object that is read. `undefined` means that it cannot be read: it is then treated as absent, whatever
   * it was before, so that the same objects give the same cache in whatever order they came.
   */
  readonly strip: (raw: unknown) => T | undefined;
  /** How many objects a list brings at once, where they are longer than others: each page is parsed in one go. */
  readonly page?: number;
}

/** How an informer has fared, for metrics and readiness. */
export interface InformerStats {
  /** Full lists after the first one. */
  readonly relists: number;
  /** Watches begun again, for whatever reason. */
  readonly restarts: number;
  readonly events: number;
  /** Objects that could not be read. */
  readonly rejected: number;
  readonly lastEventAt: Micros | undefined;
  /** Why the last list or watch ended, until the next one works. */
  readonly lastError: string | undefined;
}

/** The same, with what is watched in the words of the API. */
export interface WatchReading extends InformerStats {
  readonly resource: string;
  /** The first list is complete. */
  readonly synced: boolean;
}

interface Entry<T> {
  readonly object: T;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

const BACKOFF = { baseDelay: millis(200), maxDelay: seconds(30) };
/**
 * A server that is not there is not kept busy by questions, and nobody hears of an endpoint that is gone before the next one is
 * answered: it is asked more often for some two minutes, in which most of them are back.
 */
const UNREACHABLE_BACKOFF = { ...BACKOFF, maxDelay: seconds(5) };
const SOON_BACK = 30;
/** What failed without an answer, and what was answered in a way that does not help. */
const NO_FAILURES = { unanswered: 0, answered: 0 };
/**
 * A watch that ends by itself sooner than this, with nothing to tell, counts as a failure: no busy loop. One that lives
 * longer works, even when it has nothing to tell.
 */
const SHORT_WATCH = seconds(1);
/** A list with nothing of what was there: a server that is being restored, perhaps, or another one. So long nobody believes it. */
const LOSS_DOUBT = seconds(30);
const PAGE = 500;
/** One or two that are replaced by others while nobody watches are no loss of everything. */
const SOME = 3;
/** So many unreadable answers in a row, and the watch begins anew from a list. */
const GARBAGE_PATIENCE = 3;

/** The list has nothing of all that was there. */
class LossDoubted extends TransientError {
  readonly code = "ERR_API_LOSS_DOUBTED";
}

/** The uids of what was in the cache before a list, by key. */
type Known = ReadonlyMap<string, string | undefined>;

/**
 * A cache of the stripped objects of one collection, kept current by a list and a watch. It survives everything but a
 * lack of permission, and also waits for that. Level-based: a listener may look at the cache alone.
 */
export class Informer<T extends KubernetesObject> {
  readonly #ports: InformerPorts;
  readonly #config: InformerConfig<T>;
  readonly #log: Log;
  readonly #guard: TurnGuard;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  readonly #stats = { lists: 0, watches: 0, events: 0, rejected: 0 };
  #lastEventAt: Micros | undefined;
  #lastError: string | undefined;
  #resourceVersion: string | undefined;
  /** In a row. How long a server was away says nothing of how well it answers when it is back: its first 410 costs no more than another. */
  #failures = NO_FAILURES;
  #isSynced = false;
  /** Since when lists have come back without anything that was there. */
  #lossSince: Micros | undefined;
  /** What was known before the first of these, whatever they have brought. */
  #doubted: Known | undefined;
  readonly #listListeners = new Set<() => void>();
  #resolveSynced: () => void = () => {};
  /** What the present list, watch or pause is ended by. */
  #attempt = new AbortController();
  #refreshing: (() => void)[] = [];
  /** Resolves when the first list is in the cache and all its listeners were told; never when stopped before. */
  readonly synced: Promise<void>;

  constructor(ports: InformerPorts, config: InformerConfig<T>) {
    this.#ports = ports;
    this.#config = config;
    this.#guard = new TurnGuard(ports.clock);
    this.#log = ports.log.child({ component: "informer", "kubernetes.resource": config.resource.plural });
    this.synced = new Promise((resolve) => {
      this.#resolveSynced = resolve;
    });
  }

  /** Lists and watches until the signal is aborted. */
  start(signal: AbortSignal): void {
    signal.addEventListener("abort", () => this.#attempt.abort(), { once: true });
    void this.#run(signal);
  }

  /**
   * Resolves when a list that was asked for after this call is in the cache: for whoever must not act before he knows what
   * others did until now. Never when stopped before.
   */
  refresh(): Promise<void> {
    const done = new Promise<void>((resolve) => this.#refreshing.push(resolve));
    this.#attempt.abort();
    return done;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** The object under `namespace/name`, or `name` where there are no namespaces. */
  get(key: string): T | undefined {
    return this.#entries.get(key)?.object;
  }

  *values(): Generator<T, void> {
    for (const entry of this.#entries.values()) yield entry.object;
  }

  get size(): number {
    return this.#entries.size;
  }

  get stats(): InformerStats {
    const { lists, watches, events, rejected } = this.#stats;
    return {
      relists: Math.max(lists - 1, 0),
      restarts: Math.max(watches - 1, 0),
      events,
      rejected,
      lastEventAt: this.#lastEventAt,
      lastError: this.#lastError,
    };
  }

  get reading(): WatchReading {
    return { resource: this.#config.resource.plural, synced: this.#isSynced, ...this.stats };
  }

  /**
   * Tells of every change from now on, until the returned function is called; the cache already shows it. A listener that
   * throws is logged, the others go on.
   */
  onChange(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Tells when a whole list after the first one is in the cache: it may be of an older time than what was seen before. */
  onRelist(listener: () => void): void {
    this.#listListeners.add(listener);
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#attempt = new AbortController();
      const attempt = this.#attempt.signal;
      try {
        if (this.#refreshing.length > 0) this.#resourceVersion = undefined;
        if (this.#resourceVersion === undefined) this.#resourceVersion = await this.#relist(attempt);
        await this.#follow(this.#resourceVersion, attempt);
      } catch (error) {
        if (!attempt.aborted) await this.#recover(error, attempt);
      }
    }
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const kind = error instanceof ApiUnreachable ? "unanswered" : "answered";
    const failures = this.#failures[kind] + 1;
    this.#failures = { ...this.#failures, [kind]: failures };
    // What was empty before the server went away says nothing of what it is when it is back.
    if (!(error instanceof LossDoubted)) this.#lossSince = undefined;
    this.#lastError = error instanceof Error ? error.message : String(error);
    if (this.#mustRelist(error)) this.#resourceVersion = undefined;
    const range = kind === "unanswered" && failures <= SOON_BACK ? UNREACHABLE_BACKOFF : BACKOFF;
    const jittered = backoffDelay(failures, range, this.#ports.random);
    const asked = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
    const delay = micros(Math.max(jittered, asked));
    const level = failures === 3 ? "warn" : "debug";
    this.#log[level]("list or watch failed", {
      ...errorFields(error),
      failures,
      "retry.ms": delay / millis(1),
    });
    await pause(this.#ports.clock, delay, signal);
  }

  /** After a refusal that is about our version (and not about load, rights or the server's health), only a list helps. */
  #mustRelist(error: unknown): boolean {
    if (isExpired(error)) return true;
    // The same garbage again and again: the next list leads past it.
    if (!(error instanceof ApiError))
      return !(error instanceof ApiUnreachable) && this.#failures.answered >= GARBAGE_PATIENCE;
    if (/resource version/i.test(error.message) && error.reason === "Timeout") return true;
    return error.status < 500 && ![401, 403, 408, 429].includes(error.status);
  }

  /** Reads the whole collection and finds out what was deleted meanwhile. Returns the version to watch from. */
  async #relist(signal: AbortSignal): Promise<string> {
    const { resource, strip: _, page: limit = PAGE, ...selection } = this.#config;
    const refreshing = [...this.#refreshing];
    const known = this.#doubted ?? new Map([...this.#entries].map(([key, { uid }]) => [key, uid]));
    this.#doubted = known;
    const seen = new Map<string, string | undefined>();
    let resourceVersion = "";
    for await (const page of this.#ports.client.pages<unknown>(resource, { ...selection, limit, signal })) {
      if (page.first) seen.clear();
      await this.#takeIn(page.items, seen);
      resourceVersion = page.resourceVersion;
    }
    this.#removeAllBut(seen, known);
    this.#doubted = undefined;
    this.#stats.lists += 1;
    if (this.#isSynced) for (const listener of this.#listListeners) listener();
    this.#lastError = undefined;
    this.#isSynced = true;
    this.#resolveSynced();
    this.#refreshing = this.#refreshing.filter((resolve) => !refreshing.includes(resolve));
    for (const resolve of refreshing) resolve();
    return resourceVersion;
  }

  async #takeIn(items: readonly unknown[], seen: Map<string, string | undefined>): Promise<void> {
    for (const raw of items) {
      if (this.#guard.over !== undefined) await this.#guard.over;
      const key = this.#upsert(raw);
      if (key !== undefined) seen.set(key, metadataOf(raw)?.uid);
    }
  }

  /** @throws {LossDoubted} */
  #removeAllBut(seen: ReadonlyMap<string, string | undefined>, known: Known): void {
    const kept = [...seen].filter(([key, uid]) => known.has(key) && known.get(key) === uid).length;
    if (kept === 0 && known.size > 0 && (seen.size === 0 || known.size >= SOME)) this.#doubtLoss(known.size);
    this.#lossSince = undefined;
    for (const key of [...this.#entries.keys()]) if (!seen.has(key)) this.#remove(key);
  }

  /** @throws {LossDoubted} when everything would be gone at once, and nobody saw it go */
  #doubtLoss(objects: number): void {
    const now = this.#ports.clock.now();
    if (this.#lossSince === undefined) this.#log.warn("list not believed yet", { objects });
    this.#lossSince ??= now;
    if (now - this.#lossSince < LOSS_DOUBT) throw new LossDoubted(`none of ${objects} objects is left in the list`);
  }

  async #follow(from: string, signal: AbortSignal): Promise<void> {
    const { resource, strip: _, page: __, ...selection } = this.#config;
    const { clock } = this.#ports;
    let openedAt: Micros | undefined;
    const opened = (): void => {
      openedAt = clock.now();
    };
    const livedLong = (): boolean => openedAt !== undefined && clock.now() - openedAt >= SHORT_WATCH;
    const eventsBefore = this.#stats.events;
    this.#stats.watches += 1;
    const events = this.#ports.client.watch(resource, { ...selection, resourceVersion: from, signal, opened });
    try {
      for await (const event of events) {
        if (this.#guard.over !== undefined) await this.#guard.over;
        if (!signal.aborted) this.#apply(event);
      }
    } catch (error) {
      // It worked until it fell silent or was cut: what failed before it is over.
      if (error instanceof ApiUnreachable && livedLong()) this.#failures = NO_FAILURES;
      throw error;
    }
    if (livedLong()) this.#worked();
    else if (this.#stats.events === eventsBefore) throw new ApiGarbled("the watch ended at once");
  }

  #worked(): void {
    this.#failures = NO_FAILURES;
    this.#lastError = undefined;
  }

  #apply(event: WatchEvent): void {
    // What an ERROR says decides how to go on, so it takes the way of a refused request.
    if (event.type === "ERROR") throw parseStatus(event.object, { status: 500 });
    this.#worked();
    this.#stats.events += 1;
    this.#lastEventAt = this.#ports.clock.now();
    if (event.type === "DELETED") this.#delete(event.object);
    else if (event.type !== "BOOKMARK") this.#upsert(event.object);
    this.#resourceVersion = metadataOf(event.object)?.resourceVersion ?? this.#resourceVersion;
  }

  #delete(raw: unknown): void {
    const meta = namedMetadataOf(raw);
    if (meta === undefined) this.#reject(undefined);
    else this.#remove(objectKey({ metadata: meta }));
  }

  /** Returns the key of the object if it can be read. */
  #upsert(raw: unknown): string | undefined {
    const meta = namedMetadataOf(raw);
    if (meta === undefined) {
      this.#reject(undefined);
      return undefined;
    }
    const key = objectKey({ metadata: meta });
    const before = this.#entries.get(key);
    if (before?.resourceVersion !== undefined && before.resourceVersion === meta.resourceVersion) return key;
    const object = this.#strip(raw, key);
    if (object === undefined) {
      this.#remove(key);
      return undefined;
    }
    this.#put(key, { object, uid: meta.uid, resourceVersion: meta.resourceVersion });
    return key;
  }

  #put(key: string, entry: Entry<T>): void {
    const before = this.#entries.get(key);
    // The name was given to another object while nobody watched: the old one is gone, and listeners must hear so.
    if (before?.uid !== undefined && entry.uid !== undefined && before.uid !== entry.uid) {
      this.#remove(key);
      this.#put(key, entry);
      return;
    }
    this.#entries.set(key, entry);
    if (before !== undefined && sameContent(before.object, entry.object)) return;
    const type = before === undefined ? "added" : "modified";
    this.#tell({ type, key, object: entry.object, previous: before?.object });
  }

  #remove(key: string): void {
    const before = this.#entries.get(key);
    if (before === undefined) return;
    this.#entries.delete(key);
    this.#tell({ type: "deleted", key, object: before.object, previous: before.object });
  }

  #strip(raw: unknown, key: string): T | undefined {
    try {
      const object = this.#config.strip(raw);
      if (object === undefined) this.#reject(key);
      return object;
    } catch (error) {
      this.#stats.rejected += 1;
      this.#log.error("object could not be stripped", { ...errorFields(error), object: key });
      return undefined;
    }
  }

  #reject(key: string | undefined): void {
    this.#stats.rejected += 1;
    this.#log.warn("object left out of the cache", { object: key });
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#log.error("listener failed", { ...errorFields(error), object: change.key });
      }
    }
  }
}

function isObject(value: unknown): value is { readonly metadata?: unknown } {
  return typeof value === "object" && value !== null;
}

function isMetadata(value: unknown): value is KubernetesObject["metadata"] {
  return typeof value === "object" && value !== null;
}

/** The metadata of anything that has some: a bookmark's has no name. */
function metadataOf(raw: unknown): KubernetesObject["metadata"] | undefined {
  if (!isObject(raw) || !isMetadata(raw.metadata)) return undefined;
  return raw.metadata;
}

function namedMetadataOf(raw: unknown): KubernetesObject["metadata"] | undefined {
  const meta = metadataOf(raw);
  return typeof meta?.name === "string" && meta.name !== "" ? meta : undefined;
}

/** A new resourceVersion alone is no change: a heartbeat of a node, or a field that is not kept. */
function sameContent(a: KubernetesObject, b: KubernetesObject): boolean {
  const bare = (object: KubernetesObject): KubernetesObject => {
    const { resourceVersion: _, ...metadata } = object.metadata;
    return { ...object, metadata };
  };
  return isDeepStrictEqual(bare(a), bare(b));
}
