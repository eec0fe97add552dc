import { type Micros, micros } from "../net/micros.ts";
import type { Effect, MemberReport, MembershipEvent } from "./event.ts";
import { Local, type MembershipOptions } from "./local.ts";
import { isUp } from "./member-table.ts";
import { type ProbeOutcomes, Probes } from "./probes.ts";
import { Reception } from "./reception.ts";
import { Rivals } from "./rivals.ts";
import { Rumours } from "./rumours.ts";
import { Suspects } from "./suspects.ts";
import { Syncs } from "./sync.ts";

/** A timer that comes later than this share of a probe interval was held up: the time until then does not count. */
const LATE_SHARE = 0.2;
/** How often tables are compared with somebody: soon after the start, when not everybody believes everybody yet, then less and less. */
const SYNC_EVERY = { least: 1_000_000, most: 30_000_000 } as const;
/** How often a dead member is asked whether it is there again. */
const REVIVE_EVERY = 1_000_000;
/** How long a member that is gone is remembered, so that old news does not bring it back. */
const RETENTION = 3_600_000_000;
/** How long the one that leaves goes on answering, and how often it says goodbye meanwhile. */
const FAREWELL = { time: 500_000, rounds: 4 } as const;

/**
 * The members of a cluster, as one of them sees it. No clock, no socket, no log: told events, it returns effects. What it knows is changed
 * in place, because a thousand members are a thousand records at eighty packets a second.
 */
export class Membership {
  readonly #local: Local;
  readonly #suspects: Suspects;
  readonly #probes: Probes;
  readonly #syncs: Syncs;
  readonly #rivals: Rivals;
  readonly #reception: Reception;
  readonly #startedAt: Micros;
  #tickAt: number;
  #syncAt: number;
  #syncEvery: number = SYNC_EVERY.least;
  #reviveAt: number;
  #farewell: { next: number; rounds: number } | undefined;

