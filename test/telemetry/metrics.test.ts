import { request as httpRequest } from "node:http";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { formatMetric } from "../../src/telemetry/exposition.ts";
import { counter, gauge, histogram, type Sample } from "../../src/telemetry/metrics.ts";
import { MetricsServer } from "../../src/telemetry/metrics-server.ts";
import { PromMetrics } from "../../src/telemetry/prom-metrics.ts";
import { silentLog } from "../support/silent-log.ts";

let server: MetricsServer | undefined;
afterEach(() => server?.close());

const UP = gauge("herald_test_up", "Whether it is up.", "peer");

async function serve(metrics: PromMetrics): Promise<string> {
  server = new MetricsServer({ metrics, log: silentLog });
  await server.listen(0, "127.0.0.1");
  return `http://127.0.0.1:${server.port}`;
}

async function scrape(metrics: PromMetrics, path = "/metrics", init: RequestInit = {}): Promise<Response> {
  return fetch(`${await serve(metrics)}${path}`, init);
}

test("a gauge is read at each scrape: a series whose subject is gone is gone", async () => {
  const metrics = new PromMetrics();
  let peers = ["10.0.0.1:179", "10.0.0.2:179"];
  metrics.gauge(UP, () => peers.map((peer) => ({ labels: { peer }, value: 1 })));
  expect(await metrics.text()).toContain('herald_test_up{peer="10.0.0.2:179"} 1');
  peers = ["10.0.0.1:179"];
  const text = await metrics.text();
  expect(text).toContain('herald_test_up{peer="10.0.0.1:179"} 1');
  expect(text).not.toContain("10.0.0.2");
});

test("a counter shows the total it is told, not the sum of what it was told", async () => {
  const metrics = new PromMetrics();
  metrics.counter(counter("herald_test_total", "Times.", "peer"), () => [{ labels: { peer: "a" }, value: 7 }]);
  await metrics.text();
  expect(await metrics.text()).toContain('herald_test_total{peer="a"} 7');
});

test("a histogram counts each value in every bucket that holds it", async () => {
  const metrics = new PromMetrics();
  const definition = histogram("herald_test_seconds", "How long.", { buckets: [0.001, 0.01], labels: ["peer"] });
  metrics.histogram(definition)({ peer: "a" }, 0.005);
  const text = await metrics.text();
  expect(text).toContain('herald_test_seconds_bucket{le="0.001",peer="a"} 0');
  expect(text).toContain('herald_test_seconds_bucket{le="0.01",peer="a"} 1');
  expect(text).toContain('herald_test_seconds_count{peer="a"} 1');
});

test("one metric that two parts claim is a bug, and said so at the start", () => {
  const metrics = new PromMetrics();
  metrics.gauge(UP, () => []);
  expect(() => metrics.gauge(UP, () => [])).toThrow("herald_test_up is registered twice");
});

describe("formatMetric()", () => {
  const text = (...samples: readonly Sample<"peer">[]): string => [...formatMetric(UP, samples)].join("");
  const line = (...samples: readonly Sample<"peer">[]): string => text(...samples).split("\n")[2] ?? "";

  test.each([
    ["a quotation mark, a backslash and a line's end", 'a"b\\c\nd', 'herald_test_up{peer="a\\"b\\\\c\\nd"} 1'],
    ["a brace and a comma, which need nothing", "a},b=c", 'herald_test_up{peer="a},b=c"} 1'],
    ["an empty value, which is as none", "", "herald_test_up 1"],
  ])("a label with %s", (_name, peer, expected) => expect(line({ labels: { peer }, value: 1 })).toBe(expected));

  test.each([
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "+Inf"],
    [Number.NEGATIVE_INFINITY, "-Inf"],
    [1e21, "1e+21"],
    [0.1, "0.1"],
  ])("the value %s is written as %s", (value, expected) =>
    expect(line({ labels: { peer: "a" }, value })).toBe(`herald_test_up{peer="a"} ${expected}`),
  );

  test("of two samples with the same labels one is written: Prometheus would refuse both", () => {
    const twice = text({ labels: { peer: "a" }, value: 1 }, { labels: { peer: "a" }, value: 2 });
    expect(twice.match(/^herald_test_up/gm)).toHaveLength(1);
  });

  test("ten thousand series come in pieces, so that other work has its turn", () => {
    const samples = Array.from({ length: 10_000 }, (_, n) => ({ labels: { peer: `10.0.0.${n}:179` }, value: 1 }));
    const pieces = [...formatMetric(UP, samples)];
    expect(pieces.length).toBeGreaterThan(5);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(70_000);
    expect(pieces.join("").match(/^herald_test_up\{/gm)).toHaveLength(10_000);
  });
});

