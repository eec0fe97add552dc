import { type Micros, micros } from "../net/micros.ts";
import { type EchoTerms, echoReturned, isEchoLost, NO_ECHO, stepEcho } from "./echo.ts";
import type { BfdState, ControlPacket, Discriminator } from "./packet.ts";
import type { ChangeReason, Effect, Moment, Parameters, Remote, Session, SessionEvent, Step } from "./session.ts";
import {
  advertisedRx,
  advertisedTx,
  detectionTime,
  dueAt,
  hearFinal,
  inForce,
  isPeriodic,
  nextAfterSending,
  slow,
  withTimers,
} from "./timing.ts";

const NOBODY: Remote = {
  discriminator: undefined,
  state: "down",
  diagnostic: "none",
  demand: false,
  desiredMinTx: micros(0),
  requiredMinRx: micros(1),
  requiredMinEchoRx: micros(0),
  multiplier: 1,
};

/** RFC 5880 section 6.8.6 as data: row = our state, column = the state the packet carries. */
const ON_RECEIVE: Record<BfdState, Record<BfdState, BfdState>> = {
  "admin-down": { "admin-down": "admin-down", down: "admin-down", init: "admin-down", up: "admin-down" },
  down: { "admin-down": "down", down: "init", init: "up", up: "down" },
  init: { "admin-down": "down", down: "init", init: "up", up: "up" },
  up: { "admin-down": "down", down: "down", init: "up", up: "up" },
};

/** A session that has not said a word yet. */
export function initialSession(localDiscriminator: Discriminator, parameters: Parameters): Session {
  return {
    parameters,
    localDiscriminator,
    state: "down",
    diagnostic: "none",
    poll: "idle",
    txInUse: slow(parameters.desiredMinTx),
    rxInUse: parameters.requiredMinRx,
    remote: NOBODY,
    sentAt: undefined,
    heardAt: undefined,
    transmitAt: undefined,
    echo: NO_ECHO,
  };
}

/** When `step` wants to be told that time has passed; undefined while nothing is pending. */
export function deadline(session: Session): Micros | undefined {
  const due = [detectAt(session), session.transmitAt, session.echo.transmitAt].filter((at) => at !== undefined);
  return due.length === 0 ? undefined : micros(Math.min(...due));
}

/** Whether the peer would be given up now, unless it has just been heard. */
export function isOverdue(session: Session, now: Micros): boolean {
  const expiry = detectAt(session);
  return (expiry !== undefined && now >= expiry) || hasLostEchoes(session, now);
}

/** The interval of echo packets that detect failures; undefined while none has come back (yet). */
export function echoInterval(session: Session): Micros | undefined {
  return session.echo.proven ? echoTerms(session)?.interval : undefined;
}

/** The whole protocol decision: no clock, no socket, no log. Deadlines are part of the session, see `deadline`. */
export function step(session: Session, event: SessionEvent, moment: Moment): Step {
  switch (event.type) {
    case "started":
      return settle(session, { ...session, transmitAt: moment.now }, moment);
    case "received":
      return onReceived(session, event.packet, moment);
    case "time-passed":
      return settle(session, expire(session, moment.now), moment);
    case "echo-returned":
      return settle(session, { ...session, echo: echoReturned(session.echo, event.sequence) }, moment);
    case "parameters-changed":
      return settle(session, { ...session, parameters: event.parameters }, moment);
    case "admin-down":
      return settle(session, { ...session, state: "admin-down", diagnostic: "admin-down" }, moment);
    case "admin-up":
      return session.state === "admin-down"
        ? settle(session, { ...session, state: "down", diagnostic: "none" }, moment)
        : { session, effects: [] };
  }
}

function detectAt(session: Session): Micros | undefined {
  const time = detectionTime(session);
  return session.heardAt === undefined || time === undefined ? undefined : micros(session.heardAt + time);
}

function expire(session: Session, now: Micros): Session {
  if (hasLostEchoes(session, now)) return { ...session, state: "down", diagnostic: "echo-failed" };
  const expiry = detectAt(session);
  if (expiry === undefined || now < expiry) return session;
  // Section 6.8.1: a peer that is silent for a detection time is forgotten, and so is what was being polled.
  const alone: Session = { ...session, remote: NOBODY, heardAt: undefined, poll: "idle" };
  if (session.state === "down" || session.state === "admin-down") return alone;
  return { ...alone, state: "down", diagnostic: "detection-expired" };
}

/** RFC 5880 section 6.8.9: only while the session is up, and no faster than the peer will have it. */
function echoTerms({ state, parameters, remote }: Session): EchoTerms | undefined {
  const { desiredMinEchoTx, multiplier } = parameters;
  if (state !== "up" || desiredMinEchoTx === 0 || remote.requiredMinEchoRx === 0) return undefined;
  return { interval: micros(Math.max(desiredMinEchoTx, remote.requiredMinEchoRx)), multiplier };
}

