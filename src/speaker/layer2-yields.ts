import { type Micros, micros, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";

/**
 * A rival's view may be the older one, and nobody says so when it lets go: whoever yielded looks again soon, and less and less often
 * where it yields again.
 */
const LOOK_AGAIN = { first: seconds(2), longest: seconds(300) };
/** Who cannot hear its rival on the LAN must not come back early each time: these waits may end before their time, longer ones not. */
const MAY_LAPSE = seconds(8);

interface Yield {
  readonly rival: string;
  readonly timer: Timer;
}

/** How long the last one was, and its end. */
interface Wait {
  readonly length: Micros;
  readonly until: Micros;
}

/** The addresses left to rivals for a while, although this node's own election gave them to it. */
export class Layer2Yields {
  readonly #clock: Clock;
  readonly #over: (ip: string) => void;
  readonly #yielded = new Map<string, Yield>();
  /** Of addresses that are tried again. */
  readonly #waits = new Map<string, Wait>();

  constructor(clock: Clock, over: (ip: string) => void) {
    this.#clock = clock;
    this.#over = over;
  }

  has(ip: string): boolean {
    return this.#yielded.has(ip);
  }

  /** Whether it is tried again, after it was left to a rival not long ago. */
  isTried(ip: string): boolean {
    const last = this.#waits.get(ip);
    return last !== undefined && !this.has(ip) && this.#clock.now() - last.until <= LOOK_AGAIN.longest;
  }

  add(ip: string, rival: string): void {
    if (this.#yielded.has(ip)) return;
    const length = this.#nextWait(ip);
    this.#waits.set(ip, { length, until: micros(this.#clock.now() + length) });
    const timer = this.#clock.after(length, () => {
      this.#yielded.delete(ip);
      this.#over(ip);
    });
    this.#yielded.set(ip, { rival, timer });
  }

  /** The rival has let go: the wait is over before its time, if it may be. */
  lapse(ip: string): boolean {
    const [yielded, wait] = [this.#yielded.get(ip), this.#waits.get(ip)];
    if (yielded === undefined || wait === undefined || wait.length > MAY_LAPSE) return false;
    yielded.timer.cancel();
    this.#yielded.delete(ip);
    this.#waits.set(ip, { ...wait, until: this.#clock.now() });
    return true;
  }

  /** The address is no longer this node's to yield: a later duel begins anew. */
  forget(ip: string): void {
    this.#yielded.get(ip)?.timer.cancel();
    this.#yielded.delete(ip);
    this.#waits.delete(ip);
  }

  /** These rivals are gone. Forgets what was left to them, and says which addresses they were. */
  left(rivals: ReadonlySet<string>): readonly string[] {
    const ips = [...this.#yielded].flatMap(([ip, { rival }]) => (rivals.has(rival) ? [ip] : []));
    for (const ip of ips) this.forget(ip);
    return ips;
  }

  /** Forgets all, and says which they were. */
  clear(): readonly string[] {
    const ips = [...this.#yielded.keys()];
    for (const ip of ips) this.forget(ip);
    return ips;
  }

  /** One duel has to do with another only when there was not much time between them. */
  #nextWait(ip: string): Micros {
    const last = this.#waits.get(ip);
    return last === undefined || !this.isTried(ip)
      ? LOOK_AGAIN.first
      : micros(Math.min(last.length * 2, LOOK_AGAIN.longest));
  }
}
