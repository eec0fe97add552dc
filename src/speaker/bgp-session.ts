import { resolveCollision } from "../bgp/collision.ts";
import { NotificationError } from "../bgp/error.ts";
import { acceptingFsm, type BgpState, type FsmConfig, initialFsm } from "../bgp/fsm.ts";
import { CEASE } from "../bgp/iana.ts";
import type { ControlMessage } from "../bgp/message/message.ts";
import type { Open } from "../bgp/message/open.ts";
import type { RouteChange } from "../bgp/message/update.ts";
import { type Negotiated, negotiate, type PeerAs } from "../bgp/negotiation.ts";
import type { NotSent, Origination } from "../bgp/packing.ts";
import { AdjRibIn, type LearnedRoute } from "../bgp/rib.ts";
import type { Route } from "../bgp/route.ts";
import { chooseRouterId, type RouterId } from "../bgp/router-id.ts";
import type { Asn } from "../net/asn.ts";
import { FAMILIES, type Family, IpAddress } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import { type Micros, micros, seconds } from "../net/micros.ts";
import { BgpLink, type LinkOwner, type StateChange } from "./bgp-link.ts";
import { BgpOutbox } from "./bgp-outbox.ts";
import type { BgpConnection, BgpDialTarget, BgpPorts } from "./bgp-ports.ts";

/** One peer as the configuration has it. Times are in seconds. */
export interface BgpSessionConfig {
  readonly name: string;
  readonly localAsn: Asn;
  readonly peerAsn: PeerAs;
  readonly peerAddress: IpAddress;
  /** 179 when absent. */
  readonly peerPort?: number;
  /** The source address, the kernel's choice when absent. */
  readonly localAddress?: IpAddress;
  readonly routerId?: IpAddress;
  readonly nodeName: string;
  /** 90 when absent, 0 for none. */
  readonly holdTime?: number;
  /** A third of the hold time when absent. */
  readonly keepaliveTime?: number;
  /** The longest wait between two attempts, 30 when absent. */
  readonly connectTime?: number;
  readonly families: ReadonlySet<Family>;
  /** Never dials: the peer has to. */
  readonly passive?: boolean;
  /** Learned routes kept for inspection, 10,000 when absent. */
  readonly maxLearned?: number;
}

/** What people and status objects are told about a session. */
export interface BgpSessionView {
  readonly name: string;
  readonly state: BgpState;
  /** When the state last changed, and how long ago that is. */
  readonly since: Micros;
  readonly inState: Micros;
  readonly peerAddress: IpAddress;
  readonly localAddress: IpAddress | undefined;
  /** Undefined until both OPENs are there. */
  readonly negotiated: Negotiated | undefined;
  readonly routesSent: number;
  readonly routesNotSent: readonly { readonly prefix: IpPrefix; readonly reason: NotSent }[];
  readonly routesLearned: number;
  /** Why the last attempt or session ended, in words. */
  readonly lastError: string | undefined;
  readonly counters: BgpCounters;
}

interface BgpCounters {
  readonly established: number;
  readonly updatesSent: number;
  readonly updatesReceived: number;
  readonly opensSent: number;
  readonly keepalivesSent: number;
  readonly notificationsSent: number;
}

const DEFAULTS = { port: 179, holdTime: 90, connectTime: 30, maxLearned: 10_000 };

