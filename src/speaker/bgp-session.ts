import type { BgpState, FsmEvent } from "../bgp/fsm-values.ts";
import type { Goodbye } from "../bgp/graceful-restart.ts";
import { CEASE } from "../bgp/iana.ts";
import { Journal, type JournalLine } from "../bgp/journal.ts";
import { cease } from "../bgp/message/notification.ts";
import type { RouteChange } from "../bgp/message/update.ts";
import type { Negotiated } from "../bgp/negotiation.ts";
import { AdjRibIn, type LearnedRoute } from "../bgp/rib.ts";
import type { Route } from "../bgp/route.ts";
import { chooseRouterId, type RouterId } from "../bgp/router-id.ts";
import type { Family, IpAddress } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import { micros } from "../net/micros.ts";
import { errorFields } from "../telemetry/log.ts";
import type { BgpLink, Opens, StateChange } from "./bgp-link.ts";
import { LinkPair, type PairOwner } from "./bgp-link-pair.ts";
import { origination } from "./bgp-origination.ts";
import { BgpOutbox, type RouteOut } from "./bgp-outbox.ts";
import { OutboxHub } from "./bgp-outbox-hub.ts";
import type { BgpConnection, BgpDialTarget, BgpPorts } from "./bgp-ports.ts";
import { SessionRecord } from "./bgp-record.ts";
import { type BgpSessionConfig, dialTarget, fsmConfig, SESSION_DEFAULTS } from "./bgp-session-config.ts";
import { SessionCounters } from "./bgp-session-counters.ts";
import type { BgpSessionView } from "./bgp-session-view.ts";
import { UnsentReport } from "./unsent-report.ts";

/** Runs one peer: dials or waits, keeps what the peer has equal to what it should have, and tries again when it is lost. */
export class BgpSession {
  readonly config: BgpSessionConfig;
  readonly #ports: BgpPorts;
  readonly #outbox: BgpOutbox;
  readonly #unsent: UnsentReport;
  readonly #learned: AdjRibIn;
  readonly #journal = new Journal();
  readonly #record: SessionRecord;
  readonly #listeners = new Set<(view: BgpSessionView) => void>();
  readonly #counters = new SessionCounters();
  readonly #links: LinkPair;
  #lastError: string | undefined;
  #connections = 0;
  #peerAddress: IpAddress | undefined;
  #password: string | undefined;
  #search: { stop(): void } | undefined;
  #tooMany = false;

  constructor(ports: BgpPorts, config: BgpSessionConfig) {
    this.config = config;
    this.#ports = { ...ports, log: ports.log.child({ component: "bgp", peer: config.name }) };
    this.#outbox = new BgpOutbox(ports.outboxHub ?? new OutboxHub(ports));
    this.#unsent = new UnsentReport(this.#ports, this.#outbox);
    this.#learned = new AdjRibIn(config.maxPrefixes?.limit ?? config.maxLearned ?? SESSION_DEFAULTS.maxLearned);
    this.#peerAddress = config.peerAddress;
    this.#password = config.password;
    this.#links = new LinkPair(this.#ports, fsmConfig(config), this.#ownership());
    this.#record = new SessionRecord(this.#links.since);
  }

