import type { PoolCounters } from "../allocation/counters.ts";
import type { PoolName } from "../api/config.ts";
import { seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { CONTROLLER_METRICS } from "../telemetry/catalogue-controller.ts";
import type { MetricDefinition, Metrics } from "../telemetry/metrics.ts";
import { one, registerSharedMetrics, type SharedReadings } from "../telemetry/shared-metrics.ts";

/** What a controller can be asked at any moment. */
export interface ControllerReadings extends SharedReadings {
  leads(): boolean;
  /** Times it began to lead. */
  terms(): number;
  pools(): ReadonlyMap<PoolName, PoolCounters>;
  /** How many Services have addresses of each pool. */
  services(): ReadonlyMap<PoolName, number>;
  /** How many Services have not what they ask for, by reason. */
  refused(): ReadonlyMap<string, number>;
  /** Services that wait for their turn. */
  backlog(): number;
}

/** What the Lease says; undefined before it was seen. */
export interface LeaseReadings {
  readonly transitions: number | undefined;
}

/** Measures from a Service that changed until its new addresses are written. */
export function controllerStopwatch(metrics: Metrics, clock: Clock): () => () => void {
  const observe = metrics.histogram(CONTROLLER_METRICS.convergence);
  return () => {
    const startedAt = clock.now();
    return () => observe({}, (clock.now() - startedAt) / seconds(1));
  };
}

type PoolRow = readonly [definition: MetricDefinition<"pool", "gauge">, read: (pool: PoolCounters) => bigint];

const M = CONTROLLER_METRICS;

const POOL_GAUGES: readonly PoolRow[] = [
  [M.addresses, (pool) => pool[4].capacity + pool[6].capacity],
  [M.addresses4, (pool) => pool[4].capacity],
  [M.addresses6, (pool) => pool[6].capacity],
  [M.inUse, (pool) => pool[4].assigned + pool[6].assigned],
  [M.inUse4, (pool) => pool[4].assigned],
  [M.inUse6, (pool) => pool[6].assigned],
];

/** Says a controller's numbers under MetalLB's names, so that its dashboards and alerts go on, and our own beside them. */
export function registerControllerMetrics(
  metrics: Metrics,
  controller: ControllerReadings,
  lease: () => LeaseReadings,
): void {
  registerSharedMetrics(metrics, controller);
  for (const [definition, read] of POOL_GAUGES) {
    metrics.gauge(definition, () =>
      [...controller.pools()].map(([pool, counters]) => ({ labels: { pool }, value: Number(read(counters)) })),
    );
  }
  metrics.gauge(M.services, () => [...controller.services()].map(([pool, value]) => ({ labels: { pool }, value })));
  metrics.gauge(M.refused, () => [...controller.refused()].map(([reason, value]) => ({ labels: { reason }, value })));
  metrics.gauge(M.isLeader, () => one(Number(controller.leads())));
  metrics.counter(M.terms, () => one(controller.terms()));
  metrics.counter(M.leaseTransitions, () => {
    const { transitions } = lease();
    return transitions === undefined ? [] : one(transitions);
  });
  metrics.gauge(M.backlog, () => one(controller.backlog()));
}