/** Runs one peer: dials or waits, keeps what the peer has equal to what it should have, and tries again when it is lost. */
export class BgpSession {
  readonly config: BgpSessionConfig;
  readonly #ports: BgpPorts;
  readonly #fsmConfig: FsmConfig;
  readonly #outbox = new BgpOutbox();
  readonly #learned: AdjRibIn;
  readonly #listeners = new Set<(view: BgpSessionView) => void>();
  readonly #owner: LinkOwner;
  readonly #counters = {
    established: 0,
    updatesReceived: 0,
    opensSent: 0,
    keepalivesSent: 0,
    notificationsSent: 0,
  };
  #primary: BgpLink;
  /** A second connection to the same peer, until one of the two gives way. */
  #rival: BgpLink | undefined;
  #since: Micros;
  #lastError: string | undefined;

  constructor(ports: BgpPorts, config: BgpSessionConfig) {
    this.config = config;
    this.#ports = { ...ports, log: ports.log.child({ component: "bgp", peer: config.name }) };
    this.#fsmConfig = fsmConfig(config);
    this.#learned = new AdjRibIn(config.maxLearned ?? DEFAULTS.maxLearned);
    this.#owner = this.#ownership();
    this.#primary = new BgpLink(this.#ports, this.#owner, initialFsm(this.#fsmConfig));
    this.#since = ports.clock.now();
  }

  start(): void {
    this.#primary.dispatch({ type: "started" });
  }

  /** Says Cease with the reason to the peer, and resolves when that is out, a second later at the latest. */
  async stop(reason: string, subcode: number = CEASE.administrativeShutdown): Promise<void> {
    const links = [this.#primary, this.#rival].filter((link) => link !== undefined);
    for (const link of links) link.dispatch({ type: "stopped", subcode, communication: reason });
    await Promise.all(links.map((link) => link.closed()));
  }

  /** All the routes this peer should have, whatever was said before. Only what differs is sent. */
  setRoutes(routes: Iterable<Route>): void {
    this.#outbox.setRoutes(routes);
  }

  /** Routes the peer should have from now on, or no longer; all others stay as they are. */
  changeRoutes(changes: Iterable<{ readonly prefix: IpPrefix; readonly route: Route | undefined }>): void {
    this.#outbox.changeRoutes(changes);
  }

  /** A connection the peer opened. Closed at once when this session does not run. */
  accept(connection: BgpConnection): void {
    if (!this.#primary.fsm.running) {
      connection.destroy();
      return;
    }
    if (this.#primary.state === "active") {
      this.#primary.adopt(connection, "incoming");
      return;
    }
    this.#rival?.dispatch({ type: "collision-lost" });
    this.#rival = new BgpLink(this.#ports, this.#owner, acceptingFsm(this.#fsmConfig));
    this.#rival.adopt(connection, "incoming");
  }

  /** Calls back after every change of state; the returned function ends that. */
  onChange(listener: (view: BgpSessionView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What the peer announced, for people to look at. */
  get learned(): Iterable<LearnedRoute> {
    return this.#learned.routes;
  }

  get view(): BgpSessionView {
    const { fsm, connection } = this.#primary;
    return {
      name: this.config.name,
      state: fsm.state,
      since: this.#since,
      inState: micros(this.#ports.clock.now() - this.#since),
      peerAddress: this.config.peerAddress,
      localAddress: connection?.localAddress,
      negotiated: fsm.negotiated,
      routesSent: this.#outbox.size,
      routesNotSent: [...this.#outbox.notSent],
      routesLearned: this.#learned.size,
      lastError: this.#lastError,
      counters: { ...this.#counters, updatesSent: this.#outbox.updates },
    };
  }

  #ownership(): LinkOwner {
    return {
      target: dialTarget(this.config),
      identifierFor: (connection) => this.#identifierFor(connection),
      losesCollision: (link, open) => this.#losesCollision(link, open),
      changed: (link, change) => this.#onChanged(link, change),
      learned: (change) => this.#onLearned(change),
      refreshed: (family) => this.#outbox.refresh(family),
      drained: () => this.#outbox.flush(),
      sent: (message) => this.#count(message),
    };
  }

  #identifierFor({ localAddress }: BgpConnection): RouterId {
    return chooseRouterId({ configured: this.config.routerId, localAddress, nodeName: this.config.nodeName });
  }

  #onLearned(change: RouteChange): void {
    this.#counters.updatesReceived++;
    this.#learned.apply(change);
  }

  #count(message: ControlMessage): void {
    if (message.type === "open") this.#counters.opensSent++;
    else if (message.type === "keepalive") this.#counters.keepalivesSent++;
    else if (message.type === "notification") this.#counters.notificationsSent++;
  }

  #losesCollision(link: BgpLink, open: Open): boolean {
    const other = link === this.#primary ? this.#rival : this.#primary;
    const identifier = link.fsm.identifier;
    if (other === undefined || identifier === undefined) return false;
    if (other.state === "established") return true;
    const outcome = negotiate(this.#fsmConfig, identifier, open);
    if (other.state !== "open-confirm" || outcome instanceof NotificationError) return false;
    const local = { identifier, asn: this.config.localAsn };
    const stays = resolveCollision(local, { identifier: open.identifier, asn: outcome.peerAsn });
    // Two that the peer opened: the older one is what is left of a peer that started anew.
    if (stays !== link.direction && other.direction !== link.direction) return true;
    this.#keep(link);
    return false;
  }

  /** Makes this link the only one. */
  #keep(link: BgpLink): void {
    const other = link === this.#primary ? this.#rival : this.#primary;
    this.#primary = link;
    this.#rival = undefined;
    other?.dispatch({ type: "collision-lost" });
  }

  #onChanged(link: BgpLink, change: StateChange): void {
    if (link === this.#rival) this.#onRivalChanged(link, change);
    if (link !== this.#primary) return;
    this.#since = this.#ports.clock.now();
    if (change.to === "established") this.#onEstablished(link);
    if (change.from === "established") this.#onLost();
    if (change.to === "idle" || change.to === "active") this.#lastError = change.reason;
    const { from, to, reason } = change;
    this.#ports.log.info("bgp session changed", { from, to, reason });
    const view = this.view;
    for (const listener of this.#listeners) listener(view);
  }

  #onRivalChanged(link: BgpLink, change: StateChange): void {
    if (change.to === "established") this.#keep(link);
    if (change.to !== "idle" && change.to !== "active") return;
    this.#rival = undefined;
    link.dispatch({ type: "collision-lost" });
  }

  #onEstablished(link: BgpLink): void {
    this.#keep(link);
    const { connection } = link;
    const { negotiated } = link.fsm;
    if (connection === undefined || negotiated === undefined) return;
    this.#counters.established++;
    this.#lastError = undefined;
    const origination = this.#originationOver(connection.localAddress, negotiated);
    this.#outbox.open({ connection, origination, families: negotiated.families });
  }

  #onLost(): void {
    this.#outbox.close();
    this.#learned.clear();
  }

  #originationOver(local: IpAddress, { internal, fourOctetAsn }: Negotiated): Origination {
    const nextHop = (family: Family) => {
      const address =
        local.family === family ? local : (this.#ports.nextHopFor?.(family, local) ?? mapped(family, local));
      return address === undefined ? undefined : { address, linkLocal: undefined };
    };
    return {
      internal,
      fourOctetAsn,
      localAsn: this.config.localAsn,
      nextHops: { 4: nextHop(4), 6: nextHop(6) },
    };
  }
}

/** ::ffff:a.b.c.d, which is all that IPv4 transport can say of itself to an IPv6 route; the reverse does not exist. */
function mapped(family: Family, local: IpAddress): IpAddress | undefined {
  return family === 6 ? new IpAddress(6, (0xffffn << 32n) | local.value) : undefined;
}

function dialTarget({ peerAddress, peerPort, localAddress }: BgpSessionConfig): BgpDialTarget {
  return {
    address: peerAddress,
    port: peerPort ?? DEFAULTS.port,
    ...(localAddress === undefined ? {} : { localAddress }),
  };
}

function fsmConfig(config: BgpSessionConfig): FsmConfig {
  return {
    localAsn: config.localAsn,
    peerAsn: config.peerAsn,
    holdTime: config.holdTime ?? DEFAULTS.holdTime,
    keepaliveTime: config.keepaliveTime,
    families: FAMILIES.filter((family) => config.families.has(family)),
    passive: config.passive ?? false,
    maxRetry: seconds(config.connectTime ?? DEFAULTS.connectTime),
  };
}
