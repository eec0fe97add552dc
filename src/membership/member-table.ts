import type { Micros } from "../net/micros.ts";
import type { Place } from "./place.ts";
import type { RoundTrip } from "./round-trip.ts";
import type { SessionId } from "./session.ts";
import type { Suspicion } from "./suspicion.ts";
import type { MemberState, Update } from "./update.ts";

/** Everything known of another member. Changed in place: a thousand of them are touched many times a second. */
export interface Member {
  readonly name: string;
  /** CRC-32 of the name: its place in the ring, and how it is called as an accuser. */
  readonly hash: number;
  place: Place;
  state: MemberState;
  incarnation: number;
  /** When it came into this state. */
  since: Micros;
  /** The life of its process that we have heard of ourselves. */
  session: SessionId | undefined;
  roundTrip: RoundTrip | undefined;
  suspicion: Suspicion | undefined;
  /** A question of ours to it is open. */
  probed: boolean;
}

/** Members of all states, those that died included: old news must not bring them back. */
const MOST_MEMBERS = 4096;

/** All other members by name, and those that are up as a ring. */
export class MemberTable {
  readonly #byName = new Map<string, Member>();
  #names: readonly string[] | undefined;
  #ring: Member[] = [];

  get(name: string): Member | undefined {
    return this.#byName.get(name);
  }

  get isFull(): boolean {
    return this.#byName.size >= MOST_MEMBERS;
  }

  /** Those that are up, suspects among them, in the order of the ring: by hash, then by name. */
  get ring(): readonly Member[] {
    return this.#ring;
  }

  all(): Iterable<Member> {
    return this.#byName.values();
  }

  add(member: Member): void {
    this.#byName.set(member.name, member);
    this.#names = undefined;
    if (isUp(member)) this.#ring.splice(this.#ringIndex(member), 0, member);
  }

  /** The only way a member changes between up and down. */
  setState(member: Member, state: MemberState, at: Micros): void {
    const wasUp = isUp(member);
    member.state = state;
    member.since = at;
    if (state !== "suspect") member.suspicion = undefined;
    if (wasUp === isUp(member)) return;
    const index = this.#ringIndex(member);
    if (wasUp) this.#ring.splice(index, 1);
    else this.#ring.splice(index, 0, member);
  }

  remove(member: Member): void {
    this.#byName.delete(member.name);
    this.#names = undefined;
  }

  /** The members after a name, in the order of names. */
  *after(name: string): Iterable<Member> {
    this.#names ??= [...this.#byName.keys()].sort();
    const names = this.#names;
    let low = 0;
    let high = names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((names[middle] ?? "") <= name) low = middle + 1;
      else high = middle;
    }
    for (; low < names.length; low++) {
      const member = this.#byName.get(names[low] ?? "");
      if (member !== undefined) yield member;
    }
  }

  /** Where in the ring this one is, or belongs. */
  #ringIndex(member: Pick<Member, "hash" | "name">): number {
    return ringIndex(this.#ring, member);
  }
}

/** The first place in a ring that is not before this one. */
export function ringIndex(ring: readonly Member[], { hash, name }: Pick<Member, "hash" | "name">): number {
  let low = 0;
  let high = ring.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = ring[middle];
    if (other !== undefined && (other.hash < hash || (other.hash === hash && other.name < name))) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function isUp({ state }: Pick<Member, "state">): boolean {
  return state === "alive" || state === "suspect";
}

/** SWIM's order: which news of a member takes the place of what is known. At one incarnation the worse one does. */
export function supersedes(update: Update, known: Pick<Member, "state" | "incarnation">): boolean {
  if (update.incarnation !== known.incarnation) return update.incarnation > known.incarnation;
  switch (update.state) {
    case "alive":
      return false;
    case "suspect":
      return known.state === "alive";
    case "dead":
    case "left":
      return isUp(known);
  }
}

/** What we say of a member. */
export function updateOf({ name, state, incarnation, place, suspicion }: Member, most: number): Update {
  const accusers = suspicion === undefined ? [] : [...suspicion.accusers].slice(0, most);
  return { name, state, incarnation, place, accusers };
}
