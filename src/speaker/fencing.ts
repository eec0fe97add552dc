import {
  type Fence,
  type FenceEvent,
  type FenceRules,
  givesWay,
  newFence,
  standingOf,
  stepFence,
} from "../layer2/fence.ts";
import { type Micros, micros } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import type { Log } from "../telemetry/log.ts";

/** Contact with the API, as its client knows it. */
export interface ApiContact {
  /** When something of the API server arrived last, by the same clock; undefined before the first time. */
  readonly lastHeardAt: Micros | undefined;
  /** Asks it anything, for no longer than this. @throws when there is no answer */
  ask(limit: Micros): Promise<unknown>;
}

export interface FencingPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly api: ApiContact;
  /** The node is fenced, for this reason, or no longer: then the reason is why not. */
  readonly changed: (fenced: boolean, why: string) => void;
}

/** Contact is looked at so often within the time that the rules give. */
const LOOKS = 4;

/** Runs this node's fence: who is alive and when the API was heard come in, time passes, and what is fenced comes out. */
export class Fencing {
  readonly #ports: FencingPorts;
  readonly #every: Micros;
  #fence: Fence;
  #wake: Timer | undefined;
  #look: Timer | undefined;
  #stopped = false;
  #asking = false;

  constructor(ports: FencingPorts, rules: FenceRules) {
    this.#ports = ports;
    this.#fence = newFence(rules, ports.clock.now());
    this.#every = micros(Math.ceil(rules.after / LOOKS));
  }

  start(signal: AbortSignal): void {
    if (this.#fence.rules.policy === "off") return;
    this.#lookLater();
    signal.addEventListener("abort", () => this.#stop(), { once: true });
  }

  /** Why the node is fenced, if it is. */
  get fenced(): string | undefined {
    return this.#fence.fenced;
  }

  /** Whether this node keeps what a speaker announces that it takes for dead; undefined when it is for the election to say. */
  get standing(): "keep" | "yield" | undefined {
    this.#hear();
    return standingOf(this.#fence, this.#ports.clock.now());
  }

  /** Whether this node gives way to a speaker that has contradicted it so often in a row. */
  givesWay(rival: string, contradictions: number): boolean {
    // A watch may have nothing to tell: whether the API is there is asked while there is time.
    if (contradictions > 1 && this.#isSilent()) void this.#ask();
    this.#hear();
    return givesWay(this.#fence, this.#ports.clock.now(), { rival, contradictions });
  }

  setMembers(alive: readonly string[]): void {
    this.#dispatch({ type: "members", alive, at: this.#ports.clock.now() });
  }

  /** These are gone on purpose. */
  left(members: readonly string[]): void {
    this.#dispatch({ type: "left", members, at: this.#ports.clock.now() });
  }

  #stop(): void {
    this.#stopped = true;
    this.#wake?.cancel();
    this.#look?.cancel();
  }

  #lookLater(): void {
    this.#look = this.#ports.clock.after(this.#every, () => {
      void this.#lookAround().then(() => {
        if (!this.#stopped) this.#lookLater();
      });
    });
  }

  /** A watch may have nothing to tell for minutes: while it matters, the API is asked. */
  async #lookAround(): Promise<void> {
    if (this.#isSilent() && this.#matters()) await this.#ask();
    this.#hear();
  }

  async #ask(): Promise<void> {
    if (this.#asking || this.#stopped) return;
    this.#asking = true;
    try {
      await this.#ports.api.ask(this.#every);
    } catch (error) {
      this.#ports.log.debug("api does not answer", { "err.message": String(error) });
    }
    this.#asking = false;
  }

  #isSilent(): boolean {
    const { api, clock } = this.#ports;
    return clock.now() - (api.lastHeardAt ?? 0) >= this.#every;
  }

  #matters(): boolean {
    const { rules, lostAt, fenced } = this.#fence;
    return rules.policy === "api" || (rules.policy === "both" && (lostAt !== undefined || fenced !== undefined));
  }

  #hear(): void {
    const at = this.#ports.api.lastHeardAt;
    if (at === undefined || at <= this.#fence.heardAt || this.#stopped) return;
    this.#dispatch({ type: "heard", at });
    this.#dispatch({ type: "woke", at: this.#ports.clock.now() });
  }

  #dispatch(event: FenceEvent): void {
    const before = this.#fence.fenced;
    const { fence, effects } = stepFence(this.#fence, event);
    this.#fence = fence;
    this.#wake?.cancel();
    for (const effect of effects) {
      switch (effect.type) {
        case "wake":
          this.#wake = this.#ports.clock.after(effect.after, () => this.#woke());
          break;
        case "fence":
          this.#ports.changed(true, effect.why);
          break;
        case "unfence":
          this.#ports.changed(false, before === undefined ? effect.why : `${effect.why}, after ${before}`);
          break;
      }
    }
  }

  #woke(): void {
    // What was heard meanwhile counts first.
    this.#hear();
    this.#dispatch({ type: "woke", at: this.#ports.clock.now() });
  }
}
