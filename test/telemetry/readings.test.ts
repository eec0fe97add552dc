import { describe, expect, test } from "vitest";
import { type micros, millis, seconds } from "../../src/net/micros.ts";
import { ApiMetrics, registerApiSilence } from "../../src/telemetry/api-metrics.ts";
import { EventLoopDelay } from "../../src/telemetry/event-loop-delay.ts";
import { PromMetrics } from "../../src/telemetry/prom-metrics.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

class FakeHistogram {
  values: number[] = [];
  get max(): number {
    return Math.max(0, ...this.values);
  }
  percentile(percentile: number): number {
    const sorted = this.values.toSorted((a, b) => a - b);
    return sorted[Math.ceil((percentile / 100) * sorted.length) - 1] ?? 0;
  }
  reset(): void {
    this.values = [];
  }
}

describe("how late the main thread is", () => {
  const late = (milliseconds: number): number => (milliseconds + 20) * 1e6;

  test("is told of the last ten seconds that are over, whoever asks and however often", () => {
    const clock = new VirtualClock();
    const histogram = new FakeHistogram();
    const delay = new EventLoopDelay({ clock, histogram }, 20);
    histogram.values = [late(1), late(2), late(300)];
    clock.advance(seconds(10));
    histogram.values = [late(5)];
    const told = { p50: expect.closeTo(0.002), p99: expect.closeTo(0.3), max: expect.closeTo(0.3) };
    expect(delay.statistics()).toEqual(told);
    expect(delay.statistics()).toEqual(told);
    clock.advance(seconds(10));
    expect(delay.statistics().max).toBeCloseTo(0.005);
    delay.close();
    expect(clock.armed).toBe(0);
  });

  test("is told of what there is before the first ten seconds are over", () => {
    const histogram = new FakeHistogram();
    histogram.values = [late(40)];
    expect(new EventLoopDelay({ clock: new VirtualClock(), histogram }, 20).statistics().max).toBeCloseTo(0.04);
  });
});

describe("requests to the API", () => {
  test("are counted by what was asked and what was answered, and timed", async () => {
    const metrics = new PromMetrics();
    const clock = new VirtualClock();
    const { observe } = new ApiMetrics({ metrics, clock }, "10.96.0.1:443");
    const patch = { verb: "patch", method: "PATCH", resource: "services/status" };
    const ended = observe(patch);
    clock.advance(millis(15));
    ended(200);
    observe(patch)(409);
    observe(patch)(undefined);
    const text = await metrics.text();
    expect(text).toContain('herald_api_requests_total{verb="patch",resource="services/status",code="409"} 1');
    expect(text).toContain('herald_api_requests_total{verb="patch",resource="services/status",code="error"} 1');
    expect(text).toContain('rest_client_requests_total{code="<error>",method="PATCH",host="10.96.0.1:443"} 1');
    expect(text).toContain(
      'herald_api_request_duration_seconds_bucket{le="0.01",verb="patch",resource="services/status"} 2',
    );
    expect(text).toContain(
      'herald_api_request_duration_seconds_bucket{le="0.02",verb="patch",resource="services/status"} 3',
    );
  });

  test("nothing is said of the API's silence before it was heard", async () => {
    const metrics = new PromMetrics();
    let silence: ReturnType<typeof micros> | undefined;
    registerApiSilence(metrics, () => silence);
    expect(await metrics.text()).not.toMatch(/^herald_api_silence_seconds/m);
    silence = seconds(42);
    expect(await metrics.text()).toMatch(/^herald_api_silence_seconds 42$/m);
  });
});
