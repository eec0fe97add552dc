import type { Chance } from "./chance.ts";
import { type Member, type MemberTable, ringIndex } from "./member-table.ts";

/**
 * Who is asked next. Each member asks the one behind it in the ring of hashes, so that everybody is asked once in an interval by somebody,
 * and SWIM's rotation besides: a list in random order, so that everybody asks everybody, also when several that were neighbours die.
 */
export class Targets {
  readonly #table: MemberTable;
  readonly #chance: Chance;
  readonly #self: { readonly name: string; readonly hash: number };
  #rotation: Member[] = [];

  constructor(table: MemberTable, chance: Chance, self: { readonly name: string; readonly hash: number }) {
    this.#table = table;
    this.#chance = chance;
    this.#self = self;
  }

  /** The next behind us that nobody suspects: a suspect is asked anyway, and those behind it must not wait for its end. */
  successor(): Member | undefined {
    const { ring } = this.#table;
    const start = ringIndex(ring, this.#self);
    for (let i = 0; i < ring.length; i++) {
      const member = ring[(start + i) % ring.length];
      if (member?.state === "alive") return member;
    }
    return undefined;
  }

  /** The next of the rotation that is up and not `besides`. */
  next(besides: Member | undefined): Member | undefined {
    for (let round = 0; round < 2; round++) {
      for (let member = this.#rotation.pop(); member !== undefined; member = this.#rotation.pop())
        if (member !== besides && member.state !== "dead" && member.state !== "left") return member;
      this.#rotation = this.sample(this.#table.ring.length, () => true);
    }
    return undefined;
  }

  /** Somebody new is asked in this round too, at any place in it. */
  added(member: Member): void {
    this.#rotation.push(member);
    const at = this.#chance.below(this.#rotation.length);
    const other = this.#rotation[at];
    if (other === undefined) return;
    this.#rotation[at] = member;
    this.#rotation[this.#rotation.length - 1] = other;
  }

  /** Up to `count` different members that are up, by chance. */
  sample(count: number, suits: (member: Member) => boolean): Member[] {
    const { ring } = this.#table;
    if (count < ring.length / 2) return this.#pick(count, suits);
    const fitting = ring.filter(suits);
    for (let i = 0; i < Math.min(count, fitting.length - 1); i++) {
      const other = i + this.#chance.below(fitting.length - i);
      const [a, b] = [fitting[i], fitting[other]];
      if (a === undefined || b === undefined) continue;
      fitting[i] = b;
      fitting[other] = a;
    }
    return fitting.slice(0, count);
  }

  /** A few of many: tried by chance, not for ever. */
  #pick(count: number, suits: (member: Member) => boolean): Member[] {
    const { ring } = this.#table;
    const picked: Member[] = [];
    for (let tries = 0; picked.length < count && tries < 4 * count; tries++) {
      const member = ring[this.#chance.below(ring.length)];
      if (member !== undefined && suits(member) && !picked.includes(member)) picked.push(member);
    }
    return picked;
  }
}
