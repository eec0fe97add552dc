import { MalformedCapabilityError, RoleMismatchError } from "../error.ts";
import { CAPABILITY, ROLE } from "../iana.ts";
import type { CapabilitySpec } from "./spec.ts";

/** RFC 9234 section 4.1: what the sender is to its peer, a number because a peer may send one that is not assigned. */
export const role: CapabilitySpec<number> = {
  code: CAPABILITY.role,
  onMalformed: "keep",
  decode(r, before) {
    const value = r.u8();
    // What is not one octet is no role, and says nothing that could differ.
    if (r.remaining > 0) throw new MalformedCapabilityError(`role: ${r.remaining} octet(s) left over`);
    // RFC 9234 section 4.2: several that differ are a mismatch, whatever our own role is.
    if (before !== undefined && before !== value) {
      throw new RoleMismatchError(`the peer says role ${before} and role ${value}`);
    }
    return value;
  },
  encode: (value) => [(w) => void w.u8(value)],
  format: (value) => `role ${formatRole(value)}`,
};

const NAMES = new Map<number, string>([
  [ROLE.provider, "provider"],
  [ROLE.routeServer, "route-server"],
  [ROLE.routeServerClient, "route-server-client"],
  [ROLE.customer, "customer"],
  [ROLE.peer, "peer"],
]);

/** The role's name, its number where it has none. */
export function formatRole(value: number): string {
  return NAMES.get(value) ?? String(value);
}
