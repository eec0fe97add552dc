import { afterEach, expect, test } from "vitest";
import type { Metrics } from "../../src/telemetry/metrics.ts";
import { MetricsServer } from "../../src/telemetry/metrics-server.ts";
import { PromMetrics } from "../../src/telemetry/prom-metrics.ts";
import { silentLog } from "../support/silent-log.ts";

let server: MetricsServer | undefined;
afterEach(() => server?.close());

const UP = { name: "herald_test_up", help: "Whether it is up.", labels: ["peer"] } as const;

async function scrape(metrics: PromMetrics, path = "/metrics"): Promise<Response> {
  server = new MetricsServer(metrics, silentLog);
  await server.listen(0, "127.0.0.1");
  return fetch(`http://127.0.0.1:${server.port}${path}`);
}

test("a gauge is read at each scrape: a series whose subject is gone is gone", async () => {
  const metrics = new PromMetrics();
  let peers = ["10.0.0.1:179", "10.0.0.2:179"];
  (metrics as Metrics).gauge(UP, () => peers.map((peer) => ({ labels: { peer }, value: 1 })));
  expect(await metrics.text()).toContain('herald_test_up{peer="10.0.0.2:179"} 1');
  peers = ["10.0.0.1:179"];
  const text = await metrics.text();
  expect(text).toContain('herald_test_up{peer="10.0.0.1:179"} 1');
  expect(text).not.toContain("10.0.0.2");
});

test("a counter shows the total it is told, not the sum of what it was told", async () => {
  const metrics = new PromMetrics();
  metrics.counter({ ...UP, name: "herald_test_total" }, () => [{ labels: { peer: "a" }, value: 7 }]);
  await metrics.text();
  expect(await metrics.text()).toContain('herald_test_total{peer="a"} 7');
});

test("a histogram counts each value in every bucket that holds it", async () => {
  const metrics = new PromMetrics();
  const observe = metrics.histogram({ ...UP, name: "herald_test_seconds", buckets: [0.001, 0.01] });
  observe({ peer: "a" }, 0.005);
  const text = await metrics.text();
  expect(text).toContain('herald_test_seconds_bucket{le="0.001",peer="a"} 0');
  expect(text).toContain('herald_test_seconds_bucket{le="0.01",peer="a"} 1');
  expect(text).toContain('herald_test_seconds_count{peer="a"} 1');
});

test("GET /metrics answers in Prometheus' format, with Node's own metrics; other paths do not exist", async () => {
  const answer = await scrape(new PromMetrics());
  expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(await answer.text()).toContain("nodejs_eventloop_lag_seconds");
  server?.close();
  expect((await scrape(new PromMetrics(), "/")).status).toBe(404);
});

test("metrics that cannot be read are an error of the scrape, and of nothing else", async () => {
  const metrics = new PromMetrics();
  metrics.gauge(UP, () => {
    throw new Error("the numbers are not there");
  });
  expect((await scrape(metrics)).status).toBe(500);
});
