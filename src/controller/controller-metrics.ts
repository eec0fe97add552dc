import type { PoolCounters } from "../allocation/counters.ts";
import type { PoolName } from "../api/config.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type ConfigNumbers, registerWatchMetrics, type WatchNumbers } from "../telemetry/watch-metrics.ts";

/** What a controller can be asked at any moment. */
export interface ControllerReadings {
  leads(): boolean;
  pools(): ReadonlyMap<PoolName, PoolCounters>;
  /** Services that wait for their turn. */
  backlog(): number;
  config(): ConfigNumbers;
  watches(): readonly WatchNumbers[];
}

type PoolRow = readonly [name: string, help: string, read: (pool: PoolCounters) => bigint];

const POOL_GAUGES: readonly PoolRow[] = [
  ["metallb_allocator_addresses_total", "Usable addresses.", (pool) => pool[4].capacity + pool[6].capacity],
  ["metallb_allocator_ipv4_addresses_total", "Usable IPv4 addresses.", (pool) => pool[4].capacity],
  ["metallb_allocator_ipv6_addresses_total", "Usable IPv6 addresses.", (pool) => pool[6].capacity],
  [
    "metallb_allocator_addresses_in_use_total",
    "Distinct addresses in use.",
    (pool) => pool[4].assigned + pool[6].assigned,
  ],
  ["metallb_allocator_ipv4_addresses_in_use_total", "Distinct IPv4 addresses in use.", (pool) => pool[4].assigned],
  ["metallb_allocator_ipv6_addresses_in_use_total", "Distinct IPv6 addresses in use.", (pool) => pool[6].assigned],
];

/** Says a controller's numbers under MetalLB's names, so that its dashboards and alerts go on, and our own beside them. */
export function registerControllerMetrics(metrics: Metrics, controller: ControllerReadings): void {
  registerWatchMetrics(metrics, controller);
  for (const [name, help, read] of POOL_GAUGES) {
    metrics.gauge({ name, help, labels: ["pool"] }, () =>
      [...controller.pools()].map(([pool, counters]) => ({ labels: { pool }, value: Number(read(counters)) })),
    );
  }
  metrics.gauge(
    { name: "herald_controller_leads", help: "1 while this controller gives out addresses.", labels: [] },
    () => [{ labels: {}, value: Number(controller.leads()) }],
  );
  metrics.gauge({ name: "herald_controller_backlog", help: "Services that wait for their turn.", labels: [] }, () => [
    { labels: {}, value: controller.backlog() },
  ]);
}
