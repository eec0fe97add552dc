import { expect, test } from "vitest";
import { poolName } from "../../src/api/brands.ts";
import { controllerStopwatch, registerControllerMetrics } from "../../src/controller/controller-metrics.ts";
import { millis } from "../../src/net/micros.ts";
import { PromMetrics } from "../../src/telemetry/prom-metrics.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

async function scrape(leads: boolean, stale = false): Promise<string> {
  const metrics = new PromMetrics();
  const counters = {
    4: { capacity: 254n, assigned: 3n, available: 251n },
    6: { capacity: 1n << 64n, assigned: 1n, available: (1n << 64n) - 1n },
  };
  const readings = {
    leads: () => leads,
    terms: () => 3,
    services: () => new Map([[poolName("main"), 5]]),
    refused: () => new Map([["no-available-addresses", 4]]),
    queues: () => [{ name: "services", depth: 2, adds: 11, retries: 1, oldest: 0.5 }],
    pools: () => (leads ? new Map([[poolName("main"), counters]]) : new Map()),
    backlog: () => 2,
    config: () => ({ loaded: true, stale }),
    watches: () => [{ resource: "services", synced: true, events: 9, restarts: 1, relists: 0, rejected: 1 }],
  };
  registerControllerMetrics(metrics, readings, () => ({ transitions: 7 }));
  return metrics.text();
}

test("a pool's numbers carry MetalLB's names, so that its exhaustion alerts go on", async () => {
  const text = await scrape(true);
  expect(text).toContain('metallb_allocator_ipv4_addresses_total{pool="main"} 254');
  expect(text).toContain('metallb_allocator_ipv4_addresses_in_use_total{pool="main"} 3');
  expect(text).toContain('metallb_allocator_addresses_in_use_total{pool="main"} 4');
  expect(text).toContain("metallb_k8s_client_updates_total 9");
  expect(text).toContain('metallb_allocator_services_allocated_total{pool="main"} 5');
  expect(text).toContain('herald_watch_restarts_total{resource="services"} 1');
});

test("a stand-by says that it does not lead, and nothing of pools: sums over controllers stay right", async () => {
  const text = await scrape(false);
  expect(text).toContain("herald_controller_is_leader 0");
  expect(text).not.toContain("metallb_allocator_addresses_total{");
});

test("what waits, what failed and what is refused can be seen", async () => {
  const text = await scrape(true);
  expect(text).toContain("metallb_k8s_client_update_errors_total 2");
  expect(text).toContain('workqueue_depth{name="services"} 2');
  expect(text).toContain('herald_work_queue_oldest_seconds{name="services"} 0.5');
  expect(text).toContain('herald_allocator_refused{reason="no-available-addresses"} 4');
  expect(text).toContain("herald_controller_terms_total 3");
  expect(text).toContain("herald_controller_lease_transitions_total 7");
});

test("from a Service that changed until its addresses are written is measured, and not before they are", async () => {
  const metrics = new PromMetrics();
  const clock = new VirtualClock();
  const changed = controllerStopwatch(metrics, clock);
  const written = changed();
  clock.advance(millis(7));
  expect(await metrics.text()).toContain("herald_controller_convergence_seconds_count 0");
  written();
  const text = await metrics.text();
  expect(text).toContain('herald_controller_convergence_seconds_bucket{le="0.005"} 0');
  expect(text).toContain('herald_controller_convergence_seconds_bucket{le="0.01"} 1');
});

test("stale is 1 while an object is invalid, and 0 again when it is put back as it was", async () => {
  expect(await scrape(true, true)).toContain("metallb_k8s_client_config_stale_bool 1");
  expect(await scrape(true)).toContain("metallb_k8s_client_config_stale_bool 0");
});
