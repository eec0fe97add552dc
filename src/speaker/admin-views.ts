import type { Decision } from "../announcement/decision.ts";
import type { AnnouncedRoute } from "../announcement/route-table.ts";
import type { NodeName } from "../api/config.ts";
import type { MoveRing } from "../inspection/move.ts";
import {
  type RouteInItem,
  type RouteOutItem,
  routeInItem,
  routeOutItem,
  type SessionRoute,
} from "../inspection/route-view.ts";
import {
  lacksOf,
  negotiatedItem,
  notificationItem,
  openItem,
  type SessionItem,
  type SessionView,
} from "../inspection/session-view.ts";
import { type Layer2View, type MembersView, type PlanItem, planItem } from "../inspection/state-view.ts";
import { INSPECTION_VERSION, type ViewHead, type ViewName } from "../inspection/view.ts";
import type { Micros } from "../net/micros.ts";
import type { Clock, WallClock } from "../system/clock.ts";
import { machineClock } from "./bfd-clock.ts";
import type { BfdView } from "./bfd-service.ts";
import type { BgpSession } from "./bgp-session.ts";
import { SESSION_DEFAULTS } from "./bgp-session-config.ts";
import type { GossipInspection } from "./gossip-messages.ts";
import type { Layer2Inspection } from "./layer2-messages.ts";

/** A session, and what guards it. */
export interface InspectedSession {
  readonly peer: string;
  readonly session: BgpSession;
  readonly bfd: BfdView | undefined;
}

/** What of a speaker can be looked at. Nothing here changes anything. */
export interface AdminSources {
  readonly node: string;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly moves: MoveRing;
  sessions(): readonly InspectedSession[];
  routes(): Iterable<AnnouncedRoute>;
  decisions(): Iterable<Decision>;
  layer2(): Promise<Layer2Inspection | undefined>;
  gossip(): Promise<GossipInspection | undefined>;
  /** Who is taken for alive; undefined takes every node. */
  members(): ReadonlySet<NodeName> | undefined;
}

const NO_SESSION: SessionRoute = { state: "no-session", attributes: undefined, nextHop: undefined };
/** So many prefixes that cannot be sent are named: the reasons are few. */
const MOST_NOT_SENT = 100;

/** Says in the words of `inspection/` what a speaker knows. Passwords are no part of any of it. */
export class AdminViews {
  readonly #sources: AdminSources;

  constructor(sources: AdminSources) {
    this.#sources = sources;
  }

  get sources(): AdminSources {
    return this.#sources;
  }

  head<Name extends ViewName>(view: Name): ViewHead & { readonly view: Name } {
    const { node, wallClock } = this.#sources;
    return { view, version: INSPECTION_VERSION, node, at: wallClock().toISOString() };
  }

  /** A time of the speaker's clock as people read it. */
  wall(at: Micros, clock: Pick<Clock, "now"> = this.#sources.clock): string {
    return new Date(this.epoch(clock)(at) / 1000).toISOString();
  }

  /** What turns a time of the speaker's clock into microseconds since 1970: the same for all that it is asked. */
  epoch(clock: Pick<Clock, "now"> = this.#sources.clock): (at: Micros) => number {
    const start = this.#sources.wallClock().getTime() * 1000 - clock.now();
    return (at) => start + at;
  }

  sessions(): readonly SessionItem[] {
    return this.#sources.sessions().map((one) => this.#session(one));
  }

  session(found: InspectedSession): SessionView {
    const { opens, record, view } = found.session;
    return {
      ...this.head("session"),
      session: this.#session(found),
      openSent: opens.sent && openItem(opens.sent),
      openReceived: opens.received && openItem(opens.received),
      lacks: lacksOf(opens.sent, opens.received),
      timeline: record.timeline.map(({ at, from, to, reason }) => ({ at: this.wall(at), from, to, reason })),
      notSent: view.routesNotSent
        .slice(0, MOST_NOT_SENT)
        .map(({ prefix, reason }) => ({ prefix: `${prefix}`, reason })),
    };
  }

