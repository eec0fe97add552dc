import type { Family } from "../net/ip-address.ts";
import type { Capabilities } from "./capability.ts";
import type { Notification } from "./error.ts";
import { unicast } from "./family.ts";
import { CEASE, ERROR_CODE } from "./iana.ts";
import { cease } from "./message/notification.ts";

/**
 * Why we end a session. `restarting` and `changed`: we are back within seconds, so routes should stay where the peer helps with that.
 * `shutdown`, `removed` and `reset`: what we announced must go at once.
 */
export type Goodbye = "restarting" | "changed" | "shutdown" | "removed" | "reset";

/** What we say of our own restarts. Times are in seconds. */
export interface RestartOffer {
  /** How long the peer should keep our routes while we are away. */
  readonly restartTime: number;
  /** The F bits: families whose packets the node forwards although the speaker is away. */
  readonly preserved: readonly Family[];
  /** For how long they may stay beyond that, as a last resort (RFC 9494); absent for not at all. */
  readonly staleTime?: number;
}

/** The capabilities of RFC 4724, 8538 and 9494 that stand for an offer. `restarted` is the R bit. */
export function restartCapabilities(
  { restartTime, preserved, staleTime }: RestartOffer,
  families: readonly Family[],
  restarted: boolean,
): Pick<Capabilities, "gracefulRestart" | "longLivedGracefulRestart"> {
  const said = families.map((family) => ({ ...unicast(family), preserved: preserved.includes(family) }));
  return {
    gracefulRestart: { restarted, notification: true, restartTime, families: said },
    ...(staleTime === undefined ? {} : { longLivedGracefulRestart: said.map((one) => ({ ...one, staleTime })) }),
  };
}

/** What both sides said of restarts. A peer that names no family of its own helps with ours all the same. */
export function restartTerms(ours: Capabilities, theirs: Capabilities): RestartTerms {
  const gracefulRestart = ours.gracefulRestart !== undefined && theirs.gracefulRestart !== undefined;
  const survivesNotification = gracefulRestart && theirs.gracefulRestart?.notification === true;
  return { gracefulRestart, survivesNotification };
}

/** What the goodbye depends on: what was negotiated about graceful restart. */
export interface RestartTerms {
  /** Both sides have RFC 4724: the peer keeps our routes when the connection goes without a NOTIFICATION. */
  readonly gracefulRestart: boolean;
  /** Both sides set the N bit of RFC 8538: the peer keeps them through a NOTIFICATION as well, unless it is a Hard Reset. */
  readonly survivesNotification: boolean;
}

const SUBCODE: Record<Goodbye, number> = {
  restarting: CEASE.administrativeShutdown,
  changed: CEASE.otherConfigurationChange,
  shutdown: CEASE.administrativeShutdown,
  removed: CEASE.peerDeconfigured,
  reset: CEASE.administrativeReset,
};

const RETURNS: Record<Goodbye, boolean> = {
  restarting: true,
  changed: true,
  shutdown: false,
  removed: false,
  reset: false,
};

/**
 * The last message of a session, undefined where silence says more: RFC 4724 section 4 keeps routes through a connection that is
 * lost, not through a NOTIFICATION. RFC 8538 section 3: when NOTIFICATIONs are survived too, only a Hard Reset makes routes go.
 */
export function farewell(
  goodbye: Goodbye,
  terms: RestartTerms | undefined,
  communication?: string,
): Notification | undefined {
  const notification = cease(SUBCODE[goodbye], communication);
  if (RETURNS[goodbye]) return terms?.gracefulRestart === true ? undefined : notification;
  return terms?.survivesNotification === true ? hardReset(notification) : notification;
}

/** RFC 8538 section 3.1: a Cease of its own, with the true code, subcode and data inside. */
export function hardReset({ code, subcode, data }: Notification): Notification {
  return { code: ERROR_CODE.cease, subcode: CEASE.hardReset, data: [code, subcode, ...data] };
}
