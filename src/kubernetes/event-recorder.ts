import { type Micros, seconds } from "../net/micros.ts";
import type { Clock, WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { pause } from "./backoff.ts";
import type { KubernetesClient } from "./client.ts";
import { isConflict, isNotFound, isRetryable } from "./errors.ts";
import { BoundedMap, type TokenBucket, takeToken } from "./event-budget.ts";
import { EVENTS } from "./resource.ts";
import { WorkQueue, type WorkResult } from "./work-queue.ts";

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
/** What MetalLB's (client-go's) recorder allows one source to say about one object: 25 at once, then one in 5 minutes. */
const BUDGET = { burst: 25, refill: seconds(300) };

/**
 * Writes core events and never makes its caller wait or fail. The same thing said again about the same object only counts
 * up, also while it still waits to be written; one object cannot flood the API.
 */
export class EventRecorder {
  readonly #ports: EventRecorderPorts;
  readonly #config: EventRecorderConfig;
  readonly #log: Log;
  readonly #queue: WorkQueue<string>;
  readonly #pending = new Map<string, Pending>();
  readonly #recorded = new BoundedMap<string, Recorded>(REMEMBERED);
  readonly #budgets = new BoundedMap<string, TokenBucket>(REMEMBERED);
  readonly #stop = new AbortController();
  #stats: EventRecorderStats = { written: 0, filtered: 0, dropped: 0 };
  #sequence = 0;

  constructor(ports: EventRecorderPorts, config: EventRecorderConfig) {
    this.#ports = ports;
    this.#config = config;
    this.#log = ports.log.child({ component: "events" });
    this.#queue = new WorkQueue(ports, { baseDelay: seconds(1), maxDelay: seconds(30) });
    void this.#queue.run((key) => this.#work(key), { concurrency: CONCURRENCY, signal: this.#stop.signal });
  }

  get stats(): EventRecorderStats {
    return this.#stats;
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
    const raised = before === undefined ? undefined : await this.#raise(before, pending, count);
    const name = raised ?? (await this.#create(pending, count, first));
    this.#recorded.set(key, { name, count, first });
  }

  /** Counts up an event that exists; gives nothing when it has expired (the API keeps events for an hour). */
  async #raise(before: Recorded, { reference, last }: Pending, count: number): Promise<string | undefined> {
    try {
      const body = { count, lastTimestamp: timestamp(last) };
      const namespace = namespaceOf(reference);
      await this.#ports.client.patch(EVENTS, before.name, body, { namespace, type: "merge", timeout: TIMEOUT });
      return before.name;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #create(pending: Pending, count: number, first: Date): Promise<string> {
    const namespace = namespaceOf(pending.reference);
    for (let attempt = 1; ; attempt++) {
      const name = this.#nameFor(pending.reference);
      try {
        await this.#ports.client.create(EVENTS, this.#body(name, pending, { count, first }), {
          namespace,
          timeout: TIMEOUT,
        });
        return name;
      } catch (error) {
        if (!isConflict(error) || attempt === 3) throw error;
      }
    }
  }

  /** The object's name and something that no other event of it has. */
  #nameFor(reference: EventReference): string {
    this.#sequence += 1;
    const now = BigInt(this.#ports.wallClock().getTime()) * 1_000_000n;
    const unique = now + BigInt(Math.trunc(this.#ports.random() * 900_000) + (this.#sequence % 100_000));
    return `${reference.name.slice(0, 230)}.${unique.toString(16)}`;
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
