import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Stance } from "./answer.ts";

/**
 * Where we are with an address: we ask whether it is free, tell everybody that it is ours, have told, are about to let it go,
 * have left it to another speaker and look whether it stays, or leave it to a stranger.
 */
export type ClaimState = "probing" | "announcing" | "holding" | "releasing" | "yielded" | "quarantined";

export interface ClaimSettings {
  /** Between announcements after the burst; 0 is never. */
  readonly refresh: Micros;
  /** Asks before it announces. */
  readonly probe: boolean;
}

/** Everything we know of our claim to one address. Plain data: it can be logged, compared and replayed. */
export interface Claim {
  readonly settings: ClaimSettings;
  readonly state: ClaimState;
  readonly since: Micros;
  /** Probes, or announcements of the burst, that are on the wire. */
  readonly round: number;
  /** The burst has been reported. */
  readonly told: boolean;
  /** When `step` wants to hear that time has passed; undefined while it waits for something else. */
  readonly wakeAt: Micros | undefined;
  /** There is an interface to hear and speak on. */
  readonly audible: boolean;
  readonly fenced: boolean;
  /** In a row. */
  readonly quarantines: number;
  /** When it was announced last. */
  readonly spokenAt: Micros | undefined;
  /** While it is let go: another speaker was heard, which may still give way to our own announcement. */
  readonly succeeded: boolean;
  readonly defendedAt: Micros | undefined;
  readonly conflictToldAt: Micros | undefined;
  readonly rivalToldAt: Micros | undefined;
}

/** Somebody else who uses the address. */
interface Claimant {
  readonly interface: string;
  readonly mac: string;
  /** The node of another speaker of ours; undefined for a stranger. */
  readonly speaker: string | undefined;
}

/** At once, to a successor that is waited for, or to another speaker that announces the address and may not mean it. */
export type ReleaseHow = "now" | "handover" | "yield";

export type ClaimEvent =
  | { readonly type: "held"; readonly settings: ClaimSettings }
  | { readonly type: "released"; readonly how: ReleaseHow }
  | { readonly type: "reannounced" }
  | { readonly type: "fenced" }
  | { readonly type: "unfenced" }
  /** The first interface has come, or the last one has gone. */
  | { readonly type: "became-audible" }
  | { readonly type: "became-inaudible" }
  /** What `speak` asked for is on the wire, on every interface. */
  | { readonly type: "spoken" }
  | { readonly type: "heard"; readonly what: "announcement" | "probe"; readonly by: Claimant }
  /** Whatever `wakeAt` said, or later; too early is harmless. */
  | { readonly type: "time-passed" };

/** Why an address is not answered for any more. */
export type EndReason = "asked" | "successor-heard" | "successor-silent";

export type ClaimEffect =
  /** Sends a probe while probing, else an announcement, on every interface; `spoken` when that is done. */
  | { readonly type: "speak"; readonly urgent: boolean }
  | { readonly type: "report-announced" }
  | { readonly type: "report-cleared" }
  | { readonly type: "report-conflict"; readonly by: Claimant; readonly quarantined: boolean }
  | { readonly type: "report-rival"; readonly by: Claimant; readonly speaker: string }
  /** It is left to another speaker. */
  | { readonly type: "report-yielded" }
  /** That one does not have it any more. */
  | { readonly type: "report-unclaimed" }
  /** Forget the claim. */
  | { readonly type: "end"; readonly because: EndReason }
  /** Forget the claim, whose end was told before. */
  | { readonly type: "forget" };

export interface ClaimStep {
  readonly claim: Claim;
  readonly effects: readonly ClaimEffect[];
}

/** The time, and a number in [0, 1) that makes the jitter. */
export interface Moment {
  readonly now: Micros;
  readonly chance: number;
}

/** From start to verdict about a second, where RFC 5227 section 1.1 takes 4 to 7: a Service waits for it. */
const PROBE_DELAY = millis(100);
const AFTER_PROBE = [millis(300), millis(300), millis(400)] as const;

/** Announcements at 0, 100 and 300 ms, 1, 2 and 4 s: the first may be lost, and switches learn late after a failure. */
const AFTER_ANNOUNCEMENT = [millis(100), millis(200), millis(700), seconds(1), seconds(2)] as const;

/** How long a successor is waited for. */
const HANDOVER = seconds(2);
/** A speaker that hears us announce gives way within this time or not at all: a duel settles in 300 ms. */
const GIVES_WAY_WITHIN = millis(400);

