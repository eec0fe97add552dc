import type { Micros } from "../net/micros.ts";
import type { GossipRefusal } from "./error.ts";
import type { Message } from "./message.ts";
import type { Place } from "./place.ts";
import type { SessionId } from "./session.ts";
import type { MemberState } from "./update.ts";

export type MembershipEvent =
  /** An authentic message, or any where there are no keys. */
  | {
      readonly type: "received";
      readonly message: Message;
      readonly from: Place;
      /** Octets of the message: an answer to a stranger is no longer. */
      readonly size: number;
      readonly session: SessionId;
      readonly sequence: number;
    }
  /** Whatever `deadline` said, or later; too early is harmless. */
  | { readonly type: "time-passed" }
  /** Where others may be. Replaces what was said before. */
  | { readonly type: "seeds-changed"; readonly seeds: readonly Place[] }
  | { readonly type: "leave" };

export type Effect =
  | { readonly type: "send"; readonly to: Place; readonly message: Message }
  | { readonly type: "announce"; readonly change: Change }
  /** A packet, or who sent it, was not taken. */
  | { readonly type: "refuse"; readonly reason: GossipRefusal; readonly from: Place }
  /** The goodbye is said. */
  | { readonly type: "left" };

export type ChangeReason = "joined" | "returned" | "silent" | "reported" | "goodbye";

/** A member is up, or down. */
export interface Change {
  readonly member: string;
  readonly to: "alive" | "dead" | "left";
  readonly reason: ChangeReason;
  readonly at: Micros;
}

/** What is known of a member, for people. */
export interface MemberReport {
  readonly name: string;
  readonly place: Place | undefined;
  readonly state: MemberState;
  readonly incarnation: number;
  /** Smoothed; undefined before the first answer. */
  readonly roundTrip: Micros | undefined;
  readonly since: Micros;
}
