import type { NotSent } from "../bgp/packing.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import { seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import type { Log } from "../telemetry/log.ts";

/** Looking goes through all routes of a peer, which a change of one of them is not worth: changes are waited for this long. */
const PATIENCE = seconds(1);

/** Where routes go out: an outbox, as far as it is looked at here. */
export interface RouteSource {
  /** What was found impossible to send so far. */
  readonly notSent: Iterable<{ readonly prefix: IpPrefix; readonly reason: NotSent }>;
  /** Whether there are routes that have not been looked at yet. */
  readonly pending: boolean;
}

/** Says in the log when routes begin to be impossible to send, once for each reason. */
export class UnsentReport {
  readonly #ports: { readonly clock: Clock; readonly log: Log };
  readonly #source: RouteSource;
  #timer: Timer | undefined;
  #said: ReadonlySet<NotSent> = new Set();

  constructor(ports: { readonly clock: Clock; readonly log: Log }, source: RouteSource) {
    this.#ports = ports;
    this.#source = source;
  }

  /** The routes, or the session they go over, have changed. */
  look(): void {
    this.#timer ??= this.#ports.clock.after(PATIENCE, () => {
      this.#timer = undefined;
      this.#report();
    });
  }

  /** The session is gone; the next one is told apart only by what differs. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #report(): void {
    const found = new Map<NotSent, { prefix: IpPrefix; count: number }>();
    for (const { prefix, reason } of this.#source.notSent) {
      const known = found.get(reason);
      if (known === undefined) found.set(reason, { prefix, count: 1 });
      else known.count++;
    }
    for (const [reason, { prefix, count }] of found) {
      if (!this.#said.has(reason))
        this.#ports.log.warn("routes cannot be sent", { reason, count, prefix: `${prefix}` });
    }
    this.#said = new Set(found.keys());
    if (this.#source.pending) this.look();
  }
}
