import { type Micros, micros, seconds } from "../net/micros.ts";
import type { Moment, PollSequence, Session } from "./session.ts";

/** RFC 5880 section 6.8.3: a session that is not up sends no faster than this. */
const SLOW_TX: Micros = seconds(1);

/** Multiplier times the agreed interval of the peer (RFC 5880 section 6.8.4); undefined before it has spoken. */
export function detectionTime({ heardAt, remote, rxInUse }: Session): Micros | undefined {
  if (heardAt === undefined) return undefined;
  return micros(remote.multiplier * Math.max(rxInUse, remote.desiredMinTx));
}

/** The interval we send at, before jitter (RFC 5880 section 6.8.7). */
export function transmitInterval({ txInUse, remote }: Session): Micros {
  return micros(Math.max(txInUse, remote.requiredMinRx));
}

/** What a packet means for the Poll Sequence, by whether it is a Final; `confirmed` once the peer knows the newest values. */
export function hearFinal(
  poll: PollSequence,
  final: boolean,
): { readonly poll: PollSequence; readonly confirmed: boolean } {
  if (poll === "running" && final) return { poll: "idle", confirmed: true };
  if (poll === "stale" && final) return { poll: "pausing", confirmed: false };
  if (poll === "pausing" && !final) return { poll: "running", confirmed: false };
  return { poll, confirmed: false };
}

/** What both ends go by once the peer knows of it. */
export function inForce(session: Session): Pick<Session, "txInUse" | "rxInUse"> {
  return { txInUse: advertisedTx(session), rxInUse: advertisedRx(session) };
}

/** The Desired Min TX Interval that our packets carry. */
export function advertisedTx({ state, parameters }: Session): Micros {
  return state === "up" ? parameters.desiredMinTx : slow(parameters.desiredMinTx);
}

/** Section 6.8.3: while echo packets do the work, control packets of the peer need not come fast. */
export function advertisedRx({ state, echo, parameters }: Session): Micros {
  return state === "up" && echo.proven ? slow(parameters.requiredMinRx) : parameters.requiredMinRx;
}

/** No faster than a session that is not up may send. */
export function slow(interval: Micros): Micros {
  return micros(Math.max(interval, SLOW_TX));
}

/** RFC 5880 section 6.8.3: which intervals take effect at once, and which wait for the end of the Poll Sequence. */
export function withTimers(before: Session, after: Session): Session {
  const tx = advertisedTx(after);
  const rx = advertisedRx(after);
  const changed = tx !== advertisedTx(before) || rx !== advertisedRx(before);
  const poll = changed ? startedPoll(after) : after.poll;
  if (after.state !== "up") return { ...after, poll, txInUse: tx, rxInUse: rx };
  return {
    ...after,
    poll,
    txInUse: micros(Math.min(tx, after.txInUse)),
    rxInUse: micros(Math.max(rx, after.rxInUse)),
  };
}

function startedPoll({ poll, remote }: Session): PollSequence {
  if (remote.discriminator === undefined) return "idle";
  if (poll === "idle") return "running";
  return poll === "running" ? "stale" : poll;
}

/** When the next periodic packet is due: a changed interval counts from the packet before, as if it had always been in force. */
export function dueAt(before: Session, after: Session, { now, chance }: Moment): Micros {
  const changed = transmitInterval(before) !== transmitInterval(after);
  if (after.transmitAt !== undefined && !changed) return after.transmitAt;
  return after.sentAt === undefined ? now : micros(after.sentAt + jittered(after, chance));
}

/** Lateness is made up for as far as jitter may shorten an interval: the average rate stays, and no two packets come too close. */
export function nextAfterSending(session: Session, { now, chance }: Moment): Micros {
  const due = session.transmitAt === undefined || session.transmitAt > now ? now : session.transmitAt;
  const shortest = now + LEAST_SHARE * transmitInterval(session);
  return micros(Math.max(due + jittered(session, chance), shortest));
}

const LEAST_SHARE = 0.75;

/** RFC 5880 section 6.8.7: 75 to 100 % of the interval, to 90 % when the peer gives up after a single one. */
function jittered(session: Session, chance: number): number {
  const most = session.parameters.multiplier === 1 ? 0.9 : 1;
  return transmitInterval(session) * (most - chance * (most - LEAST_SHARE));
}

/** Whether periodic packets may be sent at all (RFC 5880 section 6.8.7). */
export function isPeriodic({ remote, state, poll }: Session): boolean {
  if (remote.requiredMinRx === 0) return false;
  const demandActive = remote.demand && state === "up" && remote.state === "up";
  return !demandActive || poll !== "idle";
}
