import type { Metrics } from "./metrics.ts";

/** How the watch of one kind of object fares. */
export interface WatchNumbers {
  /** In the words of the API. */
  readonly resource: string;
  readonly events: number;
  readonly restarts: number;
  readonly relists: number;
  readonly rejected: number;
}

/** Whether a configuration was ever read, and whether objects of the newest one are left out or go on as they last worked. */
export interface ConfigNumbers {
  readonly loaded: boolean;
  readonly stale: boolean;
}

/** Says what both daemons can be asked about the API and the configuration, under MetalLB's names. */
export function registerWatchMetrics(
  metrics: Metrics,
  read: { watches(): readonly WatchNumbers[]; config(): ConfigNumbers },
): void {
  const bool = (name: string, help: string, value: () => boolean): void =>
    metrics.gauge({ name, help, labels: [] }, () => [{ labels: {}, value: Number(value()) }]);
  bool("metallb_k8s_client_config_loaded_bool", "1 once a configuration was read.", () => read.config().loaded);
  bool(
    "metallb_k8s_client_config_stale_bool",
    "1 while an object of the newest configuration is invalid: it is left out, or goes on as it last worked.",
    () => read.config().stale,
  );
  metrics.counter(
    { name: "metallb_k8s_client_updates_total", help: "Changes of objects that were taken in.", labels: [] },
    () => [{ labels: {}, value: read.watches().reduce((sum, { events }) => sum + events, 0) }],
  );
  const perWatch = (name: string, help: string, field: "restarts" | "relists" | "rejected"): void =>
    metrics.counter({ name, help, labels: ["resource"] }, () =>
      read.watches().map((watch) => ({ labels: { resource: watch.resource }, value: watch[field] })),
    );
  perWatch("herald_watch_restarts_total", "Watches begun again, for whatever reason.", "restarts");
  perWatch("herald_watch_relists_total", "Full lists after the first one.", "relists");
  perWatch("herald_watch_rejected_total", "Objects that could not be read.", "rejected");
}