  /** Begins; an unnumbered peer is looked for first. */
  start(): void {
    const { interface: name, peerAddress } = this.config;
    if (peerAddress !== undefined || name === undefined) {
      this.#links.primary.dispatch({ type: "started" });
      return;
    }
    this.#lastError = `no router has been heard on ${name} yet`;
    this.#search ??= this.#ports.watchNeighbour?.(name, {
      found: (address) => this.#onNeighbour(address),
      failed: (reason) => {
        this.#lastError = reason;
        this.#ports.log.error("bgp neighbour cannot be looked for", { interface: name, reason });
      },
    });
  }

  /** Says goodbye to the peer for good, and resolves when that is out, a second later at the latest. */
  async stop(reason: string, goodbye: Goodbye = "shutdown"): Promise<void> {
    this.#search?.stop();
    this.#search = undefined;
    const lasting = goodbye === "restarting" || goodbye === "changed";
    if (!lasting) this.#ports.restarts?.forget(this.config.name);
    const links = this.#links.all;
    for (const link of links) link.dispatch({ type: "stopped", goodbye, communication: reason });
    await Promise.all(links.map((link) => link.closed()));
    this.#outbox.dispose();
    this.#unsent.stop();
  }

  /** Ends the connection with a Cease of this subcode, and tries again after a while: BFD says down, or a person wants it so. */
  reset(subcode: number, reason: string): void {
    this.#links.rival?.dispatch({ type: "fault-found", notification: cease(subcode, reason), reason });
    this.#links.primary.dispatch({ type: "fault-found", notification: cease(subcode, reason), reason });
  }

  /**
   * Takes another password. A live connection changes over when it can, and survives when the peer does so before its hold time ends;
   * one that cannot is made anew.
   */
  setPassword(password: string | undefined): void {
    if (password === this.#password) return;
    this.#password = password;
    if (!this.#links.primary.fsm.running || this.#rekeyed()) return;
    this.#links.rival?.dispatch({ type: "collision-lost" });
    this.#links.primary.dispatch({ type: "stopped", goodbye: "changed" });
    this.#links.primary.dispatch({ type: "started" });
  }

  get password(): string | undefined {
    return this.#password;
  }

  get state(): BgpState {
    return this.#links.primary.state;
  }

  /** As in the view, which is dear where many routes cannot be sent. */
  get peerAddress(): IpAddress | undefined {
    return this.#peerAddress;
  }

  /** All the routes this peer should have, whatever was said before; a list must not change after this. Only what differs is sent. */
  setRoutes(routes: Iterable<Route>): void {
    this.#outbox.setRoutes(routes);
    if (this.#links.primary.state === "established") this.#unsent.look();
  }

  /** Routes the peer should have from now on, or no longer; all others stay as they are. `written` as the outbox has it. */
  changeRoutes(
    changes: Iterable<{ readonly prefix: IpPrefix; readonly route: Route | undefined }>,
    written?: () => void,
  ): void {
    this.#outbox.changeRoutes(changes, written);
    if (this.#links.primary.state === "established") this.#unsent.look();
  }

  /** A connection the peer opened. Closed at once when this session does not run, or the peer flaps too much to be let in. */
  accept(connection: BgpConnection): void {
    this.#links.accept(connection);
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

  /** What happened lately: enough to replay a flap. */
  get journal(): readonly JournalLine[] {
    return this.#journal.lines();
  }

  /** The same, for those who want a part of it. */
  get recorded(): Pick<Journal, "steps" | "messagesFrom" | "connections"> {
    return this.#journal;
  }

  /** What went wrong last, and the latest states. */
  get record(): Omit<SessionRecord, "changed" | "notified"> {
    return this.#record;
  }

  /** The OPENs of the connection that is or was the last. */
  get opens(): Opens {
    return this.#links.primary.opens;
  }

  /** How far a route has come that this peer should have, and what it is to the peer. */
  routeOut(route: Route): RouteOut {
    return this.#outbox.routeOut(route);
  }

  get view(): BgpSessionView {
    const { fsm, connection } = this.#links.primary;
    return {
      name: this.config.name,
      state: fsm.state,
      since: this.#links.since,
      inState: micros(this.#ports.clock.now() - this.#links.since),
      peerAddress: this.#peerAddress,
      localAddress: connection?.localAddress,
      negotiated: fsm.negotiated,
      routesSent: this.#outbox.size,
      routesNotSent: [...this.#outbox.notSent],
      routesLearned: this.#learned.size,
      lastError: this.#lastError,
      counters: this.#counters.with(this.#outbox),
    };
  }

  #ownership(): PairOwner {
    return {
      journal: this.#journal,
      nextConnection: () => ++this.#connections,
      target: () => this.#target(),
      explain: (reason) =>
        this.#password === undefined ? reason : `${reason} (a peer with another password, or none, never answers)`,
      introduction: (connection) => ({
        identifier: this.#identifierFor(connection),
        restarted: this.#counters.established === 0 && this.#ports.restarts?.wasUp(this.config.name) === true,
        resumed: this.#counters.established > 0,
      }),
      changed: (link, change, event) => this.#onChanged(link, change, event),
      lost: (event) => this.#onLost(event),
      replaced: (change) => {
        this.#lastError = change.reason;
        this.#tell(change);
      },
      learned: (change) => this.#onLearned(change),
      refreshed: (family) => this.#outbox.refresh(family),
      drained: () => this.#outbox.flush(),
      sent: (message) => this.#counters.sent(message),
      notified: (link, direction, notification) => {
        // What a connection is refused with that was one too many says nothing of the session.
        if (link === this.#links.primary)
          this.#record.notified({ at: this.#ports.clock.now(), direction, notification });
      },
      received: (kind) => this.#counters.received(kind),
    };
  }

  #onNeighbour(address: IpAddress): void {
    this.#peerAddress = address;
    this.#ports.log.info("bgp neighbour found", { interface: this.config.interface, address: `${address}` });
    this.#links.primary.dispatch({ type: "started" });
  }

  #target(): BgpDialTarget | string {
    const { localAddress } = this.config;
    const address = this.#peerAddress;
    if (address === undefined) return "the peer's address is not known yet";
    if (localAddress !== undefined && this.#ports.hasAddress?.(localAddress) === false) {
      return `the source address ${localAddress} is not on this node`;
    }
    return dialTarget(this.config, { address, password: this.#password });
  }

  #identifierFor({ localAddress }: BgpConnection): RouterId {
    const { routerId: configured, nodeName } = this.config;
    const beside = localAddress.family === 6 ? this.#ports.nextHopFor?.(4, localAddress) : undefined;
    return chooseRouterId({ configured, localAddress, beside, nodeName });
  }

  /** True when nothing is connected that would have to change over, or it has. */
  #rekeyed(): boolean {
    const links = this.#links.all.filter((link) => link.connection !== undefined);
    try {
      return links.every((link) => link.connection?.rekey(this.#password) === true);
    } catch (error) {
      this.#ports.log.warn("bgp password not changed on the live connection", errorFields(error));
      return false;
    }
  }

  #onLearned(change: RouteChange): void {
    if (this.#learned.apply(change) || this.#tooMany) return;
    this.#tooMany = true;
    const { maxPrefixes } = this.config;
    this.#ports.log.warn("bgp peer announces more routes than are kept", { reason: maxPrefixes?.action ?? "ignored" });
    if (maxPrefixes?.action === "reset") {
      this.reset(CEASE.maximumPrefixes, `the peer announced more than ${maxPrefixes.limit} routes`);
    }
  }

  #onChanged(link: BgpLink, change: StateChange, event: FsmEvent): void {
    if (change.to === "established") this.#onEstablished(link);
    if (change.from === "established") this.#onLost(event);
    if (change.to === "idle" || change.to === "active") this.#lastError = change.reason;
    this.#tell(change);
  }

  #tell({ from, to, reason }: Omit<StateChange, "type">): void {
    this.#record.changed({ at: this.#ports.clock.now(), from, to, reason });
    this.#ports.log.info("bgp session changed", { from, to, reason });
    const view = this.view;
    for (const listener of this.#listeners) listener(view);
  }

  #onEstablished(link: BgpLink): void {
    this.#links.keep(link, "collision-lost");
    const { connection } = link;
    const { negotiated } = link.fsm;
    if (connection === undefined || negotiated === undefined) return;
    this.#counters.cameUp();
    this.#lastError = undefined;
    if (negotiated.gracefulRestart) this.#ports.restarts?.remember(this.config.name);
    this.#reportFamilies(negotiated);
    this.#outbox.open({
      connection,
      origination: origination(this.config, connection, { negotiated, nextHopFor: this.#ports.nextHopFor }),
      families: negotiated.families,
      marksRefresh: negotiated.enhancedRouteRefresh === true,
    });
    this.#unsent.look();
  }

  #reportFamilies({ families: common }: Negotiated): void {
    const wanted = [...this.config.families];
    for (const family of wanted.filter((one) => !common.includes(one))) {
      const fields = { family: familyName(family), offered: wanted.map(familyName), common: common.map(familyName) };
      this.#ports.log.warn("peer does not carry a family", fields);
    }
  }

  #onLost(event: FsmEvent): void {
    this.#counters.lost(event);
    this.#outbox.close();
    this.#unsent.stop();
    this.#learned.clear();
    this.#tooMany = false;
  }
}

function familyName(family: Family): string {
  return `ipv${family}`;
}
