import { type Micros, seconds } from "../net/micros.ts";
import type { Notification } from "./error.ts";
import type { Draft } from "./fsm-draft.ts";
import type { Fsm } from "./fsm-values.ts";
import { ERROR_CODE, OPEN_ERROR } from "./iana.ts";
import { formatNotification } from "./message/notification.ts";
import { lessThan } from "./negotiation-offer.ts";

const FIRST_RETRY = seconds(1);
/** So many lost connections are bad luck; more, and the peer is left alone for a while. */
const DAMPED_AFTER = 3;

/** Whether there is a connection that the peer could be told something on. */
export function hasConnection({ state }: Fsm): boolean {
  return state === "open-sent" || state === "open-confirm" || state === "established";
}

/** No connection came about: wait, longer each time, and try again. */
export function retryLater(draft: Draft, reason: string): void {
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
export function giveUp(draft: Draft, { reason, notification, hopeless = false }: Ending): void {
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

/** Lets go of the connection and of all that belonged to it. */
export function leave(draft: Draft, notification: Notification | undefined): void {
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

/** Another connection to the same peer stays. Nothing failed, so nothing is counted and nothing retried. */
export function onReplaced(draft: Draft, notification: Notification | undefined, reason: string): void {
  leave(draft, hasConnection(draft.fsm) ? notification : undefined);
  draft.set({ running: false });
  draft.move("idle", reason);
}

/** RFC 4271 section 6: it is never answered. Only what our next OPEN says may follow from it. */
export function onNotification(draft: Draft, notification: Notification): void {
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
export function isMismatch({ code, subcode }: Notification): boolean {
  return code === ERROR_CODE.openMessage && MISMATCHES.has(subcode);
}

const MISMATCHES = new Set<number>([OPEN_ERROR.unsupportedCapability, OPEN_ERROR.roleMismatch]);
