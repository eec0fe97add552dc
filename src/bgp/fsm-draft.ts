import type { Micros } from "../net/micros.ts";
import { type BgpState, type Effect, type Fsm, TIMERS, type TimerName } from "./fsm-values.ts";
import type { ControlMessage } from "./message/message.ts";

/** Collects one step's outcome. */
export class Draft {
  fsm: Fsm;
  readonly effects: Effect[] = [];
  readonly #chance: number;

  constructor(fsm: Fsm, chance: number) {
    this.fsm = fsm;
    this.#chance = chance;
  }

  emit(effect: Effect): void {
    this.effects.push(effect);
  }

  set(change: Partial<Fsm>): void {
    this.fsm = { ...this.fsm, ...change };
  }

  send(message: ControlMessage): void {
    this.emit({ type: "send", message });
  }

  move(to: BgpState, reason: string): void {
    const from = this.fsm.state;
    this.set({ state: to });
    if (from !== to) this.emit({ type: "change", from, to, reason });
  }

  arm(timer: TimerName, after: Micros): void {
    const epoch = this.fsm.epoch + 1;
    this.set({ epoch, timers: { ...this.fsm.timers, [timer]: epoch } });
    this.emit({ type: "arm", timer, after, epoch });
  }

  /** RFC 4271 section 10: between three quarters and the whole of it. */
  armJittered(timer: TimerName, after: Micros): void {
    this.arm(timer, Math.trunc(after * (0.75 + 0.25 * this.#chance)) as Micros);
  }

  disarmAll(): void {
    for (const timer of TIMERS) if (this.fsm.timers[timer] !== undefined) this.emit({ type: "disarm", timer });
    this.set({ timers: {} });
  }

  /** True when this is the timer that is armed, and not one that fired too late. */
  takes(timer: TimerName, epoch: number): boolean {
    const { [timer]: armed, ...others } = this.fsm.timers;
    if (armed !== epoch) return false;
    this.set({ timers: others });
    return true;
  }
}
