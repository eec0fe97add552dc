import { setMaxListeners } from "node:events";
import { pause } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/errors.ts";
import { type Micros, micros, millis } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import { TransientError } from "../wire/errors.ts";

export interface WriteGatePorts {
  readonly clock: Clock;
  /** Asked right before each write. */
  readonly mayWrite: () => boolean;
}

/** How often the Lease is looked at while writes outlive their term: it may run out before they are answered. */
const LEASE_POLL = millis(100);

type Guarded = Pick<KubernetesClient, "get" | "pages" | "watch" | "create" | "patch">;

/** The Lease ran out between the decision and the write. */
class NoLongerLeader extends TransientError {
  readonly code = "ERR_CONTROLLER_NOT_LEADER";
}

/** What a write hands to the client: it is cut when the Lease is lost, and looked at again when its first byte is to leave. */
interface Guard {
  readonly signal: AbortSignal;
  readonly maySend: () => boolean;
}

/**
 * What every write of a term goes through: none begins without the Lease, also not one that waited for its connection while the
 * process slept; one under way when the Lease is lost is cut; and when the API asks for a pause (429 with Retry-After) all pause.
 */
export class WriteGate {
  readonly #ports: WriteGatePorts;
  readonly #lost = new AbortController();
  #term: AbortSignal | undefined;
  #closedUntil: Micros = micros(0);
  #underWay = 0;
  #leasePoll: Timer | undefined;

  constructor(ports: WriteGatePorts) {
    this.#ports = ports;
    // Every write under way listens to it, and every write that pauses to the term.
    setMaxListeners(0, this.#lost.signal);
  }

  /**
   * From now on, until the signal ends the term. A stop in good order lets what is under way be answered, for as long as the
   * Lease is still ours.
   */
  open(term: AbortSignal): void {
    this.#term = term;
    setMaxListeners(0, term);
    term.addEventListener("abort", () => this.#watchLease(), { once: true });
  }

  /** @throws {NoLongerLeader} and what the write throws */
  async write<T>(act: (guard: Guard) => Promise<T>): Promise<T> {
    await this.#pause();
    if (this.#term?.aborted !== false) throw new NoLongerLeader("the term ended before the write");
    return await this.#guarded(act);
  }

  /** A client for what is said beside the addresses: it goes on after the term, for as long as the Lease is ours. */
  client(client: Guarded): Guarded {
    return {
      get: (resource, name, options) => client.get(resource, name, options),
      pages: (resource, options) => client.pages(resource, options),
      watch: (resource, options) => client.watch(resource, options),
      create: (resource, body, options) =>
        this.#guarded((guard) => client.create(resource, body, { ...options, ...guard })),
      patch: (resource, name, body, options) =>
        this.#guarded((guard) => client.patch(resource, name, body, { ...options, ...guard })),
    };
  }

  async #guarded<T>(act: (guard: Guard) => Promise<T>): Promise<T> {
    const { mayWrite } = this.#ports;
    if (!mayWrite()) throw new NoLongerLeader("the lease ended before the write");
    this.#underWay++;
    if (this.#term?.aborted === true) this.#watchLease();
    try {
      return await act({ signal: this.#lost.signal, maySend: mayWrite });
    } catch (error) {
      if (error instanceof ApiError && error.retryAfter !== undefined) this.#close(error.retryAfter);
      throw error;
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) this.#leasePoll?.cancel();
    }
  }

  /** Once the term is over nobody tells of the end of the Lease any more. */
  #watchLease(): void {
    this.#leasePoll?.cancel();
    if (this.#underWay === 0) return;
    if (!this.#ports.mayWrite()) this.#lost.abort(new NoLongerLeader("the lease ended during the write"));
    else this.#leasePoll = this.#ports.clock.after(LEASE_POLL, () => this.#watchLease());
  }

  async #pause(): Promise<void> {
    const { clock } = this.#ports;
    for (let left = this.#left(); left > 0 && this.#term?.aborted === false; left = this.#left()) {
      await pause(clock, left, this.#term);
    }
  }

  #left(): Micros {
    return micros(this.#closedUntil - this.#ports.clock.now());
  }

  #close(asked: Micros): void {
    this.#closedUntil = micros(Math.max(this.#closedUntil, this.#ports.clock.now() + asked));
  }
}
