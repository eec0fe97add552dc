import type { Micros } from "../net/micros.ts";
import type { Echo } from "./echo.ts";
import type { BfdState, ControlPacket, Diagnostic, Discriminator } from "./packet.ts";

/** What the operator asks of a session. */
export interface Parameters {
  readonly desiredMinTx: Micros;
  readonly requiredMinRx: Micros;
  /** How fast echo packets of the peer may come; zero loops none back (RFC 5880 section 6.8.13). */
  readonly requiredMinEchoRx: Micros;
  /** How fast to send echo packets to a peer that loops them back; zero sends none. */
  readonly desiredMinEchoTx: Micros;
  readonly multiplier: number;
  /** Says nothing until the peer has spoken. */
  readonly passive: boolean;
}

/**
 * A change of Desired Min TX or Required Min RX is told by a Poll Sequence (RFC 5880 section 6.5).
 * `stale`: something changed again while it ran, so its Final says nothing about the newest values; `pausing`: that Final came,
 * and a packet without one must come before the next sequence may begin (section 6.8.3).
 */
export type PollSequence = "idle" | "running" | "stale" | "pausing";

/** Everything a session knows. Plain data: it can be logged, compared, recorded and replayed. */
export interface Session {
  readonly parameters: Parameters;
  readonly localDiscriminator: Discriminator;
  readonly state: BfdState;
  readonly diagnostic: Diagnostic;
  readonly poll: PollSequence;
  /** The intervals in force: an old one stays until the peer has confirmed the new (section 6.8.3). */
  readonly txInUse: Micros;
  readonly rxInUse: Micros;
  readonly remote: Remote;
  readonly sentAt: Micros | undefined;
  /** When the last packet that was not dropped came; undefined once a detection time has passed since. */
  readonly heardAt: Micros | undefined;
  /** When the next periodic packet is due; undefined while none may be sent. */
  readonly transmitAt: Micros | undefined;
  readonly echo: Echo;
}

/** What the peer's last packet said. */
export interface Remote {
  readonly discriminator: Discriminator | undefined;
  readonly state: BfdState;
  readonly diagnostic: Diagnostic;
  readonly demand: boolean;
  readonly desiredMinTx: Micros;
  /** Zero asks for no periodic packets. */
  readonly requiredMinRx: Micros;
  /** Zero: does not loop back echo packets. */
  readonly requiredMinEchoRx: Micros;
  readonly multiplier: number;
}

export type SessionEvent =
  | { readonly type: "started" }
  | { readonly type: "received"; readonly packet: ControlPacket }
  /** An echo packet of ours is back. */
  | { readonly type: "echo-returned"; readonly sequence: number }
  /** Whatever `deadline` said, or later; too early is harmless. */
  | { readonly type: "time-passed" }
  | { readonly type: "parameters-changed"; readonly parameters: Parameters }
  | { readonly type: "admin-down" }
  | { readonly type: "admin-up" };

/** Why a state changed. Unlike the diagnostic on the wire it tells a neighbour that failed from one that was switched off. */
export type ChangeReason = Diagnostic | "neighbor-admin-down";

export type Effect =
  | { readonly type: "send"; readonly packet: ControlPacket }
  | { readonly type: "send-echo"; readonly sequence: number }
  | { readonly type: "announce"; readonly from: BfdState; readonly to: BfdState; readonly reason: ChangeReason };

export interface Step {
  readonly session: Session;
  readonly effects: readonly Effect[];
}

/** The time, and a number in [0, 1) that makes the jitter. */
export interface Moment {
  readonly now: Micros;
  readonly chance: number;
}
