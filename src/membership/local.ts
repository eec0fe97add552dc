import type { Micros } from "../net/micros.ts";
import { crc32 } from "../wire/crc32.ts";
import { Broadcasts } from "./broadcasts.ts";
import { Chance } from "./chance.ts";
import type { ChangeReason, Effect } from "./event.ts";
import { LocalHealth } from "./health.ts";
import { MAX_MESSAGE } from "./iana.ts";
import { type Member, MemberTable, updateOf } from "./member-table.ts";
import { type Body, bareSize, type Sender } from "./message.ts";
import type { Place } from "./place.ts";
import { type Purpose, Questions } from "./question.ts";
import { patience } from "./round-trip.ts";
import type { SessionId } from "./session.ts";
import type { Settings } from "./settings.ts";
import { Targets } from "./targets.ts";
import { MOST_ACCUSERS, type Update, updateSize } from "./update.ts";

export interface MembershipOptions {
  readonly name: string;
  /** The life of this process, as its packets say it. */
  readonly session: SessionId;
  readonly advertised: Place | undefined;
  readonly settings: Settings;
  readonly seed: number;
  /** What its questions are counted from: below 2^48, and unpredictable. */
  readonly firstNumber: number;
}

/** An answer is never waited for longer, however slow network and node are. */
const LONGEST_TIMEOUT = 2_000_000;
/** How much longer than the least timeout one waits for somebody that has never answered yet. */
const UNKNOWN_SHARE = 3;

/** What all parts of the protocol share: who we are, what time it is, what we know and what goes out. */
export class Local {
  readonly options: MembershipOptions;
  readonly hash: number;
  readonly table = new MemberTable();
  readonly health = new LocalHealth();
  readonly chance: Chance;
  readonly targets: Targets;
  readonly questions: Questions;
  readonly broadcasts = new Broadcasts();
  leaving = false;
  /** The machine's time. */
  now: Micros;
  /** The protocol's time, which stands still while this process does. */
  time: number;
  /** How often that happened. */
  stalls = 0;
  #sender: Sender;
  #effects: Effect[] = [];
  /** Something new is to be told at once, to these places besides others. */
  #urgent: Place[] | undefined;

  constructor(options: MembershipOptions, now: Micros) {
    const { name, advertised } = options;
    this.options = options;
    this.hash = nameHash(name);
    this.now = now;
    this.time = now;
    this.chance = new Chance(options.seed);
    this.targets = new Targets(this.table, this.chance, { name, hash: this.hash });
    this.questions = new Questions(options.firstNumber);
    this.#sender = { name, incarnation: 1, leaving: false, advertised };
  }

  get sender(): Sender {
    return this.#sender;
  }

  get incarnation(): number {
    return this.#sender.incarnation;
  }

  /** From now on every packet says this. */
  describe(change: Partial<Pick<Sender, "incarnation" | "leaving">>): void {
    this.#sender = { ...this.#sender, ...change };
  }

  /** How long this member's answer may take. */
  timeout(member: Pick<Member, "roundTrip">): number {
    const { probeTimeout } = this.options.settings;
    const { roundTrip } = member;
    const known = roundTrip === undefined ? UNKNOWN_SHARE * probeTimeout : patience(roundTrip);
    return Math.min(LONGEST_TIMEOUT, Math.max(probeTimeout, known) * this.health.multiplier);
  }

  /** A new number of ours. */
  ask(name: string | undefined, purpose: Purpose): number {
    return this.questions.add({ name, purpose, askedAt: this.time, stalls: this.stalls });
  }

  /** Sends with as much news as has room, `first` before all other. */
  send(to: Place, body: Body, first: readonly Update[] = []): void {
    const updates = [...first];
    if (!this.broadcasts.isEmpty) {
      const taken = first.reduce((sum, update) => sum + updateSize(update), RESERVED);
      this.broadcasts.fill(updates, this.roomFor(body) - taken);
    }
    this.sendExactly(to, body, updates);
  }

  sendExactly(to: Place, body: Body, updates: readonly Update[] = []): void {
    this.#effects.push({ type: "send", to, message: { sender: this.#sender, body, updates } });
  }

  /** Room for updates beside a body. */
  roomFor(body: Body, most: number = MAX_MESSAGE): number {
    return most - bareSize(this.#sender, body);
  }

  /** Asks a member. What is said of it comes first, so that it can contradict. */
  ping(member: Member, purpose: Purpose): void {
    const number = this.ask(member.name, purpose);
    const body: Body = { type: "ping", number, target: member.name };
    this.send(member.place, body, member.state === "alive" ? [] : [this.updateOf(member)]);
  }

  updateOf(member: Member): Update {
    return updateOf(member, MOST_ACCUSERS);
  }

  /** Tells what is now known of a member on packets to come; at once when it is urgent. */
  spread(member: Member, urgent: boolean): void {
    this.broadcasts.add(this.updateOf(member), this.#times());
    if (urgent) this.hurry();
  }

  /** Some hear from us before this step ends: `to`, and a few by chance. */
  hurry(to?: Place): void {
    this.#urgent ??= [];
    if (to !== undefined) this.#urgent.push(to);
  }

  announce(member: Pick<Member, "name">, to: "alive" | "dead" | "left", reason: ChangeReason): void {
    this.#effects.push({ type: "announce", change: { member: member.name, to, reason, at: this.now } });
  }

  perform(effect: Exclude<Effect, { type: "send" | "announce" }>): void {
    this.#effects.push(effect);
  }

  /** Everything that is to be done, the urgent news included. */
  takeEffects(): readonly Effect[] {
    if (this.#urgent !== undefined) this.#sendUrgent(this.#urgent);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #sendUrgent(to: readonly Place[]): void {
    this.#urgent = undefined;
    const gossip: Body = { type: "gossip" };
    for (const place of to) this.send(place, gossip);
    for (const member of this.targets.sample(this.#fan(), () => true)) this.send(member.place, gossip);
  }

  /** An epidemic reaches all but one in e^fan; the rest hear it on the next packets. */
  #fan(): number {
    return 3 + this.#digits();
  }

  #times(): number {
    return 4 * this.#digits();
  }

  #digits(): number {
    return Math.ceil(Math.log10(this.table.ring.length + 2));
  }
}

/** The octets a ping is filled up with. */
const RESERVED = 32;

/** How a member is called where its name is too long. */
export function nameHash(name: string): number {
  return crc32(Uint8Array.from(name, (character) => character.charCodeAt(0)));
}
