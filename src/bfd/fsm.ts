import { type Micros, micros, seconds } from "../net/micros.ts";
import { type Echo, type EchoTerms, echoReturned, isEchoLost, NO_ECHO, stepEcho } from "./echo.ts";
import type { BfdState, ControlPacket, Diagnostic, Discriminator } from "./packet.ts";

/** What the operator asks of a session. */
export interface Parameters {
  readonly desiredMinTx: Micros;
  readonly requiredMinRx: Micros;
  /** How fast echo packets of the peer may come; zero loops none back (RFC 5880 section 6.8.13). */
  readonly requiredMinEchoRx: Micros;
  /** How fast to send echo packets to a peer that loops them back; zero sends none. */
  readonly desiredMinEchoTx: Micros;
  readonly multiplier: number;
  /** Says nothing until the peer has spoken. */
  readonly passive: boolean;
}

/**
 * A change of Desired Min TX or Required Min RX is told by a Poll Sequence (RFC 5880 section 6.5).
 * `stale`: something changed again while it ran, so its Final says nothing about the newest values; `pausing`: that Final came,
 * and a packet without one must come before the next sequence may begin (section 6.8.3).
 */
type PollSequence = "idle" | "running" | "stale" | "pausing";

/** Everything a session knows. Plain data: it can be logged, compared, recorded and replayed. */
export interface Session {
  readonly parameters: Parameters;
  readonly localDiscriminator: Discriminator;
  readonly state: BfdState;
  readonly diagnostic: Diagnostic;
  readonly poll: PollSequence;
  /** The intervals in force: an old one stays until the peer has confirmed the new (section 6.8.3). */
  readonly txInUse: Micros;
  readonly rxInUse: Micros;
  readonly remote: Remote;
  readonly sentAt: Micros | undefined;
  /** When the last packet that was not dropped came; undefined once a detection time has passed since. */
  readonly heardAt: Micros | undefined;
  /** When the next periodic packet is due; undefined while none may be sent. */
  readonly transmitAt: Micros | undefined;
  readonly echo: Echo;
}

/** What the peer's last packet said. */
interface Remote {
  readonly discriminator: Discriminator | undefined;
  readonly state: BfdState;
  readonly diagnostic: Diagnostic;
  readonly demand: boolean;
  readonly desiredMinTx: Micros;
  /** Zero asks for no periodic packets. */
  readonly requiredMinRx: Micros;
  /** Zero: does not loop back echo packets. */
  readonly requiredMinEchoRx: Micros;
  readonly multiplier: number;
}

export type SessionEvent =
  | { readonly type: "started" }
  | { readonly type: "received"; readonly packet: ControlPacket }
  /** An echo packet of ours is back. */
  | { readonly type: "echo-returned"; readonly sequence: number }
  /** Whatever `deadline` said, or later; too early is harmless. */
  | { readonly type: "time-passed" }
  | { readonly type: "parameters-changed"; readonly parameters: Parameters }
  | { readonly type: "admin-down" }
  | { readonly type: "admin-up" };

/** Why a state changed. Unlike the diagnostic on the wire it tells a neighbour that failed from one that was switched off. */
export type ChangeReason = Diagnostic | "neighbor-admin-down";

export type Effect =
  | { readonly type: "send"; readonly packet: ControlPacket }
  | { readonly type: "send-echo"; readonly sequence: number }
  | { readonly type: "announce"; readonly from: BfdState; readonly to: BfdState; readonly reason: ChangeReason };

export interface Step {
  readonly session: Session;
  readonly effects: readonly Effect[];
}

/** The time, and a number in [0, 1) that makes the jitter. */
export interface Moment {
  readonly now: Micros;
  readonly chance: number;
}

/** RFC 5880 section 6.8.3: a session that is not up sends no faster than this. */
const SLOW_TX: Micros = seconds(1);

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

/** Multiplier times the agreed interval of the peer (RFC 5880 section 6.8.4); undefined before it has spoken. */
export function detectionTime({ heardAt, remote, rxInUse }: Session): Micros | undefined {
  if (heardAt === undefined) return undefined;
  return micros(remote.multiplier * Math.max(rxInUse, remote.desiredMinTx));
}

/** The interval we send at, before jitter (RFC 5880 section 6.8.7). */
export function transmitInterval({ txInUse, remote }: Session): Micros {
  return micros(Math.max(txInUse, remote.requiredMinRx));
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

function hearFinal(poll: PollSequence, final: boolean): { readonly poll: PollSequence; readonly confirmed: boolean } {
  if (poll === "running" && final) return { poll: "idle", confirmed: true };
  if (poll === "stale" && final) return { poll: "pausing", confirmed: false };
  if (poll === "pausing" && !final) return { poll: "running", confirmed: false };
  return { poll, confirmed: false };
}

/** What both ends go by once the peer knows of it. */
function inForce(session: Session): Pick<Session, "txInUse" | "rxInUse"> {
  return { txInUse: advertisedTx(session), rxInUse: advertisedRx(session) };
}

function advertisedTx({ state, parameters }: Session): Micros {
  return state === "up" ? parameters.desiredMinTx : slow(parameters.desiredMinTx);
}

/** Section 6.8.3: while echo packets do the work, control packets of the peer need not come fast. */
function advertisedRx({ state, echo, parameters }: Session): Micros {
  return state === "up" && echo.proven ? slow(parameters.requiredMinRx) : parameters.requiredMinRx;
}

function slow(interval: Micros): Micros {
  return micros(Math.max(interval, SLOW_TX));
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

/** RFC 5880 section 6.8.3: which intervals take effect at once, and which wait for the end of the Poll Sequence. */
function withTimers(before: Session, after: Session): Session {
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
function dueAt(before: Session, after: Session, { now, chance }: Moment): Micros {
  const changed = transmitInterval(before) !== transmitInterval(after);
  if (after.transmitAt !== undefined && !changed) return after.transmitAt;
  return after.sentAt === undefined ? now : micros(after.sentAt + jittered(after, chance));
}

/** Lateness is made up for as far as jitter may shorten an interval: the average rate stays, and no two packets come too close. */
function nextAfterSending(session: Session, { now, chance }: Moment): Micros {
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
function isPeriodic({ remote, state, poll }: Session): boolean {
  if (remote.requiredMinRx === 0) return false;
  const demandActive = remote.demand && state === "up" && remote.state === "up";
  return !demandActive || poll !== "idle";
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
