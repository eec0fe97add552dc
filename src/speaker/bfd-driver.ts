import { deadline, echoInterval, initialSession, isOverdue, step } from "../bfd/fsm.ts";
import type { BfdState, ControlPacket, Discriminator } from "../bfd/packet.ts";
import type { ChangeReason, Effect, Parameters, Session, SessionEvent } from "../bfd/session.ts";
import { detectionTime, transmitInterval } from "../bfd/timing.ts";
import { type Micros, micros } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import type { BfdSessionReport } from "./bfd-messages.ts";

export interface BfdDriverPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly afterReads: (then: () => void) => void;
  readonly send: (packet: ControlPacket) => void;
  readonly sendEcho: (sequence: number) => void;
  readonly changed: (change: { readonly from: BfdState; readonly to: BfdState; readonly reason: ChangeReason }) => void;
  /** The agreed intervals are others now. */
  readonly negotiated: () => void;
  /** A timer fired this much after its time. */
  readonly late: (by: Micros) => void;
}

/** One session's shell: feeds events to `step`, performs what it returns, and keeps one timer at its deadline. */
export class BfdDriver {
  readonly #ports: BfdDriverPorts;
  #session: Session;
  #timer: { readonly at: Micros; readonly timer: Timer } | undefined;
  #closed = false;
  #sent = 0;
  #received = 0;
  #echoesSent = 0;
  #echoesReturned = 0;

  constructor(ports: BfdDriverPorts, local: Discriminator, parameters: Parameters) {
    this.#ports = ports;
    this.#session = initialSession(local, parameters);
  }

  get session(): Session {
    return this.#session;
  }

  get report(): BfdSessionReport {
    const session = this.#session;
    return {
      state: session.state,
      diagnostic: session.diagnostic,
      remoteState: session.remote.state,
      remoteDiagnostic: session.remote.diagnostic,
      localDiscriminator: session.localDiscriminator,
      remoteDiscriminator: session.remote.discriminator,
      transmitInterval: transmitInterval(session),
      detectionTime: detectionTime(session),
      echoInterval: echoInterval(session),
      sent: this.#sent,
      received: this.#received,
      echoesSent: this.#echoesSent,
      echoesReturned: this.#echoesReturned,
    };
  }

  dispatch(event: SessionEvent): void {
    if (this.#closed) return;
    if (event.type === "received") this.#received += 1;
    else if (event.type === "echo-returned") this.#echoesReturned += 1;
    const before = this.#session;
    const { clock, random } = this.#ports;
    const next = step(before, event, { now: clock.now(), chance: random() });
    this.#session = next.session;
    this.#arm();
    for (const effect of next.effects) this.#perform(effect);
    if (intervalsOf(before) !== intervalsOf(next.session)) this.#ports.negotiated();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "send":
        this.#sent += 1;
        this.#ports.send(effect.packet);
        return;
      case "send-echo":
        this.#echoesSent += 1;
        this.#ports.sendEcho(effect.sequence);
        return;
      case "announce":
        this.#ports.changed({ from: effect.from, to: effect.to, reason: effect.reason });
        return;
    }
  }

  /** A timer that comes too early is left as it is: packets push the deadline away all the time. */
  #arm(): void {
    const at = deadline(this.#session);
    if (at !== undefined && this.#timer !== undefined && this.#timer.at <= at) return;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    if (at === undefined) return;
    const delay = micros(Math.max(0, at - this.#ports.clock.now()));
    this.#timer = { at, timer: this.#ports.clock.after(delay, () => this.#onTimer(at)) };
  }

  /** After a stall of this thread the packets that prove the peer alive lie unread in the socket: they come first. */
  #onTimer(at: Micros): void {
    this.#timer = undefined;
    this.#ports.late(micros(this.#ports.clock.now() - at));
    if (isOverdue(this.#session, this.#ports.clock.now()))
      this.#ports.afterReads(() => this.dispatch({ type: "time-passed" }));
    else this.dispatch({ type: "time-passed" });
  }
}

function intervalsOf(session: Session): string {
  return `${transmitInterval(session)} ${detectionTime(session)} ${echoInterval(session)}`;
}
