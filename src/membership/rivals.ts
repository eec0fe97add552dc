import type { Local } from "./local.ts";
import { isUp, type Member } from "./member-table.ts";
import { type Place, samePlace } from "./place.ts";
import type { Claim } from "./question.ts";
import type { SessionId } from "./session.ts";

/** Names that are looked into at one time. */
const MOST_CLAIMS = 64;

/** Two processes with one name: who has it is asked whether it still lives before another gets it. */
export class Rivals {
  readonly #local: Local;
  readonly #claims = new Map<string, Claim>();

  constructor(local: Local) {
    this.#local = local;
  }

  /** Whether this is another process than the one that has the name, somewhere else. Then the holder is asked. */
  isRival(holder: Member, session: SessionId, place: Place): boolean {
    if (!isUp(holder) || holder.session === session || samePlace(holder.place, place)) return false;
    if (this.#claims.has(holder.name) || this.#claims.size >= MOST_CLAIMS) return true;
    const due = this.#local.time + 2 * this.#local.timeout(holder);
    const claim: Claim = { name: holder.name, place, session, due };
    this.#claims.set(holder.name, claim);
    this.#local.ping(holder, { type: "vacancy", claim });
    return true;
  }

  /** The holder answers: the same process, seen from two sides, or another one, and the newcomer stays out. */
  answered(claim: Claim, holder: Member, session: SessionId): void {
    if (!this.#claims.delete(claim.name)) return;
    holder.session = session;
    if (session === claim.session) return;
    this.#local.perform({ type: "refuse", reason: "name-taken", from: claim.place });
    this.#local.sendExactly(claim.place, { type: "name-taken" });
  }

  due(): number {
    let due = Number.POSITIVE_INFINITY;
    for (const claim of this.#claims.values()) due = Math.min(due, claim.due);
    return due;
  }

  onTime(): void {
    for (const claim of this.#claims.values()) {
      if (this.#local.time < claim.due) continue;
      this.#claims.delete(claim.name);
      this.#succeed(claim);
    }
  }

  /** The holder is silent. The newcomer hears of its earlier life at its own place, and goes on from there. */
  #succeed({ name, place, session }: Claim): void {
    const holder = this.#local.table.get(name);
    if (holder === undefined) return;
    holder.place = place;
    holder.session = session;
    this.#local.send(place, { type: "gossip" }, [this.#local.updateOf(holder)]);
  }
}
