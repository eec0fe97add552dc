import type { Family } from "../net/ip-address.ts";
import { AFI, SAFI } from "./iana.ts";

/** An address family as it is on the wire, known to us or not. */
export interface AfiSafi {
  readonly afi: number;
  readonly safi: number;
}

const UNICAST: Record<Family, AfiSafi> = {
  4: { afi: AFI.ipv4, safi: SAFI.unicast },
  6: { afi: AFI.ipv6, safi: SAFI.unicast },
};

/** The wire form of IPv4 or IPv6 unicast, the two families a Service can have. */
export function unicast(family: Family): AfiSafi {
  return UNICAST[family];
}

/** Our own name of a wire family, undefined for those we only keep. */
export function familyOf({ afi, safi }: AfiSafi): Family | undefined {
  if (safi !== SAFI.unicast) return undefined;
  return afi === AFI.ipv4 ? 4 : afi === AFI.ipv6 ? 6 : undefined;
}

const NAMES: Record<Family, string> = { 4: "ipv4-unicast", 6: "ipv6-unicast" };

export function formatAfiSafi(wire: AfiSafi): string {
  const family = familyOf(wire);
  return family === undefined ? `afi ${wire.afi} safi ${wire.safi}` : NAMES[family];
}

/** The family of a next hop alone, as RFC 8950 has it. */
export function formatNextHopAfi(afi: number): string {
  return afi === AFI.ipv4 ? "ipv4" : afi === AFI.ipv6 ? "ipv6" : `afi ${afi}`;
}
