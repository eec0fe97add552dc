import { micros } from "../net/micros.ts";
import type { Local } from "./local.ts";
import type { Member } from "./member-table.ts";
import { patience } from "./round-trip.ts";
import { type SuspicionTimes, suspicionTime } from "./suspicion.ts";

/** The shortest suspicion, in probe intervals, and the longest in shortest ones. */
const LEAST_INTERVALS = 2;
const MOST_SHARE = 3;
/** How often a suspect is asked again, in shares of the probe interval: an answer refutes, and one of several gets through. */
const ASK_AGAIN_SHARE = 0.4;
/** Accusers that are kept. */
const MOST_KEPT = 8;

/** Those that were found silent, until they answer or their time is over. */
export class Suspects {
  readonly #local: Local;
  readonly #suspects = new Set<Member>();

  constructor(local: Local) {
    this.#local = local;
  }

  /** Takes an accusation, ours or another's. Says it to others when it is the first one, or ours. */
  accuse(member: Member, accusers: readonly number[], own: boolean): void {
    const local = this.#local;
    const known = member.suspicion;
    if (member.state !== "suspect" || known === undefined) {
      local.table.setState(member, "suspect", local.now);
      member.suspicion = { since: local.time, accusers: new Set(accusers), own, askAt: local.time };
      this.#suspects.add(member);
      local.spread(member, true);
      return;
    }
    const before = known.accusers.size;
    for (const accuser of accusers) if (known.accusers.size < MOST_KEPT) known.accusers.add(accuser);
    if (own && !known.own) {
      known.own = true;
      known.askAt = local.time;
    }
    if (known.accusers.size > before) local.spread(member, own);
  }

  /** A suspect answered: it lives, even if it has not heard yet what is said of it. */
  answered(member: Member): void {
    if (member.suspicion !== undefined) member.suspicion.since = this.#local.time;
  }

  due(): number {
    let due = Number.POSITIVE_INFINITY;
    for (const member of this.#suspects) {
      const { suspicion } = member;
      if (suspicion === undefined) this.#suspects.delete(member);
      else due = Math.min(due, suspicion.since + this.#time(member), suspicion.own ? suspicion.askAt : due);
    }
    return due;
  }

  onTime(): void {
    const { time, table } = this.#local;
    for (const member of this.#suspects) {
      const { suspicion } = member;
      if (suspicion === undefined) this.#suspects.delete(member);
      else if (time >= suspicion.since + this.#time(member)) {
        table.setState(member, "dead", this.#local.now);
        this.#suspects.delete(member);
        this.#local.spread(member, true);
        this.#local.announce(member, "dead", "silent");
      } else if (suspicion.own && time >= suspicion.askAt) {
        suspicion.askAt = time + ASK_AGAIN_SHARE * this.#local.options.settings.probeInterval;
        this.#local.ping(member, { type: "doubt" });
      }
    }
  }

  #time(member: Member): number {
    return member.suspicion === undefined ? 0 : suspicionTime(member.suspicion, this.#times(member));
  }

  #times({ roundTrip }: Member): SuspicionTimes {
    const { options, health, table } = this.#local;
    const answer = roundTrip === undefined ? 0 : patience(roundTrip);
    const least = Math.max(LEAST_INTERVALS * options.settings.probeInterval, 2 * answer) * health.multiplier;
    return { least: micros(least), most: micros(MOST_SHARE * least), confirmers: table.ring.length - 1 };
  }
}
