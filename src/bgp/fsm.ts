import { type Micros, seconds } from "../net/micros.ts";
import { type Notification, NotificationError } from "./error.ts";
import { farewell, type Goodbye } from "./graceful-restart.ts";
import { CEASE, ERROR_CODE, FSM_ERROR, MESSAGE_TYPE, OPEN_ERROR } from "./iana.ts";
import type { ControlMessage } from "./message/message.ts";
import { cease, formatNotification } from "./message/notification.ts";
import type { Open } from "./message/open.ts";
import { type Negotiated, negotiate, ourOpen } from "./negotiation.ts";
import { type Courtesy, lessThan, type Offer } from "./negotiation-offer.ts";
import type { RouterId } from "./router-id.ts";

/** RFC 4271 section 8.2.2. */
export type BgpState = "idle" | "connect" | "active" | "open-sent" | "open-confirm" | "established";

/**
 * `retry` waits between attempts, `dial` limits one, `send-hold` limits how long the peer may read nothing (RFC 9687),
 * `stable` forgets past failures.
 */
export type TimerName = (typeof TIMERS)[number];

const TIMERS = ["retry", "dial", "hold", "send-hold", "keepalive", "stable"] as const;

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

/** Why a session ends when the hold time is over. */
export const SILENT = "the peer was silent for the whole hold time";
/** The same where the peer says OPEN and then nothing: what we said did not arrive. */
export const UNCONFIRMED = "the peer did not confirm our OPEN for the whole hold time";

const DIAL_LIMIT = seconds(10);
const FIRST_RETRY = seconds(1);
/** RFC 4271 section 8.2.2: "a large value", 4 minutes, until both OPENs are there. */
const OPEN_WAIT = seconds(240);
/** A session that lasts this long has earned a quick first retry. */
const STABLE_AFTER = seconds(300);
/** RFC 9687 section 3: the greater of this and twice the hold time. */
const MIN_SEND_HOLD = seconds(480);
/** So many lost connections are bad luck; more, and the peer is left alone for a while. */
const DAMPED_AFTER = 3;

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

/** Collects one step's outcome. */
class Draft {
  fsm: Fsm;
  readonly effects: Effect[] = [];
  readonly #chance: number;

  constructor(fsm: Fsm, chance: number) {
    this.fsm = fsm;
    this.#chance = chance;
  }

  emit(effect: Effect): void {
    this.effects.push(effect);
  }

  set(change: Partial<Fsm>): void {
    this.fsm = { ...this.fsm, ...change };
  }

  send(message: ControlMessage): void {
    this.emit({ type: "send", message });
  }

  move(to: BgpState, reason: string): void {
    const from = this.fsm.state;
    this.set({ state: to });
    if (from !== to) this.emit({ type: "change", from, to, reason });
  }

  arm(timer: TimerName, after: Micros): void {
    const epoch = this.fsm.epoch + 1;
    this.set({ epoch, timers: { ...this.fsm.timers, [timer]: epoch } });
    this.emit({ type: "arm", timer, after, epoch });
  }

  /** RFC 4271 section 10: between three quarters and the whole of it. */
  armJittered(timer: TimerName, after: Micros): void {
    this.arm(timer, Math.trunc(after * (0.75 + 0.25 * this.#chance)) as Micros);
  }

  disarmAll(): void {
    for (const timer of TIMERS) if (this.fsm.timers[timer] !== undefined) this.emit({ type: "disarm", timer });
    this.set({ timers: {} });
  }

  /** True when this is the timer that is armed, and not one that fired too late. */
  takes(timer: TimerName, epoch: number): boolean {
    const { [timer]: armed, ...others } = this.fsm.timers;
    if (armed !== epoch) return false;
    this.set({ timers: others });
    return true;
  }
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

/** RFC 4271 section 6: it is never answered. Only what our next OPEN says may follow from it. */
function onNotification(draft: Draft, notification: Notification): void {
  const { state, courtesy, config } = draft.fsm;
  const refused = state !== "established" && isOpenRefused(notification);
  const next = refused ? lessThan(courtesy, config) : courtesy;
  const hopeless = refused ? next === "full" : isMismatch(notification);
  giveUp(draft, { reason: `received ${formatNotification(notification)}`, hopeless });
  draft.set({ courtesy: next });
}

/** The peer did not like what our OPEN carried, and may like less of it better. */
function isOpenRefused({ code, subcode }: Notification): boolean {
  return code === ERROR_CODE.openMessage && OPEN_REFUSALS.has(subcode);
}

const OPEN_REFUSALS = new Set<number>([
  OPEN_ERROR.unspecific,
  OPEN_ERROR.unsupportedParameter,
  OPEN_ERROR.unsupportedCapability,
]);

/** Nothing that passes: RFC 5492 section 5 and RFC 9234 section 4.2 leave it to an operator, so trying is no hurry. */
function isMismatch({ code, subcode }: Notification): boolean {
  return code === ERROR_CODE.openMessage && MISMATCHES.has(subcode);
}

const MISMATCHES = new Set<number>([OPEN_ERROR.unsupportedCapability, OPEN_ERROR.roleMismatch]);

function hasConnection({ state }: Fsm): boolean {
  return state === "open-sent" || state === "open-confirm" || state === "established";
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

/** No connection came about: wait, longer each time, and try again. */
function retryLater(draft: Draft, reason: string): void {
  draft.disarmAll();
  draft.set({ failures: draft.fsm.failures + 1 });
  draft.move("active", reason);
  if (!draft.fsm.config.passive) draft.armJittered("retry", backOff(draft.fsm.failures, draft.fsm.config.maxRetry));
}

/** Why a connection ends: `hopeless` when the next would end the same way. */
interface Ending {
  readonly reason: string;
  readonly notification?: Notification;
  readonly hopeless?: boolean;
}

/** A connection was lost or has to be: say why, close it, and try again after the idle hold time. */
function giveUp(draft: Draft, { reason, notification, hopeless = false }: Ending): void {
  leave(draft, notification);
  const { flaps, courtesy, config } = draft.fsm;
  // A session that was stable may find another peer at its end: what the old one could not take is forgotten.
  draft.set({ flaps: flaps + 1, courtesy: flaps === 0 && draft.fsm.state === "established" ? "full" : courtesy });
  if (config.passive && flaps < DAMPED_AFTER) {
    draft.move("active", reason);
    return;
  }
  draft.move("idle", reason);
  const longest = config.maxIdleHold ?? config.maxRetry;
  draft.armJittered("retry", hopeless ? longest : backOff(draft.fsm.flaps, longest));
}

function leave(draft: Draft, notification: Notification | undefined): void {
  if (draft.fsm.state === "connect") draft.emit({ type: "abort-dial" });
  if (notification !== undefined) draft.send({ type: "notification", notification });
  if (hasConnection(draft.fsm)) draft.emit({ type: "close" });
  draft.disarmAll();
  draft.set({ negotiated: undefined, identifier: undefined });
}

/** 1 s, 2 s, 4 s and so on. */
function backOff(count: number, longest: Micros): Micros {
  return Math.min(FIRST_RETRY * 2 ** Math.min(count - 1, 16), longest) as Micros;
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

/** Another connection to the same peer stays. Nothing failed, so nothing is counted and nothing retried. */
function onReplaced(draft: Draft, notification: Notification | undefined, reason: string): void {
  leave(draft, hasConnection(draft.fsm) ? notification : undefined);
  draft.set({ running: false });
  draft.move("idle", reason);
}

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
