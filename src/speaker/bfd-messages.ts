import type { Refusal } from "../bfd/error.ts";
import type { BfdState, Diagnostic } from "../bfd/packet.ts";
import type { ChangeReason, Parameters } from "../bfd/session.ts";
import type { Micros } from "../net/micros.ts";

/** A path as it crosses a thread boundary: addresses are text. */
export interface PathMessage {
  readonly peer: string;
  readonly local?: string;
  readonly interface?: string;
  readonly multihop: boolean;
  readonly minimumTtl: number;
}

/** What the main thread asks of the engine. `id` is the main thread's name of a session. */
export type BfdCommand =
  | { readonly type: "add"; readonly id: number; readonly path: PathMessage; readonly parameters: Parameters }
  | { readonly type: "update"; readonly id: number; readonly parameters: Parameters; readonly minimumTtl: number }
  | { readonly type: "admin-down"; readonly id: number }
  | { readonly type: "admin-up"; readonly id: number }
  /** Tells the peer, and forgets the session when it has heard, or after a while. */
  | { readonly type: "remove"; readonly id: number }
  | { readonly type: "inspect"; readonly request: number };

/** What the engine tells the main thread. */
export type BfdReport =
  | { readonly type: "changed"; readonly id: number; readonly change: BfdChange; readonly session: BfdSessionReport }
  | { readonly type: "negotiated"; readonly id: number; readonly session: BfdSessionReport }
  | { readonly type: "removed"; readonly id: number }
  /** Once per reason and session: it is tried again with every packet. */
  | { readonly type: "socket-failed"; readonly id: number; readonly message: string }
  | { readonly type: "inspected"; readonly request: number; readonly inspection: BfdInspection };

export interface BfdChange {
  readonly from: BfdState;
  readonly to: BfdState;
  readonly reason: ChangeReason;
  /** Of the machine's monotonic clock, which all threads share. */
  readonly at: Micros;
}

/** A session for people and status objects. */
export interface BfdSessionReport {
  readonly state: BfdState;
  readonly diagnostic: Diagnostic;
  readonly remoteState: BfdState;
  readonly remoteDiagnostic: Diagnostic;
  readonly localDiscriminator: number;
  readonly remoteDiscriminator: number | undefined;
  readonly transmitInterval: Micros;
  /** Undefined while nothing is heard. */
  readonly detectionTime: Micros | undefined;
  /** How fast echo packets test the path; undefined while they do not. */
  readonly echoInterval: Micros | undefined;
  readonly sent: number;
  readonly received: number;
  readonly echoesSent: number;
  readonly echoesReturned: number;
}

export interface BfdInspection {
  readonly sessions: Readonly<Record<number, BfdSessionReport>>;
  /** Packets that were dropped, by reason. */
  readonly refused: Readonly<Partial<Record<Refusal, number>>>;
  /** The most that a timer of the thread has been late: how near the machine came to a false alarm. */
  readonly worstLateness: Micros;
}
