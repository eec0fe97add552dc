import type { Notification } from "../bgp/error.ts";
import { familyOf } from "../bgp/family.ts";
import type { Frame } from "../bgp/framer.ts";
import type { Fsm, FsmEvent } from "../bgp/fsm-values.ts";
import { decodeNotification } from "../bgp/message/notification.ts";
import { decodeOpen, type Open } from "../bgp/message/open.ts";
import { decodeRouteRefresh, refreshMeaning } from "../bgp/message/route-refresh.ts";
import { type DecodedUpdate, decodeUpdate, interpretUpdate, type RouteChange } from "../bgp/message/update.ts";
import type { Family } from "../net/ip-address.ts";
import { type Micros, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import type { Log } from "../telemetry/log.ts";

/** What a session hears of its peer's messages beside the events of the state machine. */
export interface InboxOwner {
  learned(change: RouteChange): void;
  refreshed(family: Family): void;
  received(kind: Frame["kind"]): void;
}

/** The link whose messages are read. */
export interface InboxLink {
  fsm(): Fsm;
  dispatch(event: FsmEvent): void;
  opened(open: Open): void;
  notified(notification: Notification): void;
}

/** How long nothing is said of malformed UPDATEs after one was, and how much of one is. */
const MALFORMED_PAUSE = seconds(10);
const MOST_PROBLEMS = 10;

/** Reads a link's messages: they become events, routes learned and routes asked for again. */
export class BgpInbox {
  readonly #ports: { readonly clock: Clock; readonly log: Log };
  readonly #owner: InboxOwner;
  readonly #link: InboxLink;
  /** UPDATEs with problems since that was last said. */
  #malformed = 0;
  #malformedSaid: Micros | undefined;

  constructor(ports: { readonly clock: Clock; readonly log: Log }, owner: InboxOwner, link: InboxLink) {
    this.#ports = ports;
    this.#owner = owner;
    this.#link = link;
  }

  /**
   * True for an UPDATE whose life sign is still to be told.
   *
   * @throws NotificationError when the peer's message has to end the session.
   */
  read(frame: Frame): boolean {
    this.#owner.received(frame.kind);
    switch (frame.kind) {
      case "open":
        this.#link.opened(decodeOpen(frame.body));
        return false;
      case "keepalive":
        this.#link.dispatch({ type: "keepalive-received" });
        return false;
      case "notification":
        this.#onNotification(decodeNotification(frame.body));
        return false;
      case "routeRefresh":
        this.#onRouteRefresh(frame.body);
        return false;
      case "update":
        return this.#onUpdate(frame.body);
    }
  }

  #onNotification(notification: Notification): void {
    this.#link.notified(notification);
    this.#link.dispatch({ type: "notification-received", notification });
  }

  #onRouteRefresh(body: Uint8Array): void {
    this.#link.dispatch({ type: "route-refresh-received" });
    const { state, negotiated } = this.#link.fsm();
    if (state !== "established" || negotiated === undefined) return;
    const refresh = decodeRouteRefresh(body, negotiated);
    const family = familyOf(refresh);
    // RFC 2918 section 4: a family that was not offered is ignored.
    if (family === undefined || !negotiated.families.includes(family)) return;
    if (refreshMeaning(refresh, negotiated) === "request") this.#owner.refreshed(family);
  }

  #onUpdate(body: Uint8Array): boolean {
    const { state, negotiated } = this.#link.fsm();
    if (state !== "established" || negotiated === undefined) {
      this.#link.dispatch({ type: "update-received" });
      return false;
    }
    const update = decodeUpdate(body, negotiated);
    if (update.reset !== undefined) throw update.reset;
    if (update.problems.length > 0) this.#onMalformed(update);
    this.#owner.learned(interpretUpdate(update));
    return true;
  }

  /** A peer that sends nothing else fills no log: one in a while is told, and how many there were. */
  #onMalformed({ verdict, problems }: DecodedUpdate): void {
    this.#malformed++;
    const now = this.#ports.clock.now();
    if (this.#malformedSaid !== undefined && now - this.#malformedSaid < MALFORMED_PAUSE) return;
    const messages = problems.slice(0, MOST_PROBLEMS).map(({ message }) => message);
    this.#ports.log.warn("bgp update malformed", { verdict, problems: messages, count: this.#malformed });
    this.#malformedSaid = now;
    this.#malformed = 0;
  }
}