  #session({ peer, session, bfd }: InspectedSession): SessionItem {
    const { config, view, opens, record } = session;
    const { lastDown: down, lastNotification: notified } = record;
    const { flaps: _, ...counters } = view.counters;
    return {
      node: this.#sources.node,
      peer,
      address: view.peerAddress?.toString(),
      interface: config.interface,
      port: config.peerPort ?? SESSION_DEFAULTS.port,
      localAddress: view.localAddress?.toString(),
      state: view.state,
      since: this.wall(record.since),
      localAsn: config.localAsn,
      expectedAsn: config.peerAsn,
      negotiated: view.negotiated && negotiatedItem(view.negotiated, opens.sent),
      prefixesOut: view.routesSent,
      prefixesNotSent: view.routesNotSent.length,
      prefixesIn: view.routesLearned,
      flaps: record.lost,
      lastError: view.state === "established" ? undefined : view.lastError,
      lastDown: down && { at: this.wall(down.at), reason: down.reason },
      lastNotification: notified && notificationItem(this.wall(notified.at), notified.direction, notified.notification),
      bfd: bfd && { state: bfd.state, lastError: bfd.lastError },
      counters,
    };
  }

  /** Undefined for each that is not wanted: looking takes time as well. */
  *routesOut(wanted: (route: AnnouncedRoute) => boolean): Generator<RouteOutItem | undefined, void> {
    const { node } = this.#sources;
    const sessions = new Map(this.#sources.sessions().map(({ peer, session }) => [peer, session]));
    for (const route of this.#sources.routes()) {
      const isWanted = wanted(route);
      const out = isWanted ? sessions.get(route.peer)?.routeOut(route) : undefined;
      yield isWanted ? routeOutItem(node, route, out ?? NO_SESSION) : undefined;
    }
  }

  *routesIn(wanted: (peer: string, prefix: string) => boolean): Generator<RouteInItem | undefined, void> {
    const { node } = this.#sources;
    for (const { peer, session } of this.#sources.sessions()) {
      for (const route of session.learned) {
        yield wanted(peer, `${route.prefix}`) ? routeInItem({ node, peer }, route) : undefined;
      }
    }
  }

  *plan(wanted: (service: string) => boolean): Generator<PlanItem | undefined, void> {
    for (const decision of this.#sources.decisions()) {
      yield wanted(decision.key) ? planItem(this.#sources.node, decision) : undefined;
    }
  }

  async layer2(): Promise<Layer2View> {
    const inspection = await this.#sources.layer2();
    const { addresses = [], interfaces = [], fenced = false } = inspection ?? {};
    const services = this.#servicesByAddress();
    const macs = new Map(interfaces.map(({ name, mac }) => [name, mac]));
    return {
      ...this.head("layer2"),
      available: inspection !== undefined,
      fenced,
      interfaces: interfaces.map(({ name, mac, families }) => ({ name, mac, families })),
      items: addresses.map(({ ip, since, interfaces: on, state, requests, answers, gratuitous, conflicts }) => ({
        node: this.#sources.node,
        address: ip,
        state,
        since: this.wall(since, machineClock),
        // Without a list it is held wherever it can be.
        interfaces: (on.length === 0 ? [...macs.keys()] : on).map((name) => ({ name, mac: macs.get(name) ?? "" })),
        services: services.get(ip) ?? [],
        ...{ requests, answers, gratuitous, conflicts },
      })),
    };
  }

  async members(): Promise<MembersView> {
    const { node } = this.#sources;
    const gossip = await this.#sources.gossip();
    if (gossip !== undefined) {
      return {
        ...this.head("members"),
        source: "gossip",
        health: gossip.health,
        items: gossip.members.map(({ name, since, ...one }) => ({
          node,
          member: name,
          ...one,
          since: this.wall(since, machineClock),
        })),
      };
    }
    const names = this.#sources.members();
    const items = [...(names ?? [])].map((member) => ({ node, member, state: "alive" as const }));
    return { ...this.head("members"), source: names === undefined ? "none" : "kubernetes", items };
  }

  #servicesByAddress(): ReadonlyMap<string, readonly string[]> {
    const services = new Map<string, string[]>();
    for (const { key, layer2 } of this.#sources.decisions()) {
      for (const { ip } of layer2) {
        const list = services.get(`${ip}`);
        if (list === undefined) services.set(`${ip}`, [key]);
        else list.push(key);
      }
    }
    return services;
  }
}
