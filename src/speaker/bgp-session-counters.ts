import { flapReason } from "../bgp/flap-reason.ts";
import type { Frame } from "../bgp/framer.ts";
import type { FsmEvent } from "../bgp/fsm-values.ts";
import type { ControlMessage } from "../bgp/message/message.ts";

/** What a session has sent and received since it was made, and how often it was up. */
export interface BgpCounters {
  readonly established: number;
  readonly updatesSent: number;
  readonly updatesReceived: number;
  readonly opensSent: number;
  readonly opensReceived: number;
  readonly keepalivesSent: number;
  readonly keepalivesReceived: number;
  readonly notificationsSent: number;
  readonly notificationsReceived: number;
  readonly refreshesSent: number;
  readonly refreshesReceived: number;
  /** Times the session was up and ended, by reason. */
  readonly flaps: Readonly<Record<string, number>>;
}

/** Counts for a session all but what its outbox sends, which counts that itself. */
export class SessionCounters {
  readonly #sent = { opensSent: 0, keepalivesSent: 0, notificationsSent: 0 };
  readonly #received = { open: 0, update: 0, notification: 0, keepalive: 0, routeRefresh: 0 };
  readonly #flaps: Record<string, number> = {};
  #established = 0;

  /** Times the session was up. */
  get established(): number {
    return this.#established;
  }

  cameUp(): void {
    this.#established++;
  }

  /** The session was up and ended because of this. */
  lost(event: FsmEvent): void {
    const reason = flapReason(event);
    this.#flaps[reason] = (this.#flaps[reason] ?? 0) + 1;
  }

  sent(message: ControlMessage): void {
    if (message.type === "open") this.#sent.opensSent++;
    else if (message.type === "keepalive") this.#sent.keepalivesSent++;
    else if (message.type === "notification") this.#sent.notificationsSent++;
  }

  received(kind: Frame["kind"]): void {
    this.#received[kind] += 1;
  }

  /** As of now, with what the outbox has sent. */
  with({ updates, refreshes }: { readonly updates: number; readonly refreshes: number }): BgpCounters {
    const { open, update, notification, keepalive, routeRefresh } = this.#received;
    return {
      established: this.#established,
      ...this.#sent,
      updatesSent: updates,
      updatesReceived: update,
      opensReceived: open,
      keepalivesReceived: keepalive,
      notificationsReceived: notification,
      refreshesSent: refreshes,
      refreshesReceived: routeRefresh,
      flaps: { ...this.#flaps },
    };
  }
}
