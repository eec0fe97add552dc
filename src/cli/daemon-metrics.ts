import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { MetricsServer } from "../telemetry/metrics-server.ts";
import { PromMetrics } from "../telemetry/prom-metrics.ts";
import type { DaemonOptions } from "./daemon-options.ts";

/** Serves what the daemon registers, where the flags want it, until it is closed. @throws PortNotServed */
export async function serveMetrics(
  { port, metricsAddress }: Pick<DaemonOptions, "port" | "metricsAddress">,
  log: Log,
  register: (metrics: Metrics) => void,
): Promise<Pick<MetricsServer, "close">> {
  if (port === 0) return { close: () => {} };
  const metrics = new PromMetrics();
  register(metrics);
  const server = new MetricsServer(metrics, log);
  await server.listen(port, metricsAddress);
  return server;
}