/** Whoever gave way asks whether the other has the address, up to three times, and again some time after each answer, for a while. */
const AFTER_QUESTION = [millis(100), millis(100), millis(100)] as const;
const LOOK_AGAIN = millis(400);
const LOOKS_FOR = seconds(8);

const FIRST_QUARANTINE = seconds(30);
const LONGEST_QUARANTINE = seconds(600);

/** RFC 5227 section 1.1. */
const DEFEND_INTERVAL = seconds(10);
const CONFLICT_REPORT_INTERVAL = seconds(60);
const RIVAL_REPORT_INTERVAL = seconds(1);

/** A timer that is later than this was stalled with its thread, and answers may lie unread: they get this long, once. */
const STALL = millis(50);

/** A claim that has not said a word yet: it begins when it becomes audible. */
export function initialClaim(settings: ClaimSettings, fenced: boolean, now: Micros): Claim {
  return {
    settings,
    state: settings.probe ? "probing" : "announcing",
    since: now,
    round: 0,
    told: false,
    wakeAt: undefined,
    audible: false,
    fenced,
    quarantines: 0,
    spokenAt: undefined,
    succeeded: false,
    defendedAt: undefined,
    conflictToldAt: undefined,
    rivalToldAt: undefined,
  };
}

/** Whether and how the address is answered for. */
export function stanceOf({ state, fenced }: Claim): Stance {
  if (fenced || state === "probing" || state === "yielded" || state === "quarantined") return "silent";
  return state === "releasing" ? "yield" : "answer";
}

/** The whole decision about one claim: no clock, no socket, no log. */
export function step(claim: Claim, event: ClaimEvent, moment: Moment): ClaimStep {
  switch (event.type) {
    case "held":
      return onHeld(claim, event.settings, moment);
    case "released":
      return onReleased(claim, event.how, moment);
    case "reannounced":
      return isOwner(claim) ? begin(enter(claim, "announcing", moment), moment) : stay(claim);
    case "fenced":
      return onFenced(claim);
    case "unfenced":
      return onUnfenced({ ...claim, fenced: false }, moment);
    case "became-audible":
      return resume({ ...claim, audible: true }, moment);
    case "became-inaudible":
      return stay({ ...claim, audible: false, wakeAt: paused(claim) });
    case "spoken":
      return onSpoken(claim, moment);
    case "heard":
      return claim.fenced ? stay(claim) : onHeard(claim, event, moment);
    case "time-passed":
      return claim.wakeAt === undefined || moment.now < claim.wakeAt
        ? stay(claim)
        : onTime(claim, claim.wakeAt, moment);
  }
}

const stay = (claim: Claim): ClaimStep => ({ claim, effects: [] });
const end = (claim: Claim, because: EndReason): ClaimStep => ({ claim, effects: [{ type: "end", because }] });
const forget = (claim: Claim): ClaimStep => ({ claim, effects: [{ type: "forget" }] });
const speak = (claim: Claim, urgent: boolean): ClaimStep => ({ claim, effects: [{ type: "speak", urgent }] });

function isOwner({ state }: Claim): boolean {
  return state === "announcing" || state === "holding";
}

function enter(claim: Claim, state: ClaimState, { now }: Moment): Claim {
  const since = claim.state === state ? claim.since : now;
  return { ...claim, state, since, round: 0, succeeded: false, wakeAt: undefined };
}

/** Starts to probe or to announce from the first round, or waits until it can. */
function begin(claim: Claim, { now, chance }: Moment): ClaimStep {
  if (!claim.audible || claim.fenced) return stay({ ...claim, round: 0, wakeAt: undefined });
  if (claim.state === "probing") return stay({ ...claim, round: 0, wakeAt: micros(now + chance * PROBE_DELAY) });
  return speak({ ...claim, round: 0, wakeAt: undefined }, true);
}

/** A pause ends what is under way between two timers; quarantine and refresh go on counting. */
function paused({ state, wakeAt }: Claim): Micros | undefined {
  return state === "quarantined" || state === "holding" || state === "releasing" ? wakeAt : undefined;
}

/** An interface has come back: probes start again, so that all are heard out; a burst goes on where it was; who has an address by now is unknown. */
function resume(claim: Claim, moment: Moment): ClaimStep {
  if (claim.state === "probing") return begin(claim, moment);
  if (claim.state === "yielded") return forget(claim);
  return claim.state === "announcing" && !claim.fenced ? speak(claim, claim.round === 0) : stay(claim);
}

