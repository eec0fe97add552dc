import { type Micros, micros, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";

/** Where a thread notes that it moves: microseconds of the machine's clock, which all threads share. */
export type Pulse = BigInt64Array;

/** How a thread fares. */
export interface ThreadReading {
  readonly name: string;
  /** Times it was lost. */
  readonly losses: number;
  /** Why nobody should count on it any more, in words; undefined when all is well. */
  readonly trouble: string | undefined;
}

interface Watched {
  pulse: Pulse | undefined;
  startedAt: Micros;
  losses: number;
  /** Losses in a row, of threads that did not live. */
  inVain: number;
  lastReason: string;
}

/** A thread that stands still for so long is stuck: it moves every second. */
const STUCK_AFTER = seconds(15);
/** One that lived so long is not what ended the one before it. */
const LIVED = seconds(60);
/** So many in a row, and starting it once more will not help: the process has to begin anew. */
const MOST_IN_VAIN = 5;

/** Knows which threads of the process run, and whether they move. It asks nothing of them: a thread that is stuck cannot answer. */
export class ThreadWatch {
  readonly #clock: Clock;
  readonly #threads = new Map<string, Watched>();

  /** The clock must be the one that the threads have. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  started(name: string, pulse: Pulse): void {
    const now = this.#clock.now();
    Atomics.store(pulse, 0, BigInt(now));
    const known = this.#threads.get(name);
    if (known === undefined) this.#threads.set(name, { pulse, startedAt: now, losses: 0, inVain: 0, lastReason: "" });
    else Object.assign(known, { pulse, startedAt: now });
  }

  /** It was not told to end. */
  lost(name: string, reason: string): void {
    const thread = this.#threads.get(name);
    if (thread === undefined) return;
    thread.losses += 1;
    thread.inVain = this.#clock.now() - thread.startedAt >= LIVED ? 1 : thread.inVain + 1;
    thread.lastReason = reason;
    thread.pulse = undefined;
  }

  closed(name: string): void {
    const thread = this.#threads.get(name);
    if (thread !== undefined) Object.assign(thread, { pulse: undefined, inVain: 0 });
  }

  readings(): readonly ThreadReading[] {
    return [...this.#threads].map(([name, thread]) => ({
      name,
      losses: thread.losses,
      trouble: this.#trouble(thread),
    }));
  }

  #trouble({ pulse, inVain, startedAt, lastReason }: Watched): string | undefined {
    const now = this.#clock.now();
    const still = pulse === undefined ? 0 : now - Number(Atomics.load(pulse, 0));
    if (still >= STUCK_AFTER) return `has not moved for ${Math.floor(still / seconds(1))} s`;
    const lives = pulse !== undefined && now - startedAt >= LIVED;
    if (inVain >= MOST_IN_VAIN && !lives) return `was lost ${inVain} times in a row: ${lastReason}`;
    return undefined;
  }
}

/** How often a thread notes that it moves. */
const BEAT = seconds(1);

/** Notes at once, and every second from now on, that this thread moves. */
export function beat(clock: Clock, pulse: Pulse): void {
  Atomics.store(pulse, 0, BigInt(clock.now()));
  clock.after(micros(BEAT), () => beat(clock, pulse));
}
