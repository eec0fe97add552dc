import { MAX_INCARNATION } from "./iana.ts";
import { type Local, nameHash } from "./local.ts";
import { isUp, type Member, supersedes } from "./member-table.ts";
import type { Place } from "./place.ts";
import type { Suspects } from "./suspects.ts";
import type { Syncs } from "./sync.ts";
import type { Update } from "./update.ts";

/** Who said it, and whether it was news or a page of a whole table. */
export interface Source {
  readonly place: Place;
  readonly hash: number;
  readonly how: "news" | "page";
}

/** What is said of members, by themselves and by others. */
export class Rumours {
  readonly #local: Local;
  readonly #suspects: Suspects;
  readonly #syncs: Syncs;

  constructor(local: Local, suspects: Suspects, syncs: Syncs) {
    this.#local = local;
    this.#suspects = suspects;
    this.#syncs = syncs;
  }

  hear(update: Update, source: Source): void {
    if (update.name === this.#local.options.name) {
      this.#hearOfOurselves(update, source);
      return;
    }
    const known = this.#local.table.get(update.name);
    if (known === undefined) this.#learn(update, source);
    else this.#reconsider(known, update, source);
  }

  /** A member that is up, by its own word or another's. */
  arrive(update: Omit<Update, "state" | "accusers">): Member | undefined {
    const { table, targets, now } = this.#local;
    const known = table.get(update.name);
    if (known !== undefined) {
      const wasUp = isUp(known);
      known.incarnation = update.incarnation;
      known.place = update.place;
      table.setState(known, "alive", wasUp ? known.since : now);
      if (!wasUp) {
        targets.added(known);
        this.#local.announce(known, "alive", "returned");
      }
      this.#spread(known);
      return known;
    }
    const member = this.#remember({ ...update, state: "alive", accusers: [] });
    if (member === undefined) return undefined;
    targets.added(member);
    this.#local.announce(member, "alive", "joined");
    this.#spread(member);
    return member;
  }

  /** A member that is gone. */
  depart(member: Member, state: "dead" | "left", incarnation: number): void {
    const wasUp = isUp(member);
    member.incarnation = incarnation;
    this.#local.table.setState(member, state, this.#local.now);
    this.#local.spread(member, wasUp);
    if (wasUp) this.#local.announce(member, state, state === "left" ? "goodbye" : "reported");
  }

  /** Our own word stands against what is said of us, in a higher incarnation. Who said it hears first. */
  refute(incarnation: number, place: Place): void {
    const local = this.#local;
    const higher = Math.max(incarnation, local.incarnation) + 1;
    // Only a liar accuses in the last one. To say again what refutes nothing would be accused again, and so on for ever.
    if (higher > MAX_INCARNATION) return;
    local.describe({ incarnation: higher });
    local.hurry(place);
  }

  #hearOfOurselves({ state, incarnation, place }: Update, source: Source): void {
    const local = this.#local;
    if (incarnation < local.incarnation || local.leaving) return;
    if (state === "alive") {
      // An earlier life of ours was at this very place. One at another place may be somebody else, who is asked first.
      if (incarnation > local.incarnation && this.#syncs.isOwnPlace(place)) this.refute(incarnation, source.place);
      return;
    }
    if (state === "suspect") local.health.worse();
    this.refute(incarnation, source.place);
  }

  #learn(update: Update, source: Source): void {
    if (update.state === "alive" || update.state === "suspect") {
      const member = this.arrive(update);
      if (member !== undefined && update.state === "suspect") this.#suspects.accuse(member, update.accusers, false);
      return;
    }
    // Old tables must not keep a memory alive for ever: only fresh news, or what one hears on joining.
    if (source.how === "news" || this.#syncs.alone) this.#remember(update);
  }

  #reconsider(known: Member, update: Update, { how, hash }: Source): void {
    if (update.state === "suspect" && update.incarnation === known.incarnation && known.state === "suspect") {
      this.#suspects.accuse(known, update.accusers, false);
      return;
    }
    if (!supersedes(update, known)) return;
    switch (update.state) {
      case "alive":
        this.arrive(update);
        return;
      case "suspect":
        this.#suspect(known, update);
        return;
      case "dead":
        // A table may be that of another part of a cluster that was torn: who seems alive here is asked for its own word first.
        if (how === "page" && isUp(known)) this.#suspect(known, { ...update, accusers: [hash] });
        else this.depart(known, "dead", update.incarnation);
        return;
      case "left":
        this.depart(known, "left", update.incarnation);
    }
  }

  #suspect(known: Member, update: Update): void {
    if (!isUp(known) || update.incarnation > known.incarnation) this.arrive(update);
    this.#suspects.accuse(known, update.accusers, false);
  }

  #remember({ name, state, incarnation, place }: Update): Member | undefined {
    const { table, now } = this.#local;
    if (table.isFull) {
      this.#local.perform({ type: "refuse", reason: "table-full", from: place });
      return undefined;
    }
    const member: Member = {
      name,
      hash: nameHash(name),
      place,
      state,
      incarnation,
      since: now,
      session: undefined,
      roundTrip: undefined,
      suspicion: undefined,
      probed: false,
    };
    table.add(member);
    return member;
  }

  #spread(member: Member): void {
    if (!this.#syncs.alone) this.#local.spread(member, true);
  }
}
