import { resolveCollision } from "../bgp/collision.ts";
import { NotificationError } from "../bgp/error.ts";
import { acceptingFsm, initialFsm, isDamped } from "../bgp/fsm.ts";
import type { FsmConfig, FsmEvent } from "../bgp/fsm-values.ts";
import type { Open } from "../bgp/message/open.ts";
import { type Negotiated, negotiate } from "../bgp/negotiation.ts";
import { type Micros, seconds } from "../net/micros.ts";
import { BgpLink, type LinkOwner, type StateChange } from "./bgp-link.ts";
import type { BgpConnection, BgpPorts } from "./bgp-ports.ts";

/** What a pair asks and tells its session; of changes of state only those of the primary link. */
export interface PairOwner extends Omit<LinkOwner, "losesCollision"> {
  /** The session is over with its connection, and goes on with another at once: `replaced` says so when that is done. */
  lost(event: FsmEvent): void;
  replaced(change: Omit<StateChange, "type">): void;
}

/** An established session this young is no dead one: a second connection then is a collision that came late. */
const TOO_YOUNG_TO_BE_DEAD = seconds(10);

/** The connections to one peer: one, or two until it is clear which of them stays. */
export class LinkPair {
  readonly #ports: BgpPorts;
  readonly #config: FsmConfig;
  readonly #owner: PairOwner;
  readonly #linkOwner: LinkOwner;
  #primary: BgpLink;
  /** A second connection to the same peer, until one of the two gives way. */
  #rival: BgpLink | undefined;
  #since: Micros;

  constructor(ports: BgpPorts, config: FsmConfig, owner: PairOwner) {
    this.#ports = ports;
    this.#config = config;
    this.#owner = owner;
    this.#linkOwner = {
      ...owner,
      losesCollision: (link, open) => this.#losesCollision(link, open),
      changed: (link, change, event) => this.#onChanged(link, change, event),
    };
    this.#primary = new BgpLink(ports, this.#linkOwner, initialFsm(config));
    this.#since = ports.clock.now();
  }

  /** The one that counts. */
  get primary(): BgpLink {
    return this.#primary;
  }

  get rival(): BgpLink | undefined {
    return this.#rival;
  }

  get all(): readonly BgpLink[] {
    return this.#rival === undefined ? [this.#primary] : [this.#primary, this.#rival];
  }

  /** When the state of the primary link last changed. */
  get since(): Micros {
    return this.#since;
  }

  /** A connection the peer opened. Closed at once when the session does not run, or the peer flaps too much to be let in. */
  accept(connection: BgpConnection): void {
    const { fsm } = this.#primary;
    if (!fsm.running || isDamped(fsm)) {
      connection.destroy();
      return;
    }
    if (this.#primary.state === "active") {
      this.#primary.adopt(connection, "incoming");
      return;
    }
    this.#rival?.dispatch({ type: "collision-lost" });
    this.#rival = new BgpLink(this.#ports, this.#linkOwner, acceptingFsm(this.#config, fsm));
    this.#rival.adopt(connection, "incoming");
  }

  /** Makes this link the only one. */
  keep(link: BgpLink, type: "collision-lost" | "superseded"): void {
    const other = link === this.#primary ? this.#rival : this.#primary;
    this.#primary = link;
    this.#rival = undefined;
    other?.dispatch({ type });
  }

  #losesCollision(link: BgpLink, open: Open): boolean {
    const other = link === this.#primary ? this.#rival : this.#primary;
    const { identifier, courtesy } = link.fsm;
    if (other === undefined || identifier === undefined) return false;
    const outcome = negotiate({ ...this.#config, courtesy }, identifier, open);
    if (other.state === "established") return !this.#replaces(link, other, outcome);
    if (other.state !== "open-confirm" || outcome instanceof NotificationError) return false;
    const local = { identifier, asn: this.#config.localAsn };
    const stays = resolveCollision(local, { identifier: open.identifier, asn: outcome.peerAsn });
    // Two that the peer opened: the older one is what is left of a peer that started anew.
    if (stays !== link.direction && other.direction !== link.direction) {
      this.#yieldTo(other);
      return true;
    }
    this.keep(link, "collision-lost");
    return false;
  }

  /** The connection that stays goes on for both: when it is lost before it is up, it is the one that tries again. */
  #yieldTo(other: BgpLink): void {
    if (other === this.#primary) return;
    this.#primary = other;
    this.#rival = undefined;
    this.#since = this.#ports.clock.now();
  }

  /** RFC 4724 section 5: a peer with graceful restart that comes again has restarted, and its old connection is dead. */
  #replaces(link: BgpLink, dead: BgpLink, outcome: Negotiated | NotificationError): boolean {
    const young = this.#ports.clock.now() - this.#since < TOO_YOUNG_TO_BE_DEAD;
    if (young || outcome instanceof NotificationError || dead.fsm.negotiated?.gracefulRestart !== true) return false;
    this.#owner.lost({ type: "superseded" });
    this.keep(link, "superseded");
    this.#since = this.#ports.clock.now();
    this.#owner.replaced({ from: "established", to: link.state, reason: dead.lastReason ?? "" });
    return true;
  }

  #onChanged(link: BgpLink, change: StateChange, event: FsmEvent): void {
    if (link === this.#rival) this.#onRivalChanged(link, change);
    if (link !== this.#primary) return;
    this.#since = this.#ports.clock.now();
    this.#owner.changed(link, change, event);
  }

  #onRivalChanged(link: BgpLink, change: StateChange): void {
    if (change.to === "established") this.keep(link, "collision-lost");
    if (change.to !== "idle" && change.to !== "active") return;
    this.#rival = undefined;
    link.dispatch({ type: "collision-lost" });
  }
}
