import { ConfigError, PeerError } from "../wire/errors.ts";

/** Why a packet was not taken, or a member not let in. The names are the API: logs and metrics show them. */
export type GossipRefusal =
  | "malformed"
  | "not-authentic"
  | "replayed"
  | "other-version"
  /** The sender was asked to prove that it is there now, and did not: an old packet was sent again, or its answer was lost. */
  | "unproven"
  /** Two processes that both live have one name. */
  | "name-taken"
  | "table-full";

/** A packet that must be dropped without any answer. */
export class GossipRefused extends PeerError {
  readonly code = "ERR_MEMBERSHIP_PACKET_REFUSED";
  readonly refusal: GossipRefusal;

  constructor(refusal: GossipRefusal, options?: ErrorOptions) {
    super(`a gossip packet is dropped: ${refusal}`, options);
    this.refusal = refusal;
  }
}

/** A node's name that cannot be told to others. */
export class BadMemberName extends ConfigError {
  readonly code = "ERR_MEMBERSHIP_BAD_NAME";

  constructor(name: string) {
    super(`a member's name has 1 to 253 printable ASCII characters, this one has not: ${JSON.stringify(name)}`);
  }
}
