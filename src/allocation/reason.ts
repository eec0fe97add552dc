/** Why a Service has no address, or why it could not have the one it wanted. */
export type RefusalReason =
  | "invalid-request"
  | "request-family-mismatch"
  | "request-pool-mismatch"
  | "address-outside-pools"
  | "pool-unknown"
  | "pool-not-compatible"
  | "pool-mismatch"
  | "request-changed"
  | "status-unusable"
  | "family-mismatch"
  | "sharing-key-conflict"
  | "port-in-use"
  | "no-available-addresses"
  | "no-pools"
  | "no-cluster-ips"
  | "not-enough-cluster-ips"
  | "cluster-ip-family-unknown";

/** What came of looking at one Service. */
export type AllocationReason =
  | RefusalReason
  /** It has new addresses. */
  | "assigned"
  /** It keeps what it had, and that is all it can want. */
  | "kept"
  /** It keeps its address and has one of the other family now. */
  | "additional-assigned"
  /** It keeps its one address; PreferDualStack found no second in the same pool. */
  | "additional-unavailable"
  /** It keeps its address although what it requests cannot be read. */
  | "kept-invalid-request"
  /** It keeps its address although nobody can tell the family of its cluster IPs. */
  | "kept-family-unknown"
  /** It keeps its address although a stranger uses it: nothing better is to be had now. */
  | "kept-in-conflict"
  /** No pools have been read yet: nothing is touched. */
  | "no-configuration"
  | "not-load-balancer"
  | "cleared-not-load-balancer"
  | "foreign-class"
  | "cleared-foreign-class";

const UNMET: Readonly<Record<AllocationReason, boolean>> = {
  "invalid-request": true,
  "request-family-mismatch": true,
  "request-pool-mismatch": true,
  "address-outside-pools": true,
  "pool-unknown": true,
  "pool-not-compatible": true,
  "pool-mismatch": true,
  "request-changed": true,
  "status-unusable": true,
  "family-mismatch": true,
  "sharing-key-conflict": true,
  "port-in-use": true,
  "no-available-addresses": true,
  "no-pools": true,
  "no-cluster-ips": true,
  "not-enough-cluster-ips": true,
  "cluster-ip-family-unknown": true,
  assigned: false,
  kept: false,
  "additional-assigned": false,
  "additional-unavailable": true,
  "kept-invalid-request": true,
  "kept-family-unknown": true,
  "kept-in-conflict": true,
  "no-configuration": false,
  "not-load-balancer": false,
  "cleared-not-load-balancer": false,
  "foreign-class": false,
  "cleared-foreign-class": false,
};

/** Whether the Service has not all that it asks for: what its owner, or the pools' owner, may want to know. */
export function isUnmet(reason: AllocationReason): boolean {
  return UNMET[reason];
}

/** A named "no", with the words for the user. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
}

export function refusal(reason: RefusalReason, message: string): { readonly refused: Refusal } {
  return { refused: { reason, message } };
}

/** Go's `%q` of one value, and of a list: how MetalLB prints addresses in its events. */
export function quoted(value: { toString(): string }): string {
  return JSON.stringify(value.toString());
}

export function quotedList(values: readonly { toString(): string }[]): string {
  return `[${values.map(quoted).join(" ")}]`;
}
