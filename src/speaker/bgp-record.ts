import type { Notification } from "../bgp/error.ts";
import type { BgpState } from "../bgp/fsm-values.ts";
import type { Micros } from "../net/micros.ts";

/** One change of a session's state. */
export interface StateChanged {
  readonly at: Micros;
  readonly from: BgpState;
  readonly to: BgpState;
  readonly reason: string;
}

/** A NOTIFICATION that ended an attempt or a session. */
export interface Notified {
  readonly at: Micros;
  readonly direction: "in" | "out";
  readonly notification: Notification;
}

const MOST_CHANGES = 64;

/** What is remembered of a session for people: what went wrong last, also after it is up again, and its latest states. */
export class SessionRecord {
  readonly #timeline: StateChanged[] = [];
  #since: Micros;
  #lost = 0;
  #lastDown: StateChanged | undefined;
  #lastNotification: Notified | undefined;

  constructor(begun: Micros) {
    this.#since = begun;
  }

  changed(change: StateChanged): void {
    if (change.from === "established" || change.to === "established") this.#since = change.at;
    this.#timeline.push(change);
    if (this.#timeline.length > MOST_CHANGES) this.#timeline.shift();
    if (change.from !== "established") return;
    this.#lost++;
    this.#lastDown = change;
  }

  notified(seen: Notified): void {
    this.#lastNotification = seen;
  }

  /** Since when it is up, or is not: between two attempts the state itself changes all the time. */
  get since(): Micros {
    return this.#since;
  }

  /** Oldest first. */
  get timeline(): readonly StateChanged[] {
    return [...this.#timeline];
  }

  /** How often the session was up and ended. */
  get lost(): number {
    return this.#lost;
  }

  get lastDown(): StateChanged | undefined {
    return this.#lastDown;
  }

  get lastNotification(): Notified | undefined {
    return this.#lastNotification;
  }
}
