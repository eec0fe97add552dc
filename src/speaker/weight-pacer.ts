import type { AnnouncedRoute, RouteChange } from "../announcement/route-table.ts";
import { WeightDamper } from "../announcement/weight-damper.ts";
import { type Micros, micros } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";

export interface WeightPacerPorts {
  readonly clock: Clock;
  readonly tell: (changes: readonly RouteChange[]) => void;
}

/** Gives the damper its time: changes go in, and what peers are told comes out now or when it is due. */
export class WeightPacer {
  readonly #ports: WeightPacerPorts;
  readonly #damper: WeightDamper;
  #timer: Timer | undefined;
  #armedFor: Micros | undefined;

  constructor(ports: WeightPacerPorts, interval: Micros) {
    this.#ports = ports;
    this.#damper = new WeightDamper(interval);
  }

  tell(changes: readonly RouteChange[]): void {
    const now = this.#damper.pass(changes, this.#ports.clock.now());
    this.#arm();
    if (now.length > 0) this.#ports.tell(now);
  }

  /** A peer starts with these. */
  startOver(routes: readonly AnnouncedRoute[]): readonly AnnouncedRoute[] {
    this.#damper.startOver(routes, this.#ports.clock.now());
    this.#arm();
    return routes;
  }

  #arm(): void {
    const { due } = this.#damper;
    if (due === this.#armedFor) return;
    this.#timer?.cancel();
    this.#armedFor = due;
    if (due === undefined) return;
    this.#timer = this.#ports.clock.after(micros(Math.max(0, due - this.#ports.clock.now())), () => {
      this.#armedFor = undefined;
      const ripe = this.#damper.release(this.#ports.clock.now());
      this.#arm();
      if (ripe.length > 0) this.#ports.tell(ripe);
    });
  }
}
