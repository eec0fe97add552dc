import { type Micros, micros, seconds } from "../net/micros.ts";

/**
 * Leader election as a value. Two rules keep it safe without any clock that two hosts share:
 * a leader claims until `renewDeadline` after it *sent* its last successful renewal; everybody else waits the full lease
 * duration after he *first saw* that renewal, which is later than it was sent. So the old claim ends before a new one
 * begins, by `leaseDuration - renewDeadline` at least.
 */
export interface ElectionConfig {
  /** Unique per process: also a restarted process is somebody else. */
  readonly identity: string;
  readonly leaseDuration: Micros;
  readonly renewDeadline: Micros;
  readonly retryPeriod: Micros;
  /** How long a Lease without a holder is watched before it is taken: whoever emptied or deleted it may have left a leader. */
  readonly vacantWait: Micros;
}

/** What a Lease object says, as far as it decides anything. */
export interface LeaseRecord {
  readonly resourceVersion: string;
  readonly holder: string;
  readonly duration: Micros;
  readonly transitions: number;
  /** Let go on purpose: nobody claims it any more. */
  readonly released: boolean;
}

/** The newest record (`undefined`: there is no Lease) and when it was first seen. */
interface Sighting {
  readonly record: LeaseRecord | undefined;
  readonly since: Micros;
}

export interface Election {
  readonly role: "candidate" | "leader" | "stopping" | "stopped";
  /** Set while leading: the end of the claim. */
  readonly until: Micros | undefined;
  readonly seen: Sighting | undefined;
  /** One request at a time. */
  readonly busy: boolean;
  /** Our version was refused: read before the next write. */
  readonly stale: boolean;
  readonly retryEpoch: number;
  readonly termEpoch: number;
}

export type ElectionEvent =
  | { readonly type: "started"; readonly at: Micros }
  | { readonly type: "retry-due"; readonly at: Micros; readonly epoch: number }
  | { readonly type: "term-ended"; readonly at: Micros; readonly epoch: number }
  | { readonly type: "read"; readonly at: Micros; readonly record: LeaseRecord | undefined }
  | { readonly type: "written"; readonly at: Micros; readonly sentAt: Micros; readonly record: LeaseRecord }
  | { readonly type: "refused"; readonly at: Micros }
  | { readonly type: "failed"; readonly at: Micros }
  | { readonly type: "stopped"; readonly at: Micros };

/** Why a claim ended. */
type FollowReason = "term-ended" | "taken-over" | "stopped";

export type ElectionEffect =
  | { readonly type: "read" }
  /** Makes a Lease that nobody holds. */
  | { readonly type: "make-vacant" }
  /** Writes our name into the Lease, only if it still has this version; makes it when there is none. */
  | {
      readonly type: "write";
      readonly resourceVersion: string | undefined;
      readonly transitions: number;
      readonly takeOver: boolean;
      /** Whoever held it let it go, and had nothing under way then. */
      readonly released: boolean;
    }
  | { readonly type: "release"; readonly resourceVersion: string; readonly transitions: number }
  | { readonly type: "arm-retry"; readonly after: Micros; readonly epoch: number }
  | { readonly type: "arm-term-end"; readonly after: Micros; readonly epoch: number }
  | { readonly type: "lead"; readonly until: Micros }
  | { readonly type: "extend"; readonly until: Micros }
  | { readonly type: "follow"; readonly reason: FollowReason };

/** The state before `started`. */
export const NOT_ELECTED: Election = {
  role: "candidate",
  until: undefined,
  seen: undefined,
  busy: false,
  stale: false,
  retryEpoch: 0,
  termEpoch: 0,
};

interface Step {
  readonly election: Election;
  readonly effects: readonly ElectionEffect[];
}

/** True while the claim holds; a claim that has run out is none, also when no timer has said so yet. */
export function isLeading(election: Election, now: Micros): boolean {
  return election.role === "leader" && election.until !== undefined && now < election.until;
}

/** Fewest seconds that an integer `leaseDurationSeconds` can say without shortening the lease. */
export function durationSeconds(config: ElectionConfig): number {
  return Math.ceil(config.leaseDuration / seconds(1));
}

/** The whole machine. */
export function step(config: ElectionConfig, before: Election, event: ElectionEvent): Step {
  if (before.role === "stopped") return { election: before, effects: [] };
  const expired = expire(before, event.at);
  const next = react(config, expired.election, event);
  return { election: next.election, effects: [...expired.effects, ...next.effects] };
}

/** A process that was paused finds here that its term is over, before it does anything else. */
function expire(election: Election, at: Micros): Step {
  if (election.role !== "leader" || isLeading(election, at)) return { election, effects: [] };
  return follow(election, "term-ended");
}

function follow(election: Election, reason: FollowReason): Step {
  return { election: { ...election, role: "candidate", until: undefined }, effects: [{ type: "follow", reason }] };
}

function react(config: ElectionConfig, election: Election, event: ElectionEvent): Step {
  switch (event.type) {
    case "started":
      return read(election);
    case "retry-due":
      return event.epoch === election.retryEpoch && !election.busy ? retry(config, election) : unchanged(election);
    case "term-ended":
      // `expire` has looked at the clock already; a timer that fired early or late decides nothing.
      return event.epoch === election.termEpoch ? armTermEnd(election, event.at) : unchanged(election);
    case "read":
      return onRead(config, settled(election), event);
    case "written":
      return onWritten(config, settled(election), event);
    case "refused":
      return election.role === "stopping" ? release(settled(election), config) : onRefused(config, settled(election));
    case "failed":
      return election.role === "stopping"
        ? release(settled(election), config)
        : armRetry(settled(election), config.retryPeriod);
    case "stopped":
      return onStopped(config, election);
  }
}

