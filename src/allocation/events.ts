import { type AddressConflict, formatAddressConflicts } from "../api/address-conflict.ts";
import { deprecatedAnnotations } from "../api/annotations.ts";
import type { ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import type { ServiceEvent } from "./convergence.ts";
import { quoted, type Refusal } from "./reason.ts";

export function normal(reason: string, message: string): ServiceEvent {
  return { type: "Normal", reason, message };
}

export function warning(reason: string, message: string): ServiceEvent {
  return { type: "Warning", reason, message };
}

export function allocationFailed(key: ServiceKey, { message }: Refusal): ServiceEvent {
  return warning(ALLOCATION_FAILED, `Failed to allocate IP for ${quoted(key)}: ${message}`);
}

/** The reason of the event that a later success makes void. */
export const ALLOCATION_FAILED = "AllocationFailed";

const ALLOCATED = "IPAllocated";

export function allocated(text: string): ServiceEvent {
  return normal(ALLOCATED, text);
}

/** What is said each time it happens. Everything else is a state, said when it begins. */
export function isNews({ reason }: ServiceEvent): boolean {
  return reason === ALLOCATED;
}

export function clearAssignment(key: ServiceKey, { message }: Refusal): ServiceEvent {
  const text = `current IP for ${quoted(key)} not allowed by config, will attempt for new IP assignment: ${message}`;
  return normal("ClearAssignment", text);
}

/** Strangers on an address, and what comes of it. */
export function addressConflict(conflicts: readonly AddressConflict[], then: string): ServiceEvent {
  return warning("AddressConflict", `${formatAddressConflicts(conflicts)}: ${then}`);
}

/** One warning for each deprecated key the Service carries (2.2). */
export function deprecations(service: Service): readonly ServiceEvent[] {
  return deprecatedAnnotations(service).map((key) =>
    warning("deprecatedAnnotation", `Service uses deprecated annotation ${key}`),
  );
}

/** Equal for events that say the same. */
export function eventText({ reason, message }: ServiceEvent): string {
  return `${reason} ${message}`;
}
