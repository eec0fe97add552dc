import type { Micros } from "../net/micros.ts";
import type { Notification } from "./error.ts";
import type { Goodbye } from "./graceful-restart.ts";
import type { ControlMessage } from "./message/message.ts";
import type { Open } from "./message/open.ts";
import type { Negotiated } from "./negotiation.ts";
import type { Courtesy, Offer } from "./negotiation-offer.ts";
import type { RouterId } from "./router-id.ts";

/** RFC 4271 section 8.2.2. */
export type BgpState = "idle" | "connect" | "active" | "open-sent" | "open-confirm" | "established";

/**
 * `retry` waits between attempts, `dial` limits one, `send-hold` limits how long the peer may read nothing (RFC 9687),
 * `stable` forgets past failures.
 */
export type TimerName = (typeof TIMERS)[number];

/** Every timer of a connection. */
export const TIMERS = ["retry", "dial", "hold", "send-hold", "keepalive", "stable"] as const;

export interface FsmConfig extends Offer {
  /** Never dials: the peer has to. */
  readonly passive: boolean;
  /** The longest wait between two attempts to connect. */
  readonly maxRetry: Micros;
  /** How long a connected peer may take for its OPEN; the four minutes of RFC 4271 section 8.2.2 when absent. */
  readonly openTimeout?: Micros;
  /** The longest wait after a connection that was lost; `maxRetry` when absent. */
  readonly maxIdleHold?: Micros;
}

/** Everything one connection's state machine knows. Plain data: it can be logged, recorded and replayed. */
export interface Fsm {
  readonly config: FsmConfig;
  readonly state: BgpState;
  /** Started and not stopped: it will try again whatever happens. */
  readonly running: boolean;
  /** Attempts in a row that brought no connection. */
  readonly failures: number;
  /** Connections lost since the last session that was stable: what the damping goes by (RFC 4271 section 8.1.1). */
  readonly flaps: number;
  /** How much our OPEN says: less after the peer has refused more (RFC 5492 section 3). */
  readonly courtesy: Courtesy;
  readonly identifier: RouterId | undefined;
  readonly negotiated: Negotiated | undefined;
  /** Grows with every timer armed. */
  readonly epoch: number;
  /** The armed timers and the epoch of each: one that fires with another number is stale. */
  readonly timers: Readonly<Partial<Record<TimerName, number>>>;
}

export type FsmEvent =
  | { readonly type: "started" }
  | { readonly type: "stopped"; readonly goodbye: Goodbye; readonly communication?: string }
  | ({ readonly type: "connected"; readonly identifier: RouterId } & Pick<Offer, "restarted" | "resumed">)
  | { readonly type: "dial-failed"; readonly reason: string }
  | { readonly type: "closed"; readonly reason: string }
  | { readonly type: "timer-expired"; readonly timer: TimerName; readonly epoch: number }
  | { readonly type: "open-received"; readonly open: Open }
  | { readonly type: "keepalive-received" }
  | { readonly type: "update-received" }
  | { readonly type: "route-refresh-received" }
  | { readonly type: "notification-received"; readonly notification: Notification }
  | { readonly type: "fault-found"; readonly notification: Notification; readonly reason: string }
  | { readonly type: "collision-lost" }
  /** The peer restarted and has a new connection: this one is dead, and saying anything on it would undo the restart. */
  | { readonly type: "superseded" }
  /** The `send-hold` timer ran out, and the peer had read something in the meantime. */
  | { readonly type: "send-progressed" };

export type Effect =
  | { readonly type: "dial" }
  | { readonly type: "abort-dial" }
  | { readonly type: "send"; readonly message: ControlMessage }
  /** Closes the connection once what was sent is out. */
  | { readonly type: "close" }
  | { readonly type: "arm"; readonly timer: TimerName; readonly after: Micros; readonly epoch: number }
  | { readonly type: "disarm"; readonly timer: TimerName }
  | { readonly type: "change"; readonly from: BgpState; readonly to: BgpState; readonly reason: string };

export interface Step {
  readonly fsm: Fsm;
  readonly effects: readonly Effect[];
}
