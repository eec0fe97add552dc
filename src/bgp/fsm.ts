import { type Micros, seconds } from "../net/micros.ts";
import { NotificationError } from "./error.ts";
import { Draft } from "./fsm-draft.ts";
import { giveUp, hasConnection, isMismatch, leave, onNotification, onReplaced, retryLater } from "./fsm-ending.ts";
import type { BgpState, Fsm, FsmConfig, FsmEvent, Step, TimerName } from "./fsm-values.ts";
import { farewell } from "./graceful-restart.ts";
import { CEASE, ERROR_CODE, FSM_ERROR, MESSAGE_TYPE } from "./iana.ts";
import { cease, formatNotification } from "./message/notification.ts";
import type { Open } from "./message/open.ts";
import { negotiate, ourOpen } from "./negotiation.ts";

/** Why a session ends when the hold time is over. */
export const SILENT = "the peer was silent for the whole hold time";
/** The same where the peer says OPEN and then nothing: what we said did not arrive. */
export const UNCONFIRMED = "the peer did not confirm our OPEN for the whole hold time";

const DIAL_LIMIT = seconds(10);
/** RFC 4271 section 8.2.2: "a large value", 4 minutes, until both OPENs are there. */
const OPEN_WAIT = seconds(240);
/** A session that lasts this long has earned a quick first retry. */
const STABLE_AFTER = seconds(300);
/** RFC 9687 section 3: the greater of this and twice the hold time. */
const MIN_SEND_HOLD = seconds(480);

/** A state machine at rest. */
export function initialFsm(config: FsmConfig): Fsm {
  return {
    config,
    state: "idle",
    running: false,
    failures: 0,
    flaps: 0,
    courtesy: "full",
    identifier: undefined,
    negotiated: undefined,
    epoch: 0,
    timers: {},
  };
}

/** A machine for a connection that the peer opened: it waits for that one, and remembers what `before` went through. */
export function acceptingFsm(config: FsmConfig, before?: Pick<Fsm, "flaps" | "courtesy">): Fsm {
  const { flaps, courtesy } = before ?? initialFsm(config);
  return { ...initialFsm(config), flaps, courtesy, state: "active", running: true };
}

/**
 * RFC 4271 section 8.1.1: a passive session lets a peer that flaps in only when the idle hold time is over. One that dials as well
 * never turns its peer away: two such would meet each other's closed doors for ever.
 */
export function isDamped({ state, running, config }: Fsm): boolean {
  return running && state === "idle" && config.passive;
}

/** The whole protocol decision: no clock, no socket, no log. `chance` in [0, 1) is what the jitter is made of. */
export function step(fsm: Fsm, event: FsmEvent, chance: number): Step {
  const draft = new Draft(fsm, chance);
  react(draft, event);
  return { fsm: draft.fsm, effects: draft.effects };
}

function react(draft: Draft, event: FsmEvent): void {
  switch (event.type) {
    case "started":
      onStarted(draft);
      return;
    case "stopped":
      onStopped(draft, event);
      return;
    case "connected":
      onConnected(draft, event);
      return;
    case "dial-failed":
      if (draft.fsm.state === "connect") retryLater(draft, event.reason);
      return;
    case "timer-expired":
      if (draft.takes(event.timer, event.epoch)) ON_EXPIRED[event.timer](draft);
      return;
    case "collision-lost":
      onReplaced(draft, cease(CEASE.connectionCollision), "the other connection to this peer stays");
      return;
    case "superseded":
      onReplaced(draft, undefined, "the peer restarted and has a new connection");
      return;
    case "send-progressed":
      if (draft.fsm.state === "established") armSendHold(draft);
      return;
    case "closed":
    case "notification-received":
    case "fault-found":
    case "open-received":
    case "keepalive-received":
    case "update-received":
    case "route-refresh-received":
      if (hasConnection(draft.fsm)) onConnectionEvent(draft, event);
      return;
  }
}

type MessageEvent = Extract<
  FsmEvent,
  { type: "open-received" | "keepalive-received" | "update-received" | "route-refresh-received" }
>;
type ConnectionEvent = MessageEvent | Extract<FsmEvent, { type: "closed" | "notification-received" | "fault-found" }>;

function onConnectionEvent(draft: Draft, event: ConnectionEvent): void {
  switch (event.type) {
    case "closed":
      giveUp(draft, { reason: event.reason });
      return;
    case "notification-received":
      onNotification(draft, event.notification);
      return;
    case "fault-found":
      giveUp(draft, event);
      return;
    case "open-received":
    case "keepalive-received":
    case "update-received":
    case "route-refresh-received":
      onMessage(draft, event);
      return;
  }
}

function onStarted(draft: Draft): void {
  if (draft.fsm.running) return;
  draft.set({ running: true, failures: 0, flaps: 0, courtesy: "full" });
  begin(draft, "started");
}

function begin(draft: Draft, reason: string): void {
  if (draft.fsm.config.passive) {
    draft.move("active", reason);
    return;
  }
  draft.move("connect", reason);
  draft.emit({ type: "dial" });
  draft.arm("dial", DIAL_LIMIT);
}

