import { counter, gauge, histogram } from "./metrics.ts";

/** From a millisecond to ten seconds: what may pass between a change and the moment that others know of it. */
export const CONVERGENCE_BUCKETS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
] as const satisfies readonly number[];

/** What both daemons say of themselves, of the API and of the configuration. */
export const SHARED_METRICS = {
  buildInfo: gauge("herald_build_info", "1, with the version of Herald and of Node.", "version", "node"),
  configLoaded: gauge("metallb_k8s_client_config_loaded_bool", "1 once a configuration was read."),
  configStale: gauge(
    "metallb_k8s_client_config_stale_bool",
    "1 while an object of the newest configuration is invalid: it is left out, or goes on as it last worked.",
  ),
  updates: counter("metallb_k8s_client_updates_total", "Changes of objects that were taken in."),
  updateErrors: counter(
    "metallb_k8s_client_update_errors_total",
    "Changes of objects that could not be read, and work that failed and was tried again.",
  ),
  watchRestarts: counter("herald_watch_restarts_total", "Watches begun again, for whatever reason.", "resource"),
  watchRelists: counter("herald_watch_relists_total", "Full lists after the first one.", "resource"),
  watchRejected: counter("herald_watch_rejected_total", "Objects that could not be read.", "resource"),
  watchSynced: gauge("herald_watch_synced", "1 once the first list is complete.", "resource"),
  apiDuration: histogram(
    "herald_api_request_duration_seconds",
    "From a request to the API until the last byte of its answer; of a watch, until it is accepted.",
    { buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30], labels: ["verb", "resource"] },
  ),
  apiRequests: counter(
    "herald_api_requests_total",
    "Requests to the API by the status of the answer; code is error where there was none.",
    "verb",
    "resource",
    "code",
  ),
  restClientRequests: counter(
    "rest_client_requests_total",
    "The same under the name that client-go gives it; code is <error> where there was no answer.",
    "code",
    "method",
    "host",
  ),
  apiSilence: gauge("herald_api_silence_seconds", "Time since the API was heard; nothing before the first answer."),
  queueDepth: gauge("workqueue_depth", "Keys that wait for a worker.", "name"),
  queueAdds: counter("workqueue_adds_total", "Keys that were queued.", "name"),
  queueRetries: counter("workqueue_retries_total", "Keys that will be tried again.", "name"),
  queueAge: gauge("herald_work_queue_oldest_seconds", "How long the key that is next has waited.", "name"),
  eventLoopDelay: gauge(
    "herald_event_loop_delay_seconds",
    "How late the main thread was, over the last full ten seconds: p50, p99, max.",
    "statistic",
  ),
} as const;
