import { expect, test } from "vitest";
import { poolName } from "../../src/api/brands.ts";
import { registerControllerMetrics } from "../../src/controller/controller-metrics.ts";
import { PromMetrics } from "../../src/telemetry/prom-metrics.ts";

async function scrape(leads: boolean, stale = false): Promise<string> {
  const metrics = new PromMetrics();
  const counters = {
    4: { capacity: 254n, assigned: 3n, available: 251n },
    6: { capacity: 1n << 64n, assigned: 1n, available: (1n << 64n) - 1n },
  };
  registerControllerMetrics(metrics, {
    leads: () => leads,
    pools: () => (leads ? new Map([[poolName("main"), counters]]) : new Map()),
    backlog: () => 2,
    config: () => ({ loaded: true, stale }),
    watches: () => [{ resource: "services", events: 9, restarts: 1, relists: 0, rejected: 0 }],
  });
  return metrics.text();
}

test("a pool's numbers carry MetalLB's names, so that its exhaustion alerts go on", async () => {
  const text = await scrape(true);
  expect(text).toContain('metallb_allocator_ipv4_addresses_total{pool="main"} 254');
  expect(text).toContain('metallb_allocator_ipv4_addresses_in_use_total{pool="main"} 3');
  expect(text).toContain('metallb_allocator_addresses_in_use_total{pool="main"} 4');
  expect(text).toContain("metallb_k8s_client_updates_total 9");
  expect(text).toContain('herald_watch_restarts_total{resource="services"} 1');
});

test("a stand-by says that it does not lead, and nothing of pools: sums over controllers stay right", async () => {
  const text = await scrape(false);
  expect(text).toContain("herald_controller_leads 0");
  expect(text).not.toContain("metallb_allocator_addresses_total{");
});

test("stale is 1 while an object is invalid, and 0 again when it is put back as it was", async () => {
  expect(await scrape(true, true)).toContain("metallb_k8s_client_config_stale_bool 1");
  expect(await scrape(true)).toContain("metallb_k8s_client_config_stale_bool 0");
});
