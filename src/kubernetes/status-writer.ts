import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { backoffDelay, pause } from "./backoff.ts";
import type { KubernetesClient, PatchOptions } from "./client.ts";
import { ApiError, isConflict, isRetryable } from "./errors.ts";
import type { Resource } from "./resource.ts";

export interface PatchPoolPorts {
  readonly client: Pick<KubernetesClient, "patch">;
  readonly clock: Clock;
  readonly random: Random;
}

export interface PatchPoolConfig {
  /** Requests in flight: 32, sensible from 16 to 64. */
  readonly concurrency?: number;
  /** Tries before the last error is thrown: 8. */
  readonly attempts?: number;
}

/** One patch to get through. */
export interface PatchJob extends PatchOptions {
  readonly resource: Resource;
  readonly name: string;
  /**
   * Asked before every try, so that a patch with a resourceVersion can be made anew after a conflict. `undefined` means
   * that there is nothing left to do.
   */
  readonly body: () => unknown;
}

const BACKOFF = { baseDelay: millis(50), maxDelay: seconds(10) };

/**
 * Patches with a bounded number in flight, tried again after conflicts, overload and server faults. A 429 holds back the
 * whole pool for as long as the server asks. While a job waits to be tried again it takes no place from others.
 */
export class PatchPool {
  readonly #ports: PatchPoolPorts;
  readonly #concurrency: number;
  readonly #attempts: number;
  readonly #waiters: (() => void)[] = [];
  #inFlight = 0;
  #heldUntil = micros(0);

  constructor(ports: PatchPoolPorts, config: PatchPoolConfig = {}) {
    this.#ports = ports;
    this.#concurrency = config.concurrency ?? 32;
    this.#attempts = config.attempts ?? 8;
  }

  /** Requests in flight now. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Jobs that wait for a place. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /**
   * Resolves with the object as the server answered, or with nothing when the job became pointless.
   * @throws what the last try threw, or at once what no further try can help; the signal's reason when that was aborted
   */
  async submit<T>(job: PatchJob): Promise<T | undefined> {
    for (let failures = 0; ; ) {
      try {
        return await this.#try<T>(job);
      } catch (error) {
        failures += 1;
        if (job.signal?.aborted === true || !(isConflict(error) || isRetryable(error))) throw error;
        if (failures >= this.#attempts) throw error;
        await pause(this.#ports.clock, this.#delay(error, failures), job.signal);
      }
    }
  }

  #delay(error: unknown, failures: number): Micros {
    const jittered = backoffDelay(failures, BACKOFF, this.#ports.random);
    const asked = error instanceof ApiError ? (error.retryAfter ?? micros(0)) : micros(0);
    if (asked > 0) this.#heldUntil = micros(Math.max(this.#heldUntil, this.#ports.clock.now() + asked));
    // Those who were told the same time do not all come back at the same moment.
    return micros(asked + jittered);
  }

  async #try<T>(job: PatchJob): Promise<T | undefined> {
    await this.#acquire();
    try {
      await this.#hold(job.signal);
      job.signal?.throwIfAborted();
      const body = job.body();
      if (body === undefined) return undefined;
      const { resource, name, body: _, ...options } = job;
      return await this.#ports.client.patch<T>(resource, name, body, options);
    } finally {
      this.#release();
    }
  }

  async #hold(signal: AbortSignal | undefined): Promise<void> {
    for (let left = this.#left(); left > 0 && signal?.aborted !== true; left = this.#left()) {
      await pause(this.#ports.clock, left, signal);
    }
  }

  #left(): Micros {
    return micros(this.#heldUntil - this.#ports.clock.now());
  }

  async #acquire(): Promise<void> {
    if (this.#inFlight < this.#concurrency) {
      this.#inFlight += 1;
      return;
    }
    // The place is handed over, so nobody can come in between.
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #release(): void {
    const next = this.#waiters.shift();
    if (next === undefined) this.#inFlight -= 1;
    else next();
  }
}
