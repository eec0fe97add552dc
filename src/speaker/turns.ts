import { micros, millis } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";

/** Work in steps that take far less than a turn each. */
export type Work = Generator<void, void>;

/** How long one turn of the event loop is spent on it: a keepalive that is due, or a change that comes in, waits no longer than this. */
const TURN = millis(8);

/** Does long work a few milliseconds at a time, so that everything else goes on in between. */
export class Turns {
  readonly #clock: Clock;
  readonly #ended: () => void;
  #job: { readonly work: Work; readonly done: () => void } | undefined;
  #timer: Timer | undefined;

  /** `ended` is called at the end of every turn. */
  constructor(clock: Clock, ended: () => void) {
    this.#clock = clock;
    this.#ended = ended;
  }

  /** Whether there is work that is not done. */
  get busy(): boolean {
    return this.#job !== undefined;
  }

  /** Begins at once, in the place of what was under way; `done` is called after the last turn. */
  begin(work: Work, done: () => void = () => {}): void {
    this.stop();
    this.#job = { work, done };
    this.#turn();
  }

  /** Begins with the next turn. */
  beginSoon(work: Work): void {
    this.stop();
    this.#job = { work, done: () => {} };
    this.#rest();
  }

  /** Leaves what is not done. */
  stop(): void {
    this.#timer?.cancel();
    this.#job = undefined;
  }

  #rest(): void {
    this.#timer = this.#clock.after(micros(0), () => this.#turn());
  }

  #turn(): void {
    const job = this.#job;
    if (job === undefined) return;
    const end = this.#clock.now() + TURN;
    let isDone = false;
    do isDone = job.work.next().done === true;
    while (!isDone && this.#clock.now() < end);
    if (isDone) this.#job = undefined;
    this.#ended();
    if (isDone) job.done();
    else this.#rest();
  }
}
