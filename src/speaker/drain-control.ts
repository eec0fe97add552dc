import {
  DEFAULT_DRAIN_WAIT,
  type Drain,
  type DrainEvent,
  type DrainPhase,
  NO_DRAIN,
  stepDrain,
} from "../announcement/drain.ts";
import type { Node } from "../api/core.ts";
import { drainRequest } from "../api/node-drain.ts";
import { type Micros, micros } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import type { Log } from "../telemetry/log.ts";

export interface DrainControlPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** The drain went on by itself: what it means for routes and sessions is to be done. */
  readonly changed: () => void;
  /** To be said of the node. */
  readonly entered: (phase: DrainPhase, why: string) => void;
}

/** Runs this node's drain: the annotations of its Node and the end of the speaker come in, time passes, phases come out. */
export class DrainControl {
  readonly #ports: DrainControlPorts;
  readonly #closed: (() => void)[] = [];
  #drain: Drain = NO_DRAIN;
  #timer: Timer | undefined;
  #observed = false;
  #problem: string | undefined;

  constructor(ports: DrainControlPorts) {
    this.#ports = ports;
  }

  get drain(): Drain {
    return this.#drain;
  }

  /** The node as it is now. A node that is gone asks for nothing. */
  observe(node: Node | undefined): void {
    const request = node && drainRequest(node);
    this.#report(request?.problem);
    if (request === undefined) this.#dispatch({ type: "cancelled" });
    else {
      const type = this.#observed ? "requested" : "found-requested";
      this.#dispatch({ type, why: request.why, wait: request.wait ?? DEFAULT_DRAIN_WAIT });
    }
    this.#observed = true;
  }

  /** Hands over within `wait`, none of it ends at once; resolves when the sessions are to be closed. */
  stop(why: string, wait: Micros): Promise<void> {
    // A speaker that was still starting has nothing to hand over.
    const before = this.#drain.phase;
    this.#dispatch({ type: "stopping", why, wait: this.#observed ? wait : micros(0) });
    if (this.#drain.phase !== before && this.#drain.phase !== "closed") this.#ports.changed();
    return this.#drain.phase === "closed" ? Promise.resolve() : new Promise((resolve) => this.#closed.push(resolve));
  }

  #dispatch(event: DrainEvent): void {
    const { drain, effects } = stepDrain(this.#drain, event);
    this.#drain = drain;
    for (const effect of effects) {
      switch (effect.type) {
        case "arm":
          this.#arm(effect.after, effect.epoch);
          break;
        case "disarm":
          this.#timer?.cancel();
          break;
        case "change":
          this.#ports.log.info("drain changed", { from: effect.from, to: effect.to, reason: effect.why });
          // The end of a speaker is not news about its node.
          if (!drain.stopping) this.#ports.entered(effect.to, effect.why);
          break;
      }
    }
    if (drain.phase === "closed") for (const resolve of this.#closed.splice(0)) resolve();
  }

  #arm(after: Micros, epoch: number): void {
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.after(after, () => {
      const before = this.#drain.phase;
      this.#dispatch({ type: "expired", epoch });
      if (this.#drain.phase !== before) this.#ports.changed();
    });
  }

  #report(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem) {
      this.#ports.log.error("annotation of the node is invalid", { reason: problem });
    }
    this.#problem = problem;
  }
}
