import type { BgpState } from "../bgp/fsm-values.ts";
import { CEASE } from "../bgp/iana.ts";
import type { BfdEvent, BfdHandle } from "./bfd-service.ts";

/** What BGP must do about an event of BFD. */
export type BfdVerdict =
  | { readonly type: "nothing" }
  /** End the connection now, with this Cease (RFC 9384), and try again as after any loss. */
  | { readonly type: "drop"; readonly subcode: number; readonly communication: string };

const NOTHING: BfdVerdict = { type: "nothing" };
const DROP: BfdVerdict = { type: "drop", subcode: CEASE.bfdDown, communication: "BFD session down" };
const HARMLESS: ReadonlySet<BfdEvent["reason"]> = new Set(["neighbor-admin-down", "admin-down", "detector-lost"]);

/**
 * Only a path that was seen alive and then failed takes BGP with it (RFC 5882 section 4.2): not a neighbour without
 * BFD (4.1), not one that switched BFD off (3.2, either end), and not a detector of ours that was restarted.
 */
export function judgeBfd(event: BfdEvent, bgp: BgpState): BfdVerdict {
  if (event.from !== "up" || event.to !== "down" || bgp === "idle") return NOTHING;
  return HARMLESS.has(event.reason) ? NOTHING : DROP;
}

/** A BGP session as the guard needs it. */
export interface GuardedBgp {
  readonly state: BgpState;
  drop(subcode: number, communication: string): void;
}

/** Ends BGP whenever BFD says that the peer is gone; the returned function takes the guard away, and leaves BFD running. */
export function guardBgp(bfd: Pick<BfdHandle, "onChange">, bgp: GuardedBgp): () => void {
  return bfd.onChange((event) => {
    const verdict = judgeBfd(event, bgp.state);
    if (verdict.type === "drop") bgp.drop(verdict.subcode, verdict.communication);
  });
}
