import { PeerError } from "../wire/errors.ts";

/** Why a packet is dropped, in the order in which RFC 5880 section 6.8.6 asks. The last two are of RFC 5881 and 5883. */
export type Refusal =
  | "version"
  | "too-short"
  | "length-beyond-payload"
  | "multiplier-zero"
  | "multipoint"
  | "my-discriminator-zero"
  | "unknown-discriminator"
  | "your-discriminator-zero"
  | "no-session"
  | "authentication"
  | "wrong-port"
  | "hops";

/** A packet that must be dropped without any other effect. */
export class PacketRefused extends PeerError {
  readonly code = "ERR_BFD_PACKET_REFUSED";
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`a BFD packet is dropped: ${refusal}`);
    this.refusal = refusal;
  }
}
