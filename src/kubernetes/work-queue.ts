import { type Micros, micros, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import type { QueueNumbers } from "../telemetry/shared-metrics.ts";
import { type BackoffRange, backoffDelay } from "./backoff.ts";

/** `retry` comes back after a back-off that grows with each failure of that key; `done` forgets the failures. */
export type WorkResult = "done" | "retry";

/** Urgent keys go before all others; within one priority, first come first served. */
export type WorkPriority = "urgent" | "normal";

export interface WorkQueuePorts {
  readonly clock: Clock;
  readonly random: Random;
}

export interface WorkQueueConfig extends BackoffRange {
  /** Told of what a worker threw; the key is retried then. */
  readonly onError?: (key: string, error: unknown) => void;
}

type Worker<K> = (key: K, signal: AbortSignal) => Promise<WorkResult>;

interface Run<K> {
  readonly worker: Worker<K>;
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly finished: () => void;
}

/**
 * Keys to work on: each at most once in the queue and never twice at the same time. A key added while it is worked on
 * comes again afterwards, so the last word is never lost.
 */
export class WorkQueue<K extends string> {
  readonly #ports: WorkQueuePorts;
  readonly #config: WorkQueueConfig;
  readonly #urgent = new Fifo<K>();
  readonly #normal = new Fifo<K>();
  /** Keys worked on, and with which priority they were added again meanwhile. */
  readonly #running = new Map<K, WorkPriority | undefined>();
  readonly #failures = new Map<K, number>();
  readonly #retries = new Timers<K>();
  readonly #delayed = new Timers<K>();
  #run: Run<K> | undefined;
  #adds = 0;
  #retried = 0;
  #scheduled = false;
  #idleWaiters: (() => void)[] = [];

  constructor(ports: WorkQueuePorts, config: WorkQueueConfig) {
    this.#ports = ports;
    this.#config = config;
  }

  /** Keys that wait for a worker: not those that are worked on, nor those that wait for their time. */
  get depth(): number {
    return this.#urgent.size + this.#normal.size;
  }

  /** Keys worked on now. */
  get running(): number {
    return this.#running.size;
  }

  /** Keys that wait for their time: retries and delayed ones. */
  get waiting(): number {
    return this.#retries.size + this.#delayed.size;
  }

  /** How it fares, for metrics. */
  reading(name: string): QueueNumbers {
    const now = this.#ports.clock.now();
    const since = Math.min(this.#urgent.oldest ?? now, this.#normal.oldest ?? now);
    const oldest = (now - since) / seconds(1);
    return { name, depth: this.depth, adds: this.#adds, retries: this.#retried, oldest };
  }

  /** How often this key has failed in a row. */
  failures(key: K): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Queues the key; when it waits for a retry, it need not wait longer. */
  add(key: K, priority: WorkPriority = "normal"): void {
    this.#retries.cancel(key);
    this.#enqueue(key, priority);
    this.#schedule();
  }

  /** Queues the key after a while; of several such calls the earliest counts. */
  addAfter(key: K, delay: Micros): void {
    const due = this.#ports.clock.now() + delay;
    this.#delayed.arm(this.#ports.clock, key, due, () => this.add(key));
  }

  /** Starts the key's back-off from the beginning. */
  forget(key: K): void {
    this.#failures.delete(key);
  }

  /**
   * Works until the signal is aborted; resolves when the last worker has returned. What is still queued then stays
   * queued, timers are dropped.
   */
  run(worker: Worker<K>, options: { readonly concurrency: number; readonly signal: AbortSignal }): Promise<void> {
    return new Promise((resolve) => {
      const stop = (): void => {
        this.#retries.clear();
        this.#delayed.clear();
        this.#settle();
      };
      this.#run = { worker, ...options, finished: resolve };
      if (options.signal.aborted) return stop();
      options.signal.addEventListener("abort", stop, { once: true });
      this.#schedule();
    });
  }

  /** Resolves when no key is queued or worked on; keys that wait for their time do not count. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  #isIdle(): boolean {
    return this.depth === 0 && this.#running.size === 0;
  }

  #enqueue(key: K, priority: WorkPriority): void {
    this.#adds += 1;
    if (this.#running.has(key)) {
      const wanted = this.#running.get(key) === "urgent" ? "urgent" : priority;
      this.#running.set(key, wanted);
      return;
    }
    if (this.#urgent.has(key)) return;
    if (priority === "urgent") this.#normal.delete(key);
    (priority === "urgent" ? this.#urgent : this.#normal).push(key, this.#ports.clock.now());
  }

  /** Not at once: all keys of one burst are in their order before the first worker starts. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const run = this.#run;
    if (run === undefined) return;
    while (!run.signal.aborted && this.#running.size < run.concurrency) {
      const key = this.#urgent.shift() ?? this.#normal.shift();
      if (key === undefined) break;
      void this.#work(run, key);
    }
  }

  async #work(run: Run<K>, key: K): Promise<void> {
    this.#running.set(key, undefined);
    const result = await this.#result(run, key);
    const again = this.#running.get(key);
    this.#running.delete(key);
    if (result === "done") this.#failures.delete(key);
    else {
      this.#retried += 1;
      this.#failures.set(key, this.failures(key) + 1);
    }
    if (again !== undefined) this.#enqueue(key, again);
    else if (result === "retry" && !run.signal.aborted) this.#retryLater(key);
    this.#pump();
    this.#settle();
  }

  async #result(run: Run<K>, key: K): Promise<WorkResult> {
    try {
      return await run.worker(key, run.signal);
    } catch (error) {
      if (!run.signal.aborted) this.#config.onError?.(key, error);
      return "retry";
    }
  }

  #retryLater(key: K): void {
    const delay = backoffDelay(this.failures(key), this.#config, this.#ports.random);
    this.#retries.arm(this.#ports.clock, key, this.#ports.clock.now() + delay, () => this.add(key));
  }

  #settle(): void {
    if (this.#isIdle()) {
      const waiters = this.#idleWaiters;
      this.#idleWaiters = [];
      for (const resolve of waiters) resolve();
    }
    if (this.#run?.signal.aborted === true && this.#running.size === 0) {
      this.#run.finished();
      this.#run = undefined;
    }
  }
}

/** An ordered set that gives its oldest member in constant time, however many have left it. */
class Fifo<K> {
  /** With the time when each came in. */
  readonly #members = new Map<K, Micros>();
  #cursor: Iterator<K> = this.#members.keys();

  /** When the one that is next came in. */
  get oldest(): Micros | undefined {
    return this.#members.values().next().value;
  }

  get size(): number {
    return this.#members.size;
  }

  has(key: K): boolean {
    return this.#members.has(key);
  }

  push(key: K, at: Micros): void {
    if (!this.#members.has(key)) this.#members.set(key, at);
  }

  delete(key: K): void {
    this.#members.delete(key);
  }

  /** The cursor is live: it also meets what was added after it was made, and skips what was deleted. */
  shift(): K | undefined {
    if (this.#members.size === 0) return undefined;
    let next = this.#cursor.next();
    if (next.done === true) {
      this.#cursor = this.#members.keys();
      next = this.#cursor.next();
    }
    if (next.done === true) return undefined;
    this.#members.delete(next.value);
    return next.value;
  }
}

/** One timer per key; the earlier of two wins. */
class Timers<K> {
  readonly #armed = new Map<K, { readonly due: number; readonly timer: Timer }>();

  get size(): number {
    return this.#armed.size;
  }

  arm(clock: Clock, key: K, due: number, fire: () => void): void {
    const armed = this.#armed.get(key);
    if (armed !== undefined && armed.due <= due) return;
    armed?.timer.cancel();
    const delay = micros(Math.max(due - clock.now(), 0));
    const timer = clock.after(delay, () => {
      this.#armed.delete(key);
      fire();
    });
    this.#armed.set(key, { due, timer });
  }

  cancel(key: K): void {
    this.#armed.get(key)?.timer.cancel();
    this.#armed.delete(key);
  }

  clear(): void {
    for (const { timer } of this.#armed.values()) timer.cancel();
    this.#armed.clear();
  }
}
