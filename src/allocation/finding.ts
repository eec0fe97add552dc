import { familySet } from "../api/service-addresses.ts";
import type { IpAddress } from "../net/ip-address.ts";
import type { Allocation } from "./address-book.ts";
import { type DesiredState, type ServiceEvent, stateFor, stateOf } from "./convergence.ts";
import type { AllocationReason, Refusal } from "./reason.ts";
import type { Subject } from "./subject.ts";

/** What one look at a Service comes to, before it is compared with what was said before. */
export interface Finding {
  readonly outcome: AllocationReason;
  readonly message?: string;
  readonly desired: DesiredState;
  /** In the order they are to be read. */
  readonly events: readonly ServiceEvent[];
  /** Whether another Service letting go of an address may help. */
  readonly waits?: boolean;
}

/** Addresses the Service may keep, or the end of the matter, or neither: it needs new ones. */
export interface Current {
  readonly ips?: readonly IpAddress[];
  readonly stop?: Finding;
  readonly events: readonly ServiceEvent[];
}

/** Another Service letting go of an address may help these. */
const HELPED_BY_RELEASE: ReadonlySet<AllocationReason> = new Set([
  "no-available-addresses",
  "sharing-key-conflict",
  "port-in-use",
]);

/** The Service keeps whatever it says. */
export function untouched(subject: Subject, outcome: AllocationReason): Finding {
  return { outcome, desired: stateOf(subject.service), events: [] };
}

/** The Service has nothing. */
export function failed(subject: Subject, { reason, message }: Refusal, events: readonly ServiceEvent[]): Finding {
  const desired = stateFor(subject.service, [], undefined);
  return { outcome: reason, message, desired, events, waits: HELPED_BY_RELEASE.has(reason) };
}

/** Step 8: equal families, or one of the two while the Service prefers both. */
export function familiesFit({ clusterFamilies, policy }: Subject, ips: readonly IpAddress[]): boolean {
  return familySet(ips) === clusterFamilies || (clusterFamilies === "dual" && policy === "PreferDualStack");
}

/** Whether the Service may have an address of the other family beside these. */
export function lacksFamily({ clusterFamilies, policy, requests }: Subject, ips: readonly IpAddress[]): boolean {
  return policy === "PreferDualStack" && clusterFamilies === "dual" && ips.length === 1 && requests.ips.length === 0;
}

/** Whether these are the wanted ones, in any order; nothing wanted is satisfied by anything. */
export function sameAddresses(wanted: readonly IpAddress[], ips: readonly IpAddress[]): boolean {
  if (wanted.length === 0) return true;
  return wanted.length === ips.length && wanted.every((ip) => ips.some((other) => other.equals(ip)));
}

/** Whether others may now have what this Service had: an address, a port on it, or its say over who shares. */
export function letGo(before: Allocation | undefined, after: Allocation | undefined): boolean {
  if (before === undefined) return false;
  if (after === undefined || !before.ips.every((ip) => after.ips.some((other) => other.equals(ip)))) return true;
  if (before.sharingKey !== after.sharingKey || before.backendKey !== after.backendKey) return true;
  return before.ports.some((port) => !after.ports.includes(port));
}