function onFenced(claim: Claim): ClaimStep {
  if (claim.state === "yielded") return forget(claim);
  return claim.state === "releasing" ? end(claim, "asked") : stay({ ...claim, fenced: true, wakeAt: paused(claim) });
}

function onUnfenced(claim: Claim, moment: Moment): ClaimStep {
  if (isOwner(claim)) return begin({ ...enter(claim, "announcing", moment), told: false }, moment);
  return claim.state === "probing" ? begin(claim, moment) : stay(claim);
}

function onHeld(before: Claim, settings: ClaimSettings, moment: Moment): ClaimStep {
  const claim = { ...before, settings };
  if (claim.state === "releasing" || claim.state === "yielded")
    return begin({ ...enter(claim, "announcing", moment), told: false }, moment);
  const asksNoMore = before.settings.probe && !settings.probe;
  if (asksNoMore && (claim.state === "probing" || claim.state === "quarantined")) return announce(claim, moment);
  const paceChanged = claim.state === "holding" && before.settings.refresh !== settings.refresh;
  return stay(paceChanged ? { ...claim, wakeAt: refreshAt(claim, moment) } : claim);
}

function onReleased(claim: Claim, how: ReleaseHow, moment: Moment): ClaimStep {
  if (claim.state === "yielded") return how === "now" ? forget(claim) : stay(claim);
  if (claim.state === "releasing" && how === "handover") return stay(claim);
  if (how === "now" || !isOwner(claim) || claim.fenced || !claim.audible) return end(claim, "asked");
  if (how === "handover") return stay(handOver(enter(claim, "releasing", moment)));
  const effects: readonly ClaimEffect[] = [{ type: "report-yielded" }, { type: "speak", urgent: true }];
  return { claim: enter(claim, "yielded", moment), effects };
}

/** Waits for a successor, and takes none that was heard so far for one. */
function handOver(claim: Claim): Claim {
  return { ...claim, succeeded: false, wakeAt: micros(claim.since + HANDOVER) };
}

/** The address is ours: from a probe that nobody answered, or without one. */
function announce(claim: Claim, moment: Moment): ClaimStep {
  const { claim: next, effects } = begin(
    { ...enter(claim, "announcing", moment), told: false, quarantines: 0 },
    moment,
  );
  if (claim.quarantines === 0) return { claim: next, effects };
  return { claim: next, effects: [{ type: "report-cleared" }, ...effects] };
}

function refreshAt({ settings: { refresh } }: Claim, { now, chance }: Moment): Micros | undefined {
  return refresh === 0 ? undefined : micros(now + refresh * (0.75 + chance / 2));
}

function onSpoken(before: Claim, moment: Moment): ClaimStep {
  const claim = isOwner(before) ? { ...before, spokenAt: moment.now } : before;
  // What was sent before a timer was set belongs to that timer: a link that was announced on by itself, or a defence.
  if (claim.wakeAt !== undefined || claim.fenced || !claim.audible) return stay(claim);
  if (claim.state === "probing") return stay(nextRound(claim, AFTER_PROBE, moment));
  if (claim.state === "yielded") return stay(nextRound(claim, AFTER_QUESTION, moment));
  if (claim.state !== "announcing") return stay(claim);
  const effects: readonly ClaimEffect[] = claim.told ? [] : [{ type: "report-announced" }];
  const next = nextRound({ ...claim, told: true }, AFTER_ANNOUNCEMENT, moment);
  if (next.wakeAt !== undefined) return { claim: next, effects };
  const holding = enter(next, "holding", moment);
  return { claim: { ...holding, wakeAt: refreshAt(holding, moment) }, effects };
}

/** Waits as long as the schedule says after this round; not at all after the last one. */
function nextRound(claim: Claim, schedule: readonly Micros[], { now }: Moment): Claim {
  const gap = schedule[claim.round];
  return { ...claim, round: claim.round + 1, wakeAt: gap === undefined ? undefined : micros(now + gap) };
}

