import { SHARED_METRICS } from "./catalogue-shared.ts";
import type { EventLoopDelay } from "./event-loop-delay.ts";
import type { MetricDefinition, Metrics, Sample } from "./metrics.ts";

/** How the watch of one kind of object fares. */
export interface WatchNumbers {
  /** In the words of the API. */
  readonly resource: string;
  readonly synced: boolean;
  readonly events: number;
  readonly restarts: number;
  readonly relists: number;
  readonly rejected: number;
}

/** How much work waits. */
export interface QueueNumbers {
  readonly name: string;
  readonly depth: number;
  readonly adds: number;
  /** Work that failed, or asked to be tried again. */
  readonly retries: number;
  /** Of the key that is next, in seconds. */
  readonly oldest: number;
}

/** Whether a configuration was ever read, and whether objects of the newest one are left out or go on as they last worked. */
interface ConfigNumbers {
  readonly loaded: boolean;
  readonly stale: boolean;
}

/** What both daemons can be asked at any moment. */
export interface SharedReadings {
  watches(): readonly WatchNumbers[];
  queues(): readonly QueueNumbers[];
  config(): ConfigNumbers;
}

/** What both daemons know of their process. */
export interface ProcessReadings {
  readonly version: string;
  readonly node: string;
  readonly eventLoop: Pick<EventLoopDelay, "statistics">;
}

/** Says what both daemons can be asked about the API and the configuration, under MetalLB's names. */
export function registerSharedMetrics(metrics: Metrics, read: SharedReadings): void {
  const config = (definition: MetricDefinition<never, "gauge">, field: keyof ConfigNumbers): void =>
    metrics.gauge(definition, () => one(Number(read.config()[field])));
  config(SHARED_METRICS.configLoaded, "loaded");
  config(SHARED_METRICS.configStale, "stale");
  metrics.counter(SHARED_METRICS.updates, () => one(sum(read.watches(), "events")));
  metrics.counter(SHARED_METRICS.updateErrors, () =>
    one(sum(read.watches(), "rejected") + sum(read.queues(), "retries")),
  );
  registerWatches(metrics, read);
  registerQueues(metrics, read);
}

function registerWatches(metrics: Metrics, { watches }: Pick<SharedReadings, "watches">): void {
  const perWatch = (field: "synced" | "restarts" | "relists" | "rejected") => () =>
    watches().map((watch) => ({ labels: { resource: watch.resource }, value: Number(watch[field]) }));
  metrics.gauge(SHARED_METRICS.watchSynced, perWatch("synced"));
  metrics.counter(SHARED_METRICS.watchRestarts, perWatch("restarts"));
  metrics.counter(SHARED_METRICS.watchRelists, perWatch("relists"));
  metrics.counter(SHARED_METRICS.watchRejected, perWatch("rejected"));
}

function registerQueues(metrics: Metrics, { queues }: Pick<SharedReadings, "queues">): void {
  const perQueue = (field: "depth" | "adds" | "retries" | "oldest") => () =>
    queues().map((queue) => ({ labels: { name: queue.name }, value: queue[field] }));
  metrics.gauge(SHARED_METRICS.queueDepth, perQueue("depth"));
  metrics.counter(SHARED_METRICS.queueAdds, perQueue("adds"));
  metrics.counter(SHARED_METRICS.queueRetries, perQueue("retries"));
  metrics.gauge(SHARED_METRICS.queueAge, perQueue("oldest"));
}

/** Says which program this is, and how late its main thread runs. */
export function registerProcessMetrics(metrics: Metrics, { version, node, eventLoop }: ProcessReadings): void {
  metrics.gauge(SHARED_METRICS.buildInfo, () => [{ labels: { version, node }, value: 1 }]);
  metrics.gauge(SHARED_METRICS.eventLoopDelay, () =>
    Object.entries(eventLoop.statistics()).map(([statistic, value]) => ({ labels: { statistic }, value })),
  );
}

/** The only series of a metric without labels. */
export function one(value: number): readonly Sample<never>[] {
  return [{ labels: {}, value }];
}

function sum<Field extends string>(rows: readonly Readonly<Record<Field, number>>[], field: Field): number {
  return rows.reduce((total, row) => total + row[field], 0);
}