function hasLostEchoes(session: Session, now: Micros): boolean {
  const terms = echoTerms(session);
  return terms !== undefined && isEchoLost(session.echo, terms, now);
}

function onReceived(session: Session, packet: ControlPacket, moment: Moment): Step {
  const heard: Session = { ...session, remote: remoteOf(packet), heardAt: moment.now };
  const { poll, confirmed } = hearFinal(session.poll, packet.final);
  const agreed: Session = { ...heard, poll, ...(confirmed ? inForce(heard) : {}) };
  // Section 6.8.6: who is administratively down learns from a packet, and otherwise drops it: no Final either.
  if (session.state === "admin-down") return settle(session, agreed, moment);
  const to = ON_RECEIVE[session.state][packet.state];
  const failed = to === "down" && session.state !== "down";
  const diagnostic = to === session.state ? session.diagnostic : failed ? "neighbor-down" : "none";
  const reason = failed && packet.state === "admin-down" ? "neighbor-admin-down" : diagnostic;
  return settle(session, { ...agreed, state: to, diagnostic }, moment, { reason, reply: packet.poll });
}

function remoteOf(packet: ControlPacket): Remote {
  return {
    discriminator: packet.myDiscriminator,
    state: packet.state,
    diagnostic: packet.diagnostic,
    demand: packet.demand,
    desiredMinTx: packet.desiredMinTx,
    requiredMinRx: packet.requiredMinRx,
    requiredMinEchoRx: packet.requiredMinEchoRx,
    multiplier: packet.multiplier,
  };
}

interface Outcome {
  readonly reason?: ChangeReason;
  /** The packet asked for a Final. */
  readonly reply?: boolean;
}

/** What follows from every change alike: control packets, then echo packets, which depend on what was agreed. */
function settle(before: Session, changed: Session, moment: Moment, outcome: Outcome = {}): Step {
  const terms = echoTerms(changed);
  const known = terms === undefined ? { ...changed, echo: NO_ECHO } : changed;
  const { session, effects } = settleControl(before, known, moment, outcome);
  if (terms === undefined) return { session, effects };
  const { echo, sends } = stepEcho(session.echo, terms, moment);
  const more: readonly Effect[] = sends ? [{ type: "send-echo", sequence: echo.sequence }] : [];
  return { session: { ...session, echo }, effects: [...effects, ...more] };
}

/** Polling, packets to send, the announcement and the next deadline. */
function settleControl(before: Session, changed: Session, moment: Moment, outcome: Outcome): Step {
  const after = withTimers(before, changed);
  const effects: Effect[] = [];
  if (before.state !== after.state)
    effects.push({ type: "announce", from: before.state, to: after.state, reason: outcome.reason ?? after.diagnostic });
  // Section 6.8.7: a passive end says nothing to a stranger.
  if (after.parameters.passive && after.remote.discriminator === undefined)
    return { session: { ...after, transmitAt: undefined }, effects };
  const reply = outcome.reply === true;
  if (reply) effects.push({ type: "send", packet: { ...packetOf(after), poll: false, final: true } });
  const periodic = isPeriodic(after);
  const due = dueAt(before, after, moment);
  const news = !reply && differs(packetOf(before), packetOf(after));
  if (!news && !(periodic && moment.now >= due))
    return { session: { ...after, transmitAt: periodic ? due : undefined }, effects };
  effects.push({ type: "send", packet: packetOf(after) });
  const transmitAt = periodic ? nextAfterSending(after, moment) : undefined;
  return { session: { ...after, sentAt: moment.now, transmitAt }, effects };
}

function packetOf(session: Session): ControlPacket {
  const { parameters, remote } = session;
  return {
    state: session.state,
    diagnostic: session.diagnostic,
    poll: session.poll === "running" || session.poll === "stale",
    final: false,
    // BFD ends with this process, as BGP does (RFC 5882 section 4.3.2).
    controlPlaneIndependent: false,
    demand: false,
    authenticated: false,
    multiplier: parameters.multiplier,
    myDiscriminator: session.localDiscriminator,
    yourDiscriminator: remote.discriminator,
    desiredMinTx: advertisedTx(session),
    requiredMinRx: advertisedRx(session),
    requiredMinEchoRx: parameters.requiredMinEchoRx,
  };
}

/** Section 6.8.7: a packet that would tell something new does not wait for its turn. */
function differs(before: ControlPacket, after: ControlPacket): boolean {
  return (
    before.state !== after.state ||
    before.diagnostic !== after.diagnostic ||
    before.multiplier !== after.multiplier ||
    before.yourDiscriminator !== after.yourDiscriminator ||
    before.desiredMinTx !== after.desiredMinTx ||
    before.requiredMinRx !== after.requiredMinRx ||
    before.requiredMinEchoRx !== after.requiredMinEchoRx
  );
}