function onStopped(draft: Draft, { goodbye, communication }: Extract<FsmEvent, { type: "stopped" }>): void {
  draft.set({ running: false });
  const notification = farewell(goodbye, draft.fsm.negotiated, communication);
  leave(draft, hasConnection(draft.fsm) ? notification : undefined);
  draft.move("idle", `stopped: ${notification === undefined ? goodbye : formatNotification(notification)}`);
}

function onConnected(draft: Draft, event: Extract<FsmEvent, { type: "connected" }>): void {
  if (draft.fsm.state !== "connect" && draft.fsm.state !== "active") {
    draft.emit({ type: "close" });
    return;
  }
  draft.disarmAll();
  const { identifier, restarted = false, resumed = false } = event;
  draft.set({ identifier, failures: 0 });
  const { config, courtesy } = draft.fsm;
  draft.send({ type: "open", open: ourOpen({ ...config, courtesy, restarted, resumed }, identifier) });
  draft.arm("hold", config.openTimeout ?? OPEN_WAIT);
  draft.move("open-sent", "connected");
}

const ON_EXPIRED: Record<TimerName, (draft: Draft) => void> = {
  retry: (draft) => begin(draft, "retrying"),
  dial(draft) {
    draft.emit({ type: "abort-dial" });
    retryLater(draft, "no answer: not reachable, filtered, or the passwords differ");
  },
  hold(draft) {
    const notification = { code: ERROR_CODE.holdTimerExpired, subcode: 0, data: [] };
    giveUp(draft, { notification, reason: draft.fsm.state === "open-confirm" ? UNCONFIRMED : SILENT });
  },
  "send-hold"(draft) {
    // RFC 9687 section 3.2: the peer reads nothing, so the NOTIFICATION is for the log more than for the peer.
    const notification = { code: ERROR_CODE.sendHoldTimerExpired, subcode: 0, data: [] };
    giveUp(draft, { notification, reason: "the peer read nothing for the whole send hold time" });
  },
  keepalive(draft) {
    draft.send({ type: "keepalive" });
    armKeepalive(draft);
  },
  stable: (draft) => draft.set({ flaps: 0 }),
};

function onMessage(draft: Draft, event: MessageEvent): void {
  const { state } = draft.fsm;
  if (state === "open-sent" && event.type === "open-received") onOpen(draft, event.open);
  else if (state === "open-confirm" && event.type === "keepalive-received") onConfirmed(draft);
  else if (state === "established" && event.type !== "open-received") armHold(draft);
  else unexpected(draft, event);
}

function onConfirmed(draft: Draft): void {
  armHold(draft);
  armSendHold(draft);
  draft.arm("stable", STABLE_AFTER);
  draft.move("established", "the peer confirmed our OPEN");
}

function onOpen(draft: Draft, open: Open): void {
  const { config, identifier, courtesy } = draft.fsm;
  if (identifier === undefined) return;
  const outcome = negotiate({ ...config, courtesy }, identifier, open);
  if (outcome instanceof NotificationError) {
    const { notification, message: reason } = outcome;
    giveUp(draft, { notification, reason, hopeless: isMismatch(notification) });
    return;
  }
  draft.disarmAll();
  draft.set({ negotiated: outcome });
  draft.send({ type: "keepalive" });
  armKeepalive(draft);
  armHold(draft);
  draft.move("open-confirm", "received OPEN");
}

const UNEXPECTED_IN: Partial<Record<BgpState, number>> = {
  "open-sent": FSM_ERROR.openSent,
  "open-confirm": FSM_ERROR.openConfirm,
  established: FSM_ERROR.established,
};

/** RFC 6608: the subcode says where, the data says which message. */
function unexpected(draft: Draft, event: MessageEvent): void {
  const subcode = UNEXPECTED_IN[draft.fsm.state] ?? FSM_ERROR.unspecified;
  const notification = { code: ERROR_CODE.fsm, subcode, data: [MESSAGE_NUMBER[event.type]] };
  giveUp(draft, { notification, reason: `${event.type} in ${draft.fsm.state}` });
}

const MESSAGE_NUMBER: Record<MessageEvent["type"], number> = {
  "open-received": MESSAGE_TYPE.open,
  "update-received": MESSAGE_TYPE.update,
  "keepalive-received": MESSAGE_TYPE.keepalive,
  "route-refresh-received": MESSAGE_TYPE.routeRefresh,
};

function armHold(draft: Draft): void {
  const holdTime = holdTimeOf(draft);
  if (holdTime > 0) draft.arm("hold", seconds(holdTime));
}

function armSendHold(draft: Draft): void {
  draft.arm("send-hold", Math.max(MIN_SEND_HOLD, seconds(2 * holdTimeOf(draft))) as Micros);
}

function armKeepalive(draft: Draft): void {
  const keepaliveTime = draft.fsm.negotiated?.keepaliveTime ?? 0;
  if (keepaliveTime > 0) draft.armJittered("keepalive", seconds(keepaliveTime));
}

function holdTimeOf({ fsm: { negotiated } }: Draft): number {
  return negotiated?.holdTime ?? 0;
}
