import type { AllocationReason } from "../../allocation/reason.ts";
import { ADDRESS_POOL, ALLOW_SHARED_IP } from "../../api/annotations.ts";
import type { Service } from "../../api/core.ts";
import { type Cause, type ObjectName, RANK } from "./finding.ts";

/** Where the wish is that cannot be granted, and what helps. */
interface Remedy {
  readonly field: (service: Service) => string;
  readonly change: string;
}

const at = (field: string) => (): string => field;
const POOL = at(`metadata.annotations[${ADDRESS_POOL}]`);
const SHARING = at(`metadata.annotations[${ALLOW_SHARED_IP}]`);
const CLUSTER_IPS = at("spec.clusterIPs");

/** The addresses that a Service asks for are in one field or the other. */
function request({ spec }: Service): string {
  return (spec.loadBalancerIP ?? "") === ""
    ? "metadata.annotations[metallb.io/loadBalancerIPs]"
    : "spec.loadBalancerIP";
}

const NONE: Remedy = { field: at("status.loadBalancer.ingress"), change: "nothing" };

/** Each "no" of the allocator; what is fine has no remedy. */
const REMEDIES: Readonly<Record<AllocationReason, Remedy>> = {
  "invalid-request": { field: request, change: "ask for one address, or for one of each family, in one field" },
  "request-family-mismatch": { field: request, change: "ask for addresses of the families in spec.ipFamilies" },
  "request-pool-mismatch": { field: POOL, change: "ask for an address of that pool, or leave the pool out" },
  "address-outside-pools": {
    field: request,
    change: "ask for an address that is in spec.addresses of an IPAddressPool, or add it to one",
  },
  "pool-unknown": { field: POOL, change: "name an IPAddressPool that exists and is valid" },
  "pool-not-compatible": {
    field: POOL,
    change: "let spec.serviceAllocation of the IPAddressPool take the Service's namespace and labels",
  },
  "pool-mismatch": { field: POOL, change: "leave the pool out, or let the Service have another address" },
  "request-changed": { field: request, change: "ask for what can be had" },
  "status-unusable": {
    field: NONE.field,
    change: "find out who writes this status beside Herald, and stop it",
  },
  "family-mismatch": { field: at("spec.ipFamilies"), change: "put addresses of the families into one IPAddressPool" },
  "sharing-key-conflict": {
    field: SHARING,
    change: "give both Services the same sharing key (and the same pods, with spec.externalTrafficPolicy Local)",
  },
  "port-in-use": { field: at("spec.ports"), change: "use another port: Services on one address share none" },
  "no-available-addresses": {
    field: POOL,
    change: "add addresses to spec.addresses of an IPAddressPool that the Service may use",
  },
  "no-pools": { field: at("spec.type"), change: "create a valid IPAddressPool" },
  "no-cluster-ips": { field: CLUSTER_IPS, change: "give the Service a cluster IP: a headless one has no address" },
  "not-enough-cluster-ips": { field: CLUSTER_IPS, change: "let the Service have a cluster IP of each family" },
  "cluster-ip-family-unknown": { field: CLUSTER_IPS, change: "let the Service have cluster IPs that are addresses" },
  "additional-unavailable": {
    field: at("spec.ipFamilyPolicy"),
    change: "put addresses of the other family into the same IPAddressPool",
  },
  "kept-invalid-request": { field: request, change: "ask for one address, or for one of each family, in one field" },
  "kept-family-unknown": { field: CLUSTER_IPS, change: "let the Service have cluster IPs that are addresses" },
  "kept-in-conflict": {
    field: at("status.conditions"),
    change: "take the address off the machine that uses it, or out of the pool",
  },
  assigned: NONE,
  kept: NONE,
  "additional-assigned": NONE,
  "no-configuration": { field: NONE.field, change: "create a valid IPAddressPool" },
  "not-load-balancer": { field: at("spec.type"), change: "set spec.type: LoadBalancer" },
  "cleared-not-load-balancer": { field: at("spec.type"), change: "set spec.type: LoadBalancer" },
  "foreign-class": { field: at("spec.loadBalancerClass"), change: "set spec.loadBalancerClass to Herald's" },
  "cleared-foreign-class": { field: at("spec.loadBalancerClass"), change: "set spec.loadBalancerClass to Herald's" },
};

/** Why a Service has not what it asks for, and what helps. `pool` is the one that would have to give more. */
export function allocationCause(
  service: Service,
  { outcome, message }: { readonly outcome: AllocationReason; readonly message: string },
  pool: string | undefined,
): Cause {
  const { field, change } = REMEDIES[outcome];
  const words = message === "" ? outcome : message;
  const full = outcome === "no-available-addresses" && pool !== undefined;
  const object = full ? { kind: "IPAddressPool", name: pool } : serviceName(service);
  return { name: outcome, rank: RANK.address, object, field: full ? "spec.addresses" : field(service), words, change };
}

/** The Service as messages name it. */
export function serviceName({ metadata: { namespace = "default", name } }: Service): ObjectName {
  return { kind: "Service", namespace, name };
}