const unchanged = (election: Election): Step => ({ election, effects: [] });
const settled = (election: Election): Election => ({ ...election, busy: false });
const read = (election: Election): Step => ({ election: { ...election, busy: true }, effects: [{ type: "read" }] });

function retry(config: ElectionConfig, election: Election): Step {
  return election.role === "leader" && !election.stale ? write(config, election) : read(election);
}

/** Soon, but not at once: a Lease that somebody else writes all the time must not make us spin. */
function onRefused(config: ElectionConfig, election: Election): Step {
  return armRetry({ ...election, stale: true }, micros(config.retryPeriod / 10));
}

function write(config: ElectionConfig, election: Election): Step {
  const record = election.seen?.record;
  const takeOver = record?.holder !== config.identity;
  return {
    election: { ...election, busy: true },
    effects: [
      {
        type: "write",
        resourceVersion: record?.resourceVersion,
        transitions: (record?.transitions ?? 0) + (takeOver && record !== undefined ? 1 : 0),
        takeOver,
        released: record?.released === true,
      },
    ],
  };
}

function armRetry(election: Election, after: Micros): Step {
  const epoch = election.retryEpoch + 1;
  return { election: { ...election, retryEpoch: epoch }, effects: [{ type: "arm-retry", after, epoch }] };
}

function armTermEnd(election: Election, at: Micros): Step {
  if (election.until === undefined) return unchanged(election);
  const epoch = election.termEpoch + 1;
  const after = micros(election.until - at);
  return { election: { ...election, termEpoch: epoch }, effects: [{ type: "arm-term-end", after, epoch }] };
}

function observe(election: Election, record: LeaseRecord | undefined, at: Micros): Election {
  const { seen } = election;
  const same = seen !== undefined && seen.record?.resourceVersion === record?.resourceVersion;
  return same ? election : { ...election, seen: { record, since: at } };
}

type Sight = Extract<ElectionEvent, { type: "read" }>;

function onRead(config: ElectionConfig, before: Election, { record, at }: Sight): Step {
  const election = { ...observe(before, record, at), stale: false };
  if (election.role === "stopping") return release(election, config);
  const mine = record?.holder === config.identity;
  if (election.role === "leader") {
    // A Lease deleted in our term can be made again at once: nobody takes one that he has not seen for the full wait.
    if (mine || record === undefined) return write(config, election);
    const lost = follow(election, "taken-over");
    const next = waitOrTake(config, lost.election, at);
    return { election: next.election, effects: [...lost.effects, ...next.effects] };
  }
  return mine ? write(config, election) : waitOrTake(config, election, at);
}

/**
 * The observed-time rule: nothing that is written in the Lease is compared with a clock. An absence cannot be observed
 * without a gap (a Lease may come and go between two reads), so it is first turned into a record that can.
 */
function waitOrTake(config: ElectionConfig, election: Election, at: Micros): Step {
  const record = election.seen?.record;
  if (election.seen === undefined || record === undefined) {
    return { election: { ...election, busy: true }, effects: [{ type: "make-vacant" }] };
  }
  if (record.released) return write(config, election);
  const wait = record.holder === "" ? config.vacantWait : Math.max(record.duration, config.leaseDuration);
  const left = election.seen.since + wait - at;
  if (left <= 0) return write(config, election);
  return armRetry(election, micros(Math.min(config.retryPeriod, left)));
}

function onWritten(
  config: ElectionConfig,
  before: Election,
  { at, sentAt, record }: Extract<ElectionEvent, { type: "written" }>,
): Step {
  const election = observe(before, record, at);
  if (election.role === "stopping") return release(election, config);
  if (record.holder !== config.identity) return waitOrTake(config, election, at);
  const until = micros(sentAt + config.renewDeadline);
  // The answer came after the term that it grants.
  if (at >= until) return armRetry(election, config.retryPeriod);
  const type = election.role === "leader" ? "extend" : "lead";
  const armed = armRetry({ ...election, role: "leader", until }, untilRenewal(config, micros(at - sentAt)));
  const ending = armTermEnd(armed.election, at);
  return { election: ending.election, effects: [{ type, until }, ...armed.effects, ...ending.effects] };
}

/** Counted from when the last one was sent: an API that answers late leaves no time to wait besides. */
function untilRenewal({ retryPeriod }: ElectionConfig, taken: Micros): Micros {
  return micros(Math.max(retryPeriod - taken, retryPeriod / 10));
}

/** The claim ends first, the Lease is let go after; a request under way is waited for, it changes the version. */
function onStopped(config: ElectionConfig, before: Election): Step {
  const effects: ElectionEffect[] = before.role === "leader" ? [{ type: "follow", reason: "stopped" }] : [];
  const election: Election = { ...before, role: "stopping", until: undefined };
  if (election.busy) return { election, effects };
  const released = release(election, config);
  return { election: released.election, effects: [...effects, ...released.effects] };
}

function release(election: Election, config: ElectionConfig): Step {
  const stopped: Election = { ...election, role: "stopped", until: undefined };
  const record = election.seen?.record;
  if (record?.holder !== config.identity) return unchanged(stopped);
  const { resourceVersion, transitions } = record;
  return { election: stopped, effects: [{ type: "release", resourceVersion, transitions }] };
}
