/** One end of a pair of connections. */
export interface CollisionParty {
  readonly identifier: number;
  readonly asn: number;
}

/**
 * Which of two connections between the same speakers stays: the one that the side with the higher identifier opened, and with
 * equal identifiers the side with the higher AS number (RFC 4271 section 6.8, RFC 6286 section 2.3).
 */
export function resolveCollision(local: CollisionParty, remote: CollisionParty): "outgoing" | "incoming" {
  const higher = local.identifier - remote.identifier || local.asn - remote.asn;
  return higher > 0 ? "outgoing" : "incoming";
}