describe("the server", () => {
  test("answers GET /metrics in Prometheus' format, with Node's own metrics", async () => {
    const answer = await scrape(new PromMetrics());
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.headers.get("server")).toBeNull();
    expect(await answer.text()).toContain("nodejs_eventloop_lag_seconds");
  });

  test.each([
    ["another path", "/", "GET", 404],
    ["a path that begins alike", "/metricsx", "GET", 404],
    ["another method", "/metrics", "POST", 405],
    ["deleting", "/metrics", "DELETE", 405],
    ["a query, which means nothing", "/metrics?x=1", "GET", 200],
  ])("%s: %s %s is answered with %s", async (_name, path, method, status) => {
    expect((await scrape(new PromMetrics(), path, { method })).status).toBe(status);
  });

  test("HEAD has the head and nothing else, and reads no number", async () => {
    const metrics = new PromMetrics();
    let reads = 0;
    metrics.gauge(UP, () => {
      reads += 1;
      return [];
    });
    const answer = await scrape(metrics, "/metrics", { method: "HEAD" });
    expect([answer.status, await answer.text(), reads]).toEqual([200, "", 0]);
  });

  test("metrics that cannot be read are an error of the scrape, and of nothing else", async () => {
    const metrics = new PromMetrics();
    metrics.gauge(UP, () => {
      throw new Error("the numbers are not there");
    });
    expect((await scrape(metrics)).status).toBe(500);
  });

  test.each([
    ["gzip", true],
    ["deflate, gzip;q=0.5", true],
    ["identity", false],
    ["gzip;q=0", false],
    ["", false],
  ])("Accept-Encoding %j is compressed: %s", async (encoding, compressed) => {
    const base = await serve(new PromMetrics());
    const [head, body] = await raw(`${base}/metrics`, { "accept-encoding": encoding });
    expect(head["content-encoding"]).toBe(compressed ? "gzip" : undefined);
    const text = (compressed ? gunzipSync(body) : body).toString();
    expect(text).toContain("nodejs_eventloop_lag_seconds");
  });

  test("while four scrapes are being answered, the fifth is to come again: slow readers do not pile up", async () => {
    const metrics = new PromMetrics();
    const waiting: (() => void)[] = [];
    metrics.gauge(UP, () => new Promise((resolve) => waiting.push(() => resolve([]))));
    const base = await serve(metrics);
    const scrapes = [1, 2, 3, 4].map(() => fetch(`${base}/metrics`));
    while (waiting.length < 4) await new Promise((resolve) => setImmediate(resolve));
    expect((await fetch(`${base}/metrics`)).status).toBe(503);
    for (const go of waiting) go();
    for (const answer of await Promise.all(scrapes)) expect(await answer.text()).toContain("herald_test_up");
    const after = fetch(`${base}/metrics`);
    while (waiting.length < 5) await new Promise((resolve) => setImmediate(resolve));
    waiting[4]?.();
    expect((await after).status).toBe(200);
  });
});

type Head = Readonly<Record<string, string | string[] | undefined>>;

/** As it is on the wire: fetch would unpack it. */
function raw(url: string, headers: Readonly<Record<string, string>>): Promise<readonly [head: Head, body: Buffer]> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve([response.headers, Buffer.concat(chunks)]));
    });
    request.on("error", reject).end();
  });
}
