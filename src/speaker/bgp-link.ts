import { type Notification, NotificationError } from "../bgp/error.ts";
import { Framer } from "../bgp/framer.ts";
import { step } from "../bgp/fsm.ts";
import type { BgpState, Effect, Fsm, FsmEvent, TimerName } from "../bgp/fsm-values.ts";
import { CEASE } from "../bgp/iana.ts";
import type { Journal, JournalEnd } from "../bgp/journal.ts";
import { type ControlMessage, encodeControl, formatControl } from "../bgp/message/message.ts";
import { cease } from "../bgp/message/notification.ts";
import type { Open } from "../bgp/message/open.ts";
import { ourCapabilities } from "../bgp/negotiation-offer.ts";
import type { RouterId } from "../bgp/router-id.ts";
import { micros, seconds } from "../net/micros.ts";
import type { Timer } from "../system/clock.ts";
import { errorFields } from "../telemetry/log.ts";
import { BgpInbox, type InboxOwner } from "./bgp-inbox.ts";
import type { BgpConnection, BgpDialTarget, BgpPorts } from "./bgp-ports.ts";
import { TappedConnection } from "./bgp-tap.ts";

export type StateChange = Extract<Effect, { type: "change" }>;

/** What a link asks and tells the session it belongs to. */
export interface LinkOwner extends InboxOwner {
  readonly journal: Journal;
  /** A number for one more connection. */
  nextConnection(): number;
  /** Whom to dial, or why nobody can be dialled now. */
  target(): BgpDialTarget | string;
  /** Adds to the reason of a failed attempt what else it may be. */
  explain(reason: string): string;
  /** What our OPEN on this connection says of us. */
  introduction(connection: BgpConnection): {
    readonly identifier: RouterId;
    readonly restarted: boolean;
    readonly resumed: boolean;
  };
  /** True when another connection to this peer stays instead (RFC 4271 section 6.8). */
  losesCollision(link: BgpLink, open: Open): boolean;
  /** The state changed, because of this event. */
  changed(link: BgpLink, change: StateChange, event: FsmEvent): void;
  drained(): void;
  sent(message: ControlMessage): void;
  /** A NOTIFICATION went out on this link, or came in. */
  notified(link: BgpLink, direction: "in" | "out", notification: Notification): void;
}

/** The OPENs of a connection. */
export interface Opens {
  readonly sent: Open | undefined;
  readonly received: Open | undefined;
}

const CLOSE_LIMIT = seconds(1);

/** One connection and its state machine: bytes and timers become events, effects become bytes and timers. */
export class BgpLink {
  readonly #ports: BgpPorts;
  readonly #owner: LinkOwner;
  readonly #inbox: BgpInbox;
  readonly #timers = new Map<TimerName, Timer>();
  readonly #queue: FsmEvent[] = [];
  #fsm: Fsm;
  #busy = false;
  #direction: "outgoing" | "incoming" = "outgoing";
  #connection: TappedConnection | undefined;
  #dialling: { abort(): void } | undefined;
  #closing: (() => void)[] = [];
  #lastReason: string | undefined;
  #open = 0;
  #opens: Opens = { sent: undefined, received: undefined };
  /** The number of the connection in the journal, 0 before the first. */
  #id = 0;

