import type { MpNextHop } from "../bgp/attribute/mp-reach.ts";
import type { Attributes } from "../bgp/attribute/registry.ts";
import { unicast } from "../bgp/family.ts";
import { REFRESH_SUBTYPE } from "../bgp/iana.ts";
import { encodeRouteRefresh } from "../bgp/message/route-refresh.ts";
import { endOfRib, type NotSent, type Origination, originate } from "../bgp/packing.ts";
import { AdjRibOut, type RouteOutState } from "../bgp/rib-out.ts";
import type { Route } from "../bgp/route.ts";
import type { Family } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import type { OutboxHub, PacedWriter } from "./bgp-outbox-hub.ts";
import type { BgpConnection } from "./bgp-ports.ts";

/** Where routes go while a session is established. */
export interface Channel {
  readonly connection: BgpConnection;
  readonly origination: Origination;
  readonly families: readonly Family[];
  /** Both ends know the marks around the answer to a route refresh (RFC 7313). */
  readonly marksRefresh?: boolean;
}

/** A route as a peer has it, or should have it. */
export interface RouteOut {
  readonly state: RouteOutState;
  /** What the session says beside the prefix; undefined while there is none. */
  readonly attributes: Attributes | undefined;
  readonly nextHop: MpNextHop | undefined;
}

/** Above this much unsent, changes wait in the table, where they replace each other, and not in the socket. */
const BACKLOG_LIMIT = 256 * 1024;
/** Written in one go, or as much other work as that: 13,000 IPv4 hosts, half a millisecond. */
const BURST = 64 * 1024;

/** Keeps one peer's routes equal to what they should be, as fast as its connection takes them. */
export class BgpOutbox implements PacedWriter {
  readonly #hub: OutboxHub;
  readonly #rib: AdjRibOut;
  #endOfRib: readonly Family[] = [];
  /** Families whose routes go out once more, after the mark that says so and before the one that ends it. */
  #refreshing: readonly Family[] = [];
  #channel: Channel | undefined;
  /** Told when what waits is written, if more UPDATEs were needed than there were then. */
  #untold: { readonly written: () => void; readonly updates: number }[] = [];
  #updates = 0;
  #refreshes = 0;

  constructor(hub: OutboxHub) {
    this.#hub = hub;
    this.#rib = new AdjRibOut(hub.store);
  }

  /** Routes the peer has been sent and not been told to forget. */
  get size(): number {
    return this.#rib.size;
  }

  /** UPDATEs written since the beginning. */
  get updates(): number {
    return this.#updates;
  }

  /** Marks around the answers to route refreshes (RFC 7313). */
  get refreshes(): number {
    return this.#refreshes;
  }

  /** Whether there are routes that have not been looked at yet. */
  get pending(): boolean {
    return this.#rib.pending;
  }

  /** How far a route has come that the peer should have, and what it is to the peer. */
  routeOut(route: Route): RouteOut {
    const origination = this.#channel?.origination;
    return {
      state: this.#rib.stateOf(route.prefix),
      attributes: origination && originate(route, origination),
      nextHop: origination?.nextHops[route.prefix.family],
    };
  }

  get notSent(): Iterable<{ readonly prefix: IpPrefix; readonly reason: NotSent }> {
    return this.#rib.notSent();
  }

  setRoutes(routes: Iterable<Route>): void {
    this.#rib.setRoutes(routes);
    this.flush();
  }

  /**
   * Some routes that the peer should have from now on, or no longer: the cost is theirs, however large the table is. `written` is
   * called once an UPDATE says so; never when the peer need not be told, or cannot be.
   */
  changeRoutes(
    changes: Iterable<{ readonly prefix: IpPrefix; readonly route: Route | undefined }>,
    written?: () => void,
  ): void {
    this.#rib.changeRoutes(changes);
    const waits = written !== undefined && this.#channel !== undefined && this.#rib.pending;
    if (waits) this.#untold.push({ written, updates: this.#updates });
    this.flush();
  }

  /** A new session: the peer has nothing, gets everything, and then the End-of-RIB of each family. */
  open(channel: Channel): void {
    this.#channel = channel;
    this.#endOfRib = channel.families;
    this.#rib.open(channel.origination, channel.families);
    this.flush();
  }

  close(): void {
    this.#channel = undefined;
    this.#untold = [];
    this.#endOfRib = [];
    this.#refreshing = [];
    this.#rib.close();
    this.#hub.withdraw(this);
    // A table that was on its way in is what the next session starts with.
    this.flush();
  }

  /** Gives up the routes for good: the session is not going to be used again. */
  dispose(): void {
    this.close();
    this.setRoutes([]);
  }

  /** The peer asked for everything of one family again (RFC 2918). */
  refresh(family: Family): void {
    const channel = this.#channel;
    // RFC 7313 section 4: no mark before the first End-of-RIB, which is still to come and says the same.
    const marks = channel?.marksRefresh === true && !this.#endOfRib.includes(family);
    if (channel !== undefined && marks && !this.#refreshing.includes(family)) {
      this.#mark(channel, family, REFRESH_SUBTYPE.begin);
      this.#refreshing = [...this.#refreshing, family];
    }
    this.#rib.refresh(family);
    this.flush();
  }

  /** There is something to write, or the connection has room again. */
  flush(): void {
    if (this.#hasWork()) this.#hub.request(this);
  }

  burst(): boolean {
    const channel = this.#channel;
    if (channel === undefined) {
      this.#rib.take(BURST, BURST);
      return this.#rib.pending;
    }
    if (channel.connection.backlog > BACKLOG_LIMIT) return false;
    for (const bytes of this.#rib.take(BURST, BURST)) this.#write(channel, bytes);
    if (!this.#rib.pending) this.#finish(channel);
    return this.#hasWork() && channel.connection.backlog <= BACKLOG_LIMIT;
  }

  #hasWork(): boolean {
    return this.#rib.pending || this.#endOfRib.length > 0 || this.#refreshing.length > 0;
  }

  #finish(channel: Channel): void {
    for (const { written, updates } of this.#untold.splice(0)) if (this.#updates > updates) written();
    for (const family of this.#endOfRib) this.#write(channel, endOfRib(family, channel.origination));
    for (const family of this.#refreshing) this.#mark(channel, family, REFRESH_SUBTYPE.end);
    this.#endOfRib = [];
    this.#refreshing = [];
  }

  #mark({ connection }: Channel, family: Family, subtype: number): void {
    connection.write(encodeRouteRefresh({ ...unicast(family), subtype }));
    this.#refreshes++;
  }

  #write(channel: Channel, bytes: Uint8Array): void {
    channel.connection.write(bytes);
    this.#updates++;
  }
}