  constructor(options: MembershipOptions, now: Micros) {
    const local = new Local(options, now);
    this.#local = local;
    this.#startedAt = now;
    this.#suspects = new Suspects(local);
    this.#probes = new Probes(local, this.#suspects);
    this.#syncs = new Syncs(local);
    this.#rivals = new Rivals(local);
    const rumours = new Rumours(local, this.#suspects, this.#syncs);
    const parts = { rumours, probes: this.#probes, suspects: this.#suspects, syncs: this.#syncs, rivals: this.#rivals };
    this.#reception = new Reception(local, parts);
    // Nodes that start together do not go on in step.
    this.#tickAt = local.time + options.settings.probeInterval * local.chance.next();
    this.#syncAt = local.time + this.#syncEvery;
    this.#reviveAt = local.time + REVIVE_EVERY;
  }

  /** When `step` wants to be told that time has passed. */
  deadline(): Micros {
    return micros(this.#due() + this.#local.now - this.#local.time);
  }

  /** The whole decision. */
  step(event: MembershipEvent, now: Micros): readonly Effect[] {
    this.#passTime(now);
    switch (event.type) {
      case "received":
        this.#reception.receive(event);
        break;
      case "time-passed":
        break;
      case "seeds-changed":
        this.#syncs.setSeeds(event.seeds);
        break;
      case "leave":
        this.#leave();
    }
    this.#onTime();
    return this.#local.takeEffects();
  }

  /** Who is up, ourselves included, in the order of names. */
  members(): readonly string[] {
    const { table, options } = this.#local;
    return [options.name, ...table.ring.map(({ name }) => name)].sort();
  }

  /** How much reason this node has to doubt itself; 0 is well. */
  get health(): number {
    return this.#local.health.score;
  }

  /** How the regular questions to others ended. */
  get probes(): ProbeOutcomes {
    return this.#probes.outcomes;
  }

  report(): readonly MemberReport[] {
    const { options, incarnation, table, leaving } = this.#local;
    const ourselves: MemberReport = {
      name: options.name,
      place: this.#syncs.ownPlace,
      state: leaving ? "left" : "alive",
      incarnation,
      roundTrip: undefined,
      since: this.#startedAt,
    };
    const others = [...table.all()].map(
      ({ name, place, state, incarnation, roundTrip, since }): MemberReport => ({
        name,
        place,
        state,
        incarnation,
        roundTrip: roundTrip === undefined ? undefined : micros(roundTrip.smoothed),
        since,
      }),
    );
    return [ourselves, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** A process that was held up has not waited for anybody: its own time goes on from where it was. */
  #passTime(now: Micros): void {
    const local = this.#local;
    const before = local.time;
    const time = before + Math.max(0, now - local.now);
    const late = time - this.#due();
    local.now = now;
    local.time = time;
    if (late <= LATE_SHARE * local.options.settings.probeInterval) return;
    local.time = Math.max(before, time - late);
    local.stalls += 1;
    local.health.worse();
  }

  #due(): number {
    if (this.#farewell !== undefined) return Math.ceil(this.#farewell.next);
    const due = Math.min(this.#tickAt, this.#probes.due(), this.#suspects.due(), this.#syncs.due(), this.#rivals.due());
    // Whole microseconds, as the clock has them: less would be due for ever.
    return Math.ceil(due);
  }

  #onTime(): void {
    if (this.#local.leaving) {
      this.#sayGoodbye();
      return;
    }
    this.#probes.onTime();
    this.#suspects.onTime();
    this.#syncs.onTime();
    this.#rivals.onTime();
    if (this.#local.time >= this.#tickAt) this.#tick();
  }

  #tick(): void {
    const local = this.#local;
    const { chance, health, options, time } = local;
    const interval = options.settings.probeInterval * (0.9 + 0.2 * chance.next()) * health.multiplier;
    this.#tickAt = Math.max(this.#tickAt + interval, time + interval / 2);
    this.#probes.begin();
    this.#syncs.trySeeds();
    this.#reception.expire();
    if (time >= this.#syncAt) {
      this.#syncAt = time + this.#syncEvery * (0.5 + chance.next());
      if (local.table.ring.length > 0) this.#syncEvery = Math.min(SYNC_EVERY.most, 2 * this.#syncEvery);
      for (const member of local.targets.sample(1, () => true)) this.#syncs.begin(member.place);
    }
    if (time >= this.#reviveAt) {
      this.#reviveAt = time + REVIVE_EVERY * (0.5 + chance.next());
      this.#revive();
    }
  }

  /** Asks one of the dead whether it is there: that is how parts of a cluster find each other again. */
  #revive(): void {
    const { table, chance, now } = this.#local;
    const dead = [];
    for (const member of table.all()) {
      if (isUp(member)) continue;
      if (now - member.since > RETENTION) table.remove(member);
      else if (member.state === "dead") dead.push(member);
    }
    const member = dead[chance.below(dead.length)];
    if (member !== undefined) this.#local.ping(member, { type: "revival" });
  }

  #leave(): void {
    if (this.#local.leaving) return;
    this.#local.leaving = true;
    this.#local.describe({ leaving: true });
    this.#farewell = { next: this.#local.time, rounds: 0 };
  }

  /** Some at a time, more than once: what is lost is told by those who heard it. */
  #sayGoodbye(): void {
    const farewell = this.#farewell;
    if (farewell === undefined || this.#local.time < farewell.next) return;
    if (farewell.rounds === FAREWELL.rounds) {
      farewell.next = Number.POSITIVE_INFINITY;
      this.#local.perform({ type: "left" });
      return;
    }
    farewell.rounds += 1;
    farewell.next = this.#local.time + FAREWELL.time / FAREWELL.rounds;
    for (const member of this.#local.targets.sample(MOST_GOODBYES, () => true))
      this.#local.send(member.place, { type: "gossip" });
  }
}

/** Members that hear a goodbye in each round. */
const MOST_GOODBYES = 32;