  constructor(ports: BgpPorts, owner: LinkOwner, fsm: Fsm) {
    this.#ports = ports;
    this.#owner = owner;
    this.#fsm = fsm;
    this.#inbox = new BgpInbox(ports, owner, {
      fsm: () => this.#fsm,
      dispatch: (event) => this.dispatch(event),
      opened: (open) => this.#onOpen(open),
      notified: (notification) => owner.notified(this, "in", notification),
    });
  }

  get fsm(): Fsm {
    return this.#fsm;
  }

  get state(): BgpState {
    return this.#fsm.state;
  }

  /** Why the state last changed. */
  get lastReason(): string | undefined {
    return this.#lastReason;
  }

  get direction(): "outgoing" | "incoming" {
    return this.#direction;
  }

  get connection(): TappedConnection | undefined {
    return this.#connection;
  }

  /** What both ends said first, on the connection that is or was the last. */
  get opens(): Opens {
    return this.#opens;
  }

  /** Takes an event now, or after the one in hand. */
  dispatch(event: FsmEvent): void {
    this.#queue.push(event);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#step(next);
      }
    } finally {
      this.#busy = false;
    }
  }

  #step(event: FsmEvent): void {
    const before = this.#fsm;
    const chance = this.#ports.random();
    const { fsm, effects } = step(before, event, chance);
    this.#fsm = fsm;
    const at = this.#ports.clock.now();
    this.#owner.journal.recordStep({ at, connection: this.#id, before, event, chance, after: fsm.state, effects });
    for (const effect of effects) this.#perform(effect, event);
  }

  /** Makes a connection this link's own. */
  adopt(plain: BgpConnection, direction: "outgoing" | "incoming"): void {
    this.#id = this.#owner.nextConnection();
    const { clock } = this.#ports;
    const { journal } = this.#owner;
    const connection = new TappedConnection({ clock, journal }, plain, this.#id);
    journal.recordConnection({ connection: this.#id, at: clock.now(), direction, ...endsOf(plain) });
    this.#opens = { sent: undefined, received: undefined };
    this.#connection = connection;
    this.#direction = direction;
    this.#dialling = undefined;
    this.#open++;
    this.dispatch({ type: "connected", ...this.#owner.introduction(connection) });
    // What our OPEN offers is what the peer may send from then on.
    const framer = new Framer({ extendedMessages: offersExtendedMessages(this.#fsm) });
    connection.attach({
      data: (bytes) => this.#onData(connection, framer, bytes),
      drained: () => this.#owner.drained(),
      closed: (reason) => this.#onClosed(connection, reason),
    });
  }

  /** Resolves when no connection of this link is open any more. */
  closed(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#closing.push(resolve));
  }

  #onClosed(connection: TappedConnection, reason: string): void {
    this.#open--;
    if (this.#connection === connection) {
      this.#connection = undefined;
      this.dispatch({ type: "closed", reason });
    }
    if (this.#open > 0) return;
    for (const resolve of this.#closing.splice(0)) resolve();
  }

  #onData(connection: TappedConnection, framer: Framer, bytes: Uint8Array): void {
    if (this.#connection !== connection) return;
    try {
      let heard = false;
      for (const frame of framer.push(bytes)) {
        connection.received(frame);
        heard = this.#inbox.read(frame) || heard;
        if (this.#connection !== connection) return;
      }
      // One life sign for a whole chunk of UPDATEs.
      if (heard) this.dispatch({ type: "update-received" });
    } catch (error) {
      this.#onFault(error);
    }
  }

  /** A fault of the peer costs its session. So does one of ours, which must not cost the others theirs. */
  #onFault(error: unknown): void {
    if (error instanceof NotificationError) {
      this.dispatch({ type: "fault-found", notification: error.notification, reason: error.message });
      return;
    }
    this.#ports.log.error("bgp session failed", errorFields(error));
    const notification = cease(CEASE.administrativeReset);
    this.dispatch({ type: "fault-found", notification, reason: "an internal error, see the log" });
  }

  #onOpen(open: Open): void {
    this.#opens = { ...this.#opens, received: open };
    if (this.#owner.losesCollision(this, open)) this.dispatch({ type: "collision-lost" });
    else this.dispatch({ type: "open-received", open });
  }

  #perform(effect: Effect, event: FsmEvent): void {
    switch (effect.type) {
      case "dial":
        this.#dial();
        return;
      case "abort-dial":
        this.#dialling?.abort();
        this.#dialling = undefined;
        return;
      case "send":
        this.#send(effect.message);
        return;
      case "close":
        this.#close();
        return;
      case "arm":
        this.#arm(effect);
        return;
      case "disarm":
        this.#timers.get(effect.timer)?.cancel();
        this.#timers.delete(effect.timer);
        return;
      case "change":
        this.#lastReason = effect.reason;
        this.#owner.changed(this, effect, event);
        return;
    }
  }

  #dial(): void {
    const target = this.#owner.target();
    if (typeof target === "string") {
      this.dispatch({ type: "dial-failed", reason: target });
      return;
    }
    this.#dialling = this.#ports.dial(target, {
      connected: (connection) => this.adopt(connection, "outgoing"),
      failed: (reason) => {
        this.#dialling = undefined;
        this.dispatch({ type: "dial-failed", reason: this.#owner.explain(reason) });
      },
    });
  }

  #send(message: ControlMessage): void {
    this.#connection?.write(encodeControl(message));
    this.#ports.log.trace("bgp message sent", { message: formatControl(message) });
    this.#owner.sent(message);
    if (message.type === "open") this.#opens = { ...this.#opens, sent: message.open };
    if (message.type === "notification") this.#owner.notified(this, "out", message.notification);
  }

  /** Lets what was sent get out: the socket is only cut when the peer does not close its side in time. */
  #close(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    connection.end();
    const limit = this.#ports.clock.after(CLOSE_LIMIT, () => connection.destroy());
    void this.closed().then(() => limit.cancel());
  }

  #arm({ timer, after, epoch }: Extract<Effect, { type: "arm" }>): void {
    this.#timers.get(timer)?.cancel();
    this.#timers.set(
      timer,
      this.#ports.clock.after(after, () => this.#onTimer(timer, epoch)),
    );
  }

  #onTimer(timer: TimerName, epoch: number): void {
    const expire = (): void => this.dispatch({ type: "timer-expired", timer, epoch });
    // After a long stall the peer's bytes may lie unread: they get one turn of the event loop before it is called silent.
    if (timer === "hold") this.#timers.set(timer, this.#ports.clock.after(micros(0), expire));
    else if (timer === "send-hold" && this.#connection?.progressed() === true)
      this.dispatch({ type: "send-progressed" });
    else expire();
  }
}

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: BgpConnection): {
  readonly local: JournalEnd;
  readonly remote: JournalEnd;
} {
  return {
    local: { address: localAddress, port: localPort },
    remote: { address: remoteAddress, port: remotePort },
  };
}

function offersExtendedMessages({ config, courtesy }: Fsm): boolean {
  return ourCapabilities({ ...config, courtesy }).extendedMessage === true;
}
