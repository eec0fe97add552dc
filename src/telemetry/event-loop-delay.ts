import { micros, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";

/** What `monitorEventLoopDelay` of `node:perf_hooks` gives, as far as it is read: nanoseconds. */
export interface DelayHistogram {
  readonly max: number;
  percentile(percentile: number): number;
  reset(): void;
}

interface Statistics {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Whoever scrapes, and however often, reads the same: a whole window that is over. */
const WINDOW = seconds(10);
const NANOSECONDS = 1e9;

/** How late the main thread has been lately, in seconds. */
export class EventLoopDelay {
  readonly #clock: Clock;
  readonly #histogram: DelayHistogram;
  readonly #resolution: number;
  #last: Statistics | undefined;
  #timer: Timer | undefined;

  /** `resolution` is how often the histogram looks, in milliseconds: it counts that as delay. */
  constructor({ clock, histogram }: { clock: Clock; histogram: DelayHistogram }, resolution: number) {
    this.#clock = clock;
    this.#histogram = histogram;
    this.#resolution = resolution / 1000;
    this.#arm();
  }

  /** Of the last window; of the first one while there is no other. */
  statistics(): Statistics {
    return this.#last ?? this.#read();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer = this.#clock.after(micros(WINDOW), () => {
      this.#last = this.#read();
      this.#histogram.reset();
      this.#arm();
    });
  }

  #read(): Statistics {
    const delay = (nanoseconds: number): number => Math.max(0, nanoseconds / NANOSECONDS - this.#resolution);
    const { max } = this.#histogram;
    return {
      p50: delay(this.#histogram.percentile(50)),
      p99: delay(this.#histogram.percentile(99)),
      max: delay(max),
    };
  }
}
