import type { ServiceEvent } from "../allocation/convergence.ts";
import type { Service } from "../api/core.ts";
import { millis } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";

export interface LateEventsPorts {
  readonly clock: Clock;
  /** Whether Services wait for their addresses. */
  readonly busy: () => boolean;
  /** How many more events the recorder takes without dropping any. */
  readonly room: () => number;
  readonly record: (service: Service, event: ServiceEvent) => void;
}

const PACE = millis(100);
/** So many at a time. */
const SLICE = 200;
/** However busy it is, nobody waits longer for his event. */
const PATIENCE = 20;

/**
 * Holds events back while Services wait for addresses: what an API server takes is shared, and an address is worth more
 * than the news of it. When nothing waits, an event is passed on at once. What the recorder has no room for waits as well: of ten
 * thousand Services without an address each is told why.
 */
export class LateEvents {
  readonly #ports: LateEventsPorts;
  #waiting: (readonly [Service, ServiceEvent])[] = [];
  #due: Timer | undefined;
  #waited = 0;

  constructor(ports: LateEventsPorts) {
    this.#ports = ports;
  }

  publish(service: Service, event: ServiceEvent): void {
    if (this.#waiting.length === 0 && !this.#ports.busy() && this.#ports.room() > 0) {
      this.#ports.record(service, event);
      return;
    }
    this.#waiting.push([service, event]);
    this.#arm();
  }

  /** Passes everything on now. */
  flush(): void {
    this.#due?.cancel();
    this.#due = undefined;
    this.#pass(this.#waiting.length);
  }

  #arm(): void {
    this.#due ??= this.#ports.clock.after(PACE, () => {
      this.#due = undefined;
      this.#waited += 1;
      if (!this.#ports.busy() || this.#waited >= PATIENCE) this.#pass(Math.min(SLICE, this.#ports.room()));
      if (this.#waiting.length > 0) this.#arm();
      else this.#waited = 0;
    });
  }

  #pass(count: number): void {
    for (const [service, event] of this.#waiting.splice(0, count)) this.#ports.record(service, event);
  }
}
