import { createHash } from "node:crypto";
import { FieldReader, Problems } from "../api/read-object.ts";
import { type Micros, millis, seconds } from "../net/micros.ts";
import type { Clock, WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { pause } from "./backoff.ts";
import type { KubernetesClient } from "./client.ts";
import { isConflict, isNotFound, isRetryable } from "./errors.ts";
import { BoundedMap, type TokenBucket, takeToken } from "./event-budget.ts";
import { EVENTS } from "./resource.ts";
import { WorkQueue, type WorkResult } from "./work-queue.ts";
import { type WritePace, WritePacer } from "./write-pacer.ts";

/** The object that an event is about. */
export interface EventReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** What people read in `kubectl describe`. */
export interface EventContent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

export interface EventRecorderPorts {
  readonly client: Pick<KubernetesClient, "create" | "patch">;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Random;
  readonly log: Log;
}

/** Who speaks: `metallb-controller`, or `metallb-speaker` on a node. */
export interface EventRecorderConfig {
  readonly component: string;
  readonly host?: string | undefined;
  /** How fast it writes: as many events as there are Services must not storm the API. */
  readonly pace?: WritePace | undefined;
}

/** How events fared. */
export interface EventRecorderStats {
  /** Requests that wrote an event: new ones and counts. */
  readonly written: number;
  /** Said too often about one object. */
  readonly filtered: number;
  /** Left out because the API refused, or because too many waited. */
  readonly dropped: number;
}

/** Something to say, and how often it was said since the last request. */
interface Pending {
  readonly reference: EventReference;
  readonly content: EventContent;
  readonly times: number;
  readonly first: Date;
  readonly last: Date;
}

/** The event object that stands for all repetitions. */
interface Recorded {
  readonly name: string;
  readonly count: number;
  readonly first: Date;
}

const REMEMBERED = 4096;
const MAX_PENDING = 2000;
const ATTEMPTS = 6;
const CONCURRENCY = 4;
const TIMEOUT = seconds(10);
const FLUSH_LIMIT = seconds(2);
const PACE: WritePace = { burst: 100, interval: millis(20) };
/** An event may expire between two requests about it: so often it is tried. */
const TRIES = 3;
/** What MetalLB's (client-go's) recorder allows one source to say about one object: 25 at once, then one in 5 minutes. */
const BUDGET = { burst: 25, refill: seconds(300) };

/**
 * Writes core events and never makes its caller wait or fail. The same thing said again about the same object only counts
 * up, also while it still waits to be written; one object cannot flood the API, and all of them together write at a pace. What is said
 * decides the name of the event: a process that was started again finds what it said before, and makes no second one.
 */
export class EventRecorder {
  readonly #ports: EventRecorderPorts;
  readonly #config: EventRecorderConfig;
  readonly #log: Log;
  readonly #queue: WorkQueue<string>;
  readonly #pacer: WritePacer;
  readonly #pending = new Map<string, Pending>();
  readonly #recorded = new BoundedMap<string, Recorded>(REMEMBERED);
  readonly #budgets = new BoundedMap<string, TokenBucket>(REMEMBERED);
  readonly #stop = new AbortController();
  #stats: EventRecorderStats = { written: 0, filtered: 0, dropped: 0 };

  constructor(ports: EventRecorderPorts, config: EventRecorderConfig) {
    this.#ports = ports;
    this.#config = config;
    this.#log = ports.log.child({ component: "events" });
    this.#queue = new WorkQueue(ports, { baseDelay: seconds(1), maxDelay: seconds(30) });
    this.#pacer = new WritePacer(ports.clock, config.pace ?? PACE);
    void this.#queue.run((key) => this.#work(key), { concurrency: CONCURRENCY, signal: this.#stop.signal });
  }

  get stats(): EventRecorderStats {
    return this.#stats;
  }

  /** How many things wait to be written. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** How many more may wait; what is said beyond them is dropped. */
  get room(): number {
    return MAX_PENDING - this.waiting;
  }

  /** Says it, some time soon. */
  record(reference: EventReference, content: EventContent): void {
    if (this.#stop.signal.aborted) return;
    if (!this.#mayTell(reference)) {
      this.#count("filtered");
      return;
    }
    const key = keyOf(reference, content);
    if (!this.#pending.has(key) && this.#pending.size >= MAX_PENDING) {
      this.#count("dropped");
      return;
    }
    const now = this.#ports.wallClock();
    this.#remember(key, { reference, content, times: 1, first: now, last: now });
    this.#queue.add(key);
  }

  /** Waits, for no longer than a moment, until everything that can be written now is written. */
  async flush(limit: Micros = FLUSH_LIMIT): Promise<void> {
    const done = new AbortController();
    const idle = this.#queue.idle().then(() => done.abort());
    await Promise.race([idle, pause(this.#ports.clock, limit, done.signal)]);
    done.abort();
  }

  /** Flushes, and says nothing more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    this.stop();
  }

  /** Says nothing more, also not what still waits. */
  stop(): void {
    this.#stop.abort();
  }

  #count(what: keyof EventRecorderStats): void {
    this.#stats = { ...this.#stats, [what]: this.#stats[what] + 1 };
  }

  #mayTell(reference: EventReference): boolean {
    const key = objectOf(reference);
    const { bucket, taken } = takeToken(this.#budgets.get(key), this.#ports.clock.now(), BUDGET);
    this.#budgets.set(key, bucket);
    return taken;
  }

  #remember(key: string, news: Pending): void {
    const waiting = this.#pending.get(key);
    const merged = waiting === undefined ? news : { ...news, times: news.times + waiting.times, first: waiting.first };
    this.#pending.set(key, merged);
  }

  async #work(key: string): Promise<WorkResult> {
    await this.#pacer.take(this.#stop.signal);
    if (this.#stop.signal.aborted) return "done";
    const pending = this.#pending.get(key);
    if (pending === undefined) return "done";
    this.#pending.delete(key);
    try {
      await this.#write(key, pending);
      this.#count("written");
      return "done";
    } catch (error) {
      if (isRetryable(error) && this.#queue.failures(key) + 1 < ATTEMPTS) {
        // What was said meanwhile is newer.
        const newer = this.#pending.get(key);
        this.#pending.delete(key);
        this.#remember(key, pending);
        if (newer !== undefined) this.#remember(key, newer);
        return "retry";
      }
      this.#count("dropped");
      this.#log.debug("event was not written", { ...errorFields(error), reason: pending.content.reason });
      return "done";
    }
  }

  async #write(key: string, pending: Pending): Promise<void> {
    const before = this.#recorded.get(key);
    const count = (before?.count ?? 0) + pending.times;
    const first = before?.first ?? pending.first;
    const raised = before !== undefined && (await this.#patched(before.name, pending, { count })) !== undefined;
    this.#recorded.set(
      key,
      raised
        ? { name: before.name, count, first }
        : await this.#create(this.#nameOf(key, pending), pending, { count, first }),
    );
  }

  /** An event of this name is of an earlier process: what it said still holds, which is no repetition. */
  async #create(name: string, pending: Pending, { count, first }: Omit<Recorded, "name">): Promise<Recorded> {
    const namespace = namespaceOf(pending.reference);
    for (let attempt = 1; ; attempt++) {
      try {
        const body = this.#body(name, pending, { count, first });
        await this.#ports.client.create(EVENTS, body, { namespace, timeout: TIMEOUT });
        return { name, count, first };
      } catch (error) {
        if (!isConflict(error)) throw error;
        const known = await this.#patched(name, pending, {});
        if (known !== undefined) return { name, count: Math.max(countOf(known), 1), first };
        if (attempt === TRIES) throw error;
      }
    }
  }

  /** The event as it is then; nothing when it has expired (the API keeps events for an hour). */
  async #patched(name: string, { reference, last }: Pending, more: { readonly count?: number }): Promise<unknown> {
    try {
      const options = { namespace: namespaceOf(reference), type: "merge", timeout: TIMEOUT } as const;
      const body = { ...more, lastTimestamp: timestamp(last) };
      return (await this.#ports.client.patch<unknown>(EVENTS, name, body, options)) ?? {};
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Whoever says the same of the same object means the same event, also another speaker. */
  #nameOf(key: string, { reference }: Pending): string {
    const digest = createHash("sha256").update(`${this.#config.component} ${key}`).digest("hex").slice(0, 16);
    return `${reference.name.slice(0, 230)}.${digest}`;
  }

  #body(name: string, pending: Pending, { count, first }: { count: number; first: Date }): object {
    const { reference, content, last } = pending;
    const { component, host } = this.#config;
    const { apiVersion, kind, uid, resourceVersion } = reference;
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name, namespace: namespaceOf(reference) },
      involvedObject: { apiVersion, kind, name: reference.name, namespace: reference.namespace, uid, resourceVersion },
      type: content.type,
      reason: content.reason,
      message: content.message,
      source: { component, host },
      reportingComponent: component,
      reportingInstance: host ?? "",
      firstTimestamp: timestamp(first),
      lastTimestamp: timestamp(last),
      count,
    };
  }
}

function countOf(event: unknown): number {
  return FieldReader.of(event, "", new Problems()).integer("count", { min: 0, max: Number.MAX_SAFE_INTEGER }) ?? 0;
}

/** Events about cluster-scoped objects live in `default`. */
function namespaceOf(reference: EventReference): string {
  return reference.namespace ?? "default";
}

function objectOf({ apiVersion, kind, namespace, name, uid }: EventReference): string {
  return JSON.stringify([apiVersion, kind, namespace, name, uid]);
}

function keyOf(reference: EventReference, content: EventContent): string {
  return `${objectOf(reference)} ${JSON.stringify([content.type, content.reason, content.message])}`;
}

/** RFC 3339 in whole seconds, as `metav1.Time` prints it. */
function timestamp(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}