function onTime(claim: Claim, wakeAt: Micros, moment: Moment): ClaimStep {
  switch (claim.state) {
    case "probing":
    case "yielded":
      return onProbeTime(claim, wakeAt, moment);
    case "announcing":
      return speak({ ...claim, wakeAt: undefined }, false);
    case "holding":
      return claim.fenced
        ? stay({ ...claim, wakeAt: undefined })
        : speak({ ...claim, wakeAt: refreshAt(claim, moment) }, false);
    case "releasing":
      return end(claim, claim.succeeded ? "successor-heard" : "successor-silent");
    case "quarantined":
      return begin(enter(claim, "probing", moment), moment);
  }
}

function onProbeTime(claim: Claim, wakeAt: Micros, moment: Moment): ClaimStep {
  const { length } = claim.state === "yielded" ? AFTER_QUESTION : AFTER_PROBE;
  if (claim.round < length) return speak({ ...claim, wakeAt: undefined }, true);
  const stalled = moment.now - wakeAt > STALL && claim.round === length;
  if (stalled) return stay({ ...claim, round: claim.round + 1, wakeAt: micros(moment.now + STALL) });
  if (claim.state === "yielded") return { claim, effects: [{ type: "report-unclaimed" }, { type: "forget" }] };
  return announce(claim, moment);
}

function onHeard(claim: Claim, { what, by }: ClaimEvent & { type: "heard" }, moment: Moment): ClaimStep {
  if (claim.state === "yielded") return what === "announcement" ? onTaken(claim, moment) : stay(claim);
  if (by.speaker !== undefined)
    return what === "announcement" ? onSpeaker(claim, by, by.speaker, moment) : onPeerProbe(claim);
  if (claim.state === "probing") return quarantine(claim, by, moment);
  // A stranger's probe is answered, and that is all the defence it needs (RFC 5227 section 2.1.1).
  return what === "announcement" && isOwner(claim) ? defend(claim, by, moment) : stay(claim);
}

function onSpeaker(claim: Claim, by: Claimant, speaker: string, { now }: Moment): ClaimStep {
  if (claim.state === "releasing") return onSuccessor(claim, now);
  if (claim.state === "quarantined" || !isDue(claim.rivalToldAt, RIVAL_REPORT_INTERVAL, now)) return stay(claim);
  return { claim: { ...claim, rivalToldAt: now }, effects: [{ type: "report-rival", by, speaker }] };
}

/** Whom we made give way just before is no successor yet: both would be silent. */
function onSuccessor(claim: Claim, now: Micros): ClaimStep {
  const until = claim.spokenAt === undefined ? now : micros(claim.spokenAt + GIVES_WAY_WITHIN);
  return now >= until ? end(claim, "successor-heard") : stay({ ...claim, succeeded: true, wakeAt: until });
}

/** The successor that was heard gave way, and asks whether we mean it. */
function onPeerProbe(claim: Claim): ClaimStep {
  return stay(claim.state === "releasing" && claim.succeeded ? handOver(claim) : claim);
}

/** The address has an owner, which may still let go. */
function onTaken(claim: Claim, { now }: Moment): ClaimStep {
  if (now - claim.since >= LOOKS_FOR) return forget(claim);
  return stay({ ...claim, round: 0, wakeAt: micros(now + LOOK_AGAIN) });
}

function quarantine(claim: Claim, by: Claimant, moment: Moment): ClaimStep {
  const { now, chance } = moment;
  const wait = Math.min(FIRST_QUARANTINE * 2 ** claim.quarantines, LONGEST_QUARANTINE);
  const wakeAt = micros(now + wait * (1 + chance / 10));
  const quarantines = claim.quarantines + 1;
  return {
    claim: { ...enter(claim, "quarantined", moment), wakeAt, quarantines },
    effects: [{ type: "report-conflict", by, quarantined: true }],
  };
}

/** RFC 5227 section 2.4 (c): never gives the address up, and answers no more than once in ten seconds, so that two such do not storm. */
function defend(claim: Claim, by: Claimant, { now }: Moment): ClaimStep {
  if (!isDue(claim.defendedAt, DEFEND_INTERVAL, now)) return stay(claim);
  const defended = { ...claim, defendedAt: now };
  const spoken: ClaimEffect = { type: "speak", urgent: true };
  if (!isDue(claim.conflictToldAt, CONFLICT_REPORT_INTERVAL, now)) return { claim: defended, effects: [spoken] };
  const report: ClaimEffect = { type: "report-conflict", by, quarantined: false };
  return { claim: { ...defended, conflictToldAt: now }, effects: [spoken, report] };
}

function isDue(last: Micros | undefined, interval: Micros, now: Micros): boolean {
  return last === undefined || now - last >= interval;
}
