import { CONVERGENCE_BUCKETS } from "./catalogue-shared.ts";
import { counter, gauge, histogram } from "./metrics.ts";

/** What a controller says, beside what both daemons say. Of pools and Services only the leader does. */
export const CONTROLLER_METRICS = {
  addresses: gauge("metallb_allocator_addresses_total", "Usable addresses of the pool.", "pool"),
  addresses4: gauge("metallb_allocator_ipv4_addresses_total", "Usable IPv4 addresses of the pool.", "pool"),
  addresses6: gauge("metallb_allocator_ipv6_addresses_total", "Usable IPv6 addresses of the pool.", "pool"),
  inUse: gauge("metallb_allocator_addresses_in_use_total", "Distinct addresses in use.", "pool"),
  inUse4: gauge("metallb_allocator_ipv4_addresses_in_use_total", "Distinct IPv4 addresses in use.", "pool"),
  inUse6: gauge("metallb_allocator_ipv6_addresses_in_use_total", "Distinct IPv6 addresses in use.", "pool"),
  services: gauge("metallb_allocator_services_allocated_total", "Services with addresses of the pool.", "pool"),
  refused: gauge(
    "herald_allocator_refused",
    "Services that have not the addresses they ask for, by what was decided on them last.",
    "reason",
  ),
  isLeader: gauge("herald_controller_is_leader", "1 while this controller gives out addresses."),
  terms: counter("herald_controller_terms_total", "Times that this controller began to lead."),
  leaseTransitions: counter(
    "herald_controller_lease_transitions_total",
    "Times that the Lease changed hands, as it says itself.",
  ),
  backlog: gauge("herald_controller_backlog", "Services that wait for their turn."),
  convergence: histogram(
    "herald_controller_convergence_seconds",
    "From a Service that was seen to change until its new addresses are written.",
    { buckets: CONVERGENCE_BUCKETS, labels: [] },
  ),
  webhookReviews: histogram(
    "herald_webhook_review_duration_seconds",
    "How long the webhook took for the verdict on a change (allowed, warned, refused), for a conversion (converted), or until it failed.",
    { buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5], labels: ["kind", "verdict"] },
  ),
  webhookRefusals: counter(
    "herald_webhook_refusals_total",
    "Changes that the webhook refused, by the field that was wrong.",
    "kind",
    "field",
  ),
} as const;
