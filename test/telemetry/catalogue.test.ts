import { readFileSync, writeFileSync } from "node:fs";
import { collectDefaultMetrics, Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { CONTROLLER_METRICS } from "../../src/telemetry/catalogue-controller.ts";
import { SHARED_METRICS } from "../../src/telemetry/catalogue-shared.ts";
import { SPEAKER_METRICS } from "../../src/telemetry/catalogue-speaker.ts";
import type { MetricDefinition } from "../../src/telemetry/metrics.ts";
import { metricsDocument } from "../support/metrics-table.ts";

const DOCUMENT = new URL("../../deploy/monitoring/METRICS.md", import.meta.url);

const SECTIONS: readonly { readonly title: string; readonly definitions: readonly MetricDefinition<string>[] }[] = [
  { title: "Both daemons", definitions: Object.values(SHARED_METRICS) },
  { title: "Controller", definitions: Object.values(CONTROLLER_METRICS) },
  { title: "Speaker", definitions: Object.values(SPEAKER_METRICS) },
];

const ALL = SECTIONS.flatMap(({ definitions }) => definitions);

/** Reference 7: what MetalLB's dashboards and alerts may ask for, with the labels they may select by. */
const METALLB: readonly (readonly [name: string, type: string, ...labels: readonly string[]])[] = [
  ["metallb_allocator_addresses_total", "gauge", "pool"],
  ["metallb_allocator_ipv4_addresses_total", "gauge", "pool"],
  ["metallb_allocator_ipv6_addresses_total", "gauge", "pool"],
  ["metallb_allocator_addresses_in_use_total", "gauge", "pool"],
  ["metallb_allocator_ipv4_addresses_in_use_total", "gauge", "pool"],
  ["metallb_allocator_ipv6_addresses_in_use_total", "gauge", "pool"],
  ["metallb_allocator_services_allocated_total", "gauge", "pool"],
  ["metallb_k8s_client_updates_total", "counter"],
  ["metallb_k8s_client_update_errors_total", "counter"],
  ["metallb_k8s_client_config_loaded_bool", "gauge"],
  ["metallb_k8s_client_config_stale_bool", "gauge"],
  ["metallb_speaker_announced", "gauge", "service", "protocol", "node", "ip"],
  ["metallb_layer2_requests_received", "counter", "ip"],
  ["metallb_layer2_responses_sent", "counter", "ip"],
  ["metallb_layer2_gratuitous_sent", "counter", "ip"],
  ["metallb_bgp_session_up", "gauge", "peer", "vrf"],
  ["metallb_bgp_announced_prefixes_total", "gauge", "peer", "vrf"],
  ["metallb_bgp_pending_prefixes_total", "gauge", "peer"],
  ["metallb_bgp_received_prefixes_total", "gauge", "peer", "vrf"],
  ["metallb_bgp_updates_total", "counter", "peer", "vrf"],
  ["metallb_bgp_updates_total_received", "counter", "peer", "vrf"],
  ["metallb_bgp_opens_sent", "counter", "peer", "vrf"],
  ["metallb_bgp_opens_received", "counter", "peer", "vrf"],
  ["metallb_bgp_notifications_sent", "counter", "peer", "vrf"],
  ["metallb_bgp_keepalives_sent", "counter", "peer", "vrf"],
  ["metallb_bgp_keepalives_received", "counter", "peer", "vrf"],
  ["metallb_bgp_route_refresh_sent", "counter", "peer", "vrf"],
  ["metallb_bgp_total_sent", "counter", "peer", "vrf"],
  ["metallb_bgp_total_received", "counter", "peer", "vrf"],
  ["metallb_bfd_session_up", "gauge", "peer"],
  ["metallb_bfd_control_packet_input", "counter", "peer"],
  ["metallb_bfd_control_packet_output", "counter", "peer"],
  ["metallb_bfd_echo_packet_input", "counter", "peer"],
  ["metallb_bfd_echo_packet_output", "counter", "peer"],
  ["metallb_bfd_session_up_events", "counter", "peer"],
  ["metallb_bfd_session_down_events", "counter", "peer"],
];

test.each(METALLB)("%s is a %s, with MetalLB's labels", (name, type, ...labels) => {
  const definition = ALL.find((one) => one.name === name);
  expect(definition?.type).toBe(type);
  expect(definition?.labels).toEqual(expect.arrayContaining([...labels]));
});

test("every metallb_ name is one that MetalLB has: ours are called herald_", () => {
  const known = METALLB.map(([name]) => name);
  expect(
    ALL.map(({ name }) => name)
      .filter((name) => name.startsWith("metallb_"))
      .toSorted(),
  ).toEqual(known.toSorted());
});

describe("names of metrics", () => {
  test("no two are alike", () => expect(new Set(ALL.map(({ name }) => name)).size).toBe(ALL.length));
  test.each(ALL.filter(({ name }) => name.startsWith("herald_")).map((one) => [one.name, one] as const))(
    "%s follows Prometheus' rules",
    (name, { type, labels, help }) => {
      expect(name).toMatch(/^herald_[a-z0-9_]+$/);
      expect(name.endsWith("_total")).toBe(type === "counter");
      if (type === "histogram") expect(name).toMatch(/_seconds$/);
      expect(labels.join()).toMatch(/^[a-z_0-9,]*$/);
      expect(help).toMatch(/^[A-Z0-9].*\.$|nothing before the first answer\.$/);
    },
  );
});

test("deploy/monitoring/METRICS.md says what the code says", () => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const nodes = registry.getMetricsAsArray().map(({ name }) => name);
  const document = metricsDocument(SECTIONS, nodes);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(DOCUMENT, document);
  expect(readFileSync(DOCUMENT, "utf8")).toBe(document);
});
