import { RouteStore } from "../bgp/rib-store.ts";
import { micros } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";

/** One that has something to write, bit by bit. */
export interface PacedWriter {
  /** Writes a burst; true when there is more and the connection would take it. */
  burst(): boolean;
}

/** How long one turn of the event loop may be spent on encoding routes. */
const TURN = micros(4_000);
/** How often a writer may be done in one turn: changes that come faster wait for each other and share UPDATEs. */
const ROUNDS = 8;

/**
 * What the outboxes of a speaker share: the routes, and the event loop's time. The first writes of a turn leave at once; what a
 * turn has no time for waits for the next, and each writer gets its share.
 */
export class OutboxHub {
  readonly store = new RouteStore();
  readonly #clock: Clock;
  readonly #waiting = new Set<PacedWriter>();
  readonly #rounds = new Map<PacedWriter, number>();
  #spent = 0;
  #turn: Timer | undefined;

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  /** Lets the writer write: at once when the turn has time left and nobody waits, or in the next turn. */
  request(writer: PacedWriter): void {
    this.#turn ??= this.#clock.after(micros(0), () => this.#nextTurn());
    this.#waiting.add(writer);
    if (this.#waiting.size === 1) this.#run();
  }

  /** The writer has no connection any more. */
  withdraw(writer: PacedWriter): void {
    this.#waiting.delete(writer);
    this.#rounds.delete(writer);
    if (this.#waiting.size > 0 || this.#rounds.size > 0) return;
    this.#turn?.cancel();
    this.#turn = undefined;
    this.#spent = 0;
  }

  /** Round after round, a burst each, for as long as the turn has time. */
  #run(): void {
    const start = this.#clock.now() - this.#spent;
    for (let ready = this.#ready(); ready.length > 0; ready = this.#ready()) {
      for (const writer of ready) {
        if (this.#spent >= TURN) return;
        if (this.#waiting.delete(writer)) this.#burst(writer);
        this.#spent = this.#clock.now() - start;
      }
    }
  }

  #ready(): readonly PacedWriter[] {
    return [...this.#waiting].filter((writer) => (this.#rounds.get(writer) ?? 0) < ROUNDS);
  }

  #burst(writer: PacedWriter): void {
    if (writer.burst()) this.#waiting.add(writer);
    else this.#rounds.set(writer, (this.#rounds.get(writer) ?? 0) + 1);
  }

  #nextTurn(): void {
    this.#turn = undefined;
    this.#spent = 0;
    this.#rounds.clear();
    if (this.#waiting.size === 0) return;
    this.#turn = this.#clock.after(micros(0), () => this.#nextTurn());
    this.#run();
  }
}
