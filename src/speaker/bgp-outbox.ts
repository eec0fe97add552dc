import { type PrefixKey, prefixKey } from "../bgp/nlri.ts";
import { endOfRib, type NotSent, type Origination, packChanges } from "../bgp/packing.ts";
import { diff, diffOne, isWithdrawal, type PendingChange, type RouteTable, routeTable } from "../bgp/rib.ts";
import type { Route } from "../bgp/route.ts";
import type { Family } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import type { BgpConnection } from "./bgp-ports.ts";

/** Where routes go while a session is established. */
export interface Channel {
  readonly connection: BgpConnection;
  readonly origination: Origination;
  readonly families: readonly Family[];
}

/** Above this much unsent, changes wait in the table, where they replace each other, and not in the socket. */
const BACKLOG_LIMIT = 256 * 1024;
/** Written in one go: enough for 200,000 IPv4 hosts, little enough not to stall the others. */
const BURST = 1024 * 1024;

/** The adj-rib-out of one peer: what it should have, what it has, and the difference still to be written. */
export class BgpOutbox {
  #desired: RouteTable = new Map();
  #sent: RouteTable = new Map();
  #pending = new Map<PrefixKey, PendingChange>();
  readonly #again = new Set<PrefixKey>();
  readonly #notSent = new Map<PrefixKey, { readonly prefix: IpPrefix; readonly reason: NotSent }>();
  #endOfRib: readonly Family[] = [];
  #channel: Channel | undefined;
  #updates = 0;

  /** Routes the peer has been sent and not been told to forget. */
  get size(): number {
    return this.#sent.size;
  }

  /** UPDATEs written since the beginning. */
  get updates(): number {
    return this.#updates;
  }

  get notSent(): Iterable<{ readonly prefix: IpPrefix; readonly reason: NotSent }> {
    return this.#notSent.values();
  }

  setRoutes(routes: Iterable<Route>): void {
    this.#desired = routeTable(routes);
    this.#plan();
    this.flush();
  }

  /** Some routes that the peer should have from now on, or no longer: the cost is theirs, however large the table is. */
  changeRoutes(changes: Iterable<{ readonly prefix: IpPrefix; readonly route: Route | undefined }>): void {
    const families: readonly Family[] = this.#channel?.families ?? [];
    for (const { prefix, route } of changes) {
      const key = prefixKey(prefix);
      if (route === undefined) this.#desired.delete(key);
      else this.#desired.set(key, route);
      if (families.includes(prefix.family)) this.#planOne(key, route);
    }
    this.flush();
  }

  /** A new session: the peer has nothing, gets everything, and then the End-of-RIB of each family. */
  open(channel: Channel): void {
    this.#channel = channel;
    this.#endOfRib = channel.families;
    this.#plan();
    this.flush();
  }

  close(): void {
    this.#channel = undefined;
    this.#endOfRib = [];
    this.#sent.clear();
    this.#pending.clear();
    this.#again.clear();
    this.#notSent.clear();
  }

  /** The peer asked for everything of one family again (RFC 2918). */
  refresh(family: Family): void {
    for (const [key, route] of this.#sent) if (route.prefix.family === family) this.#again.add(key);
    this.#plan();
    this.flush();
  }

  /** Writes what the connection takes now; the rest waits for the next call. */
  flush(): void {
    const channel = this.#channel;
    if (channel === undefined || channel.connection.backlog > BACKLOG_LIMIT) return;
    const written: (readonly IpPrefix[])[] = [];
    let room = BURST;
    for (const { prefixes, bytes, notSent } of packChanges(this.#pending.values(), channel.origination)) {
      if (bytes === undefined) {
        this.#refuse(prefixes, notSent);
        continue;
      }
      this.#write(channel, bytes);
      written.push(prefixes);
      room -= bytes.length;
      if (room <= 0) break;
    }
    for (const prefixes of written) this.#settle(prefixes);
    if (room <= 0) return;
    // A route that can no longer be sent must not stay behind in its old form.
    if (this.#pending.size > 0) this.flush();
    else this.#finish(channel);
  }

  #finish(channel: Channel): void {
    for (const family of this.#endOfRib) this.#write(channel, endOfRib(family, channel.origination));
    this.#endOfRib = [];
  }

  #write(channel: Channel, bytes: Uint8Array): void {
    channel.connection.write(bytes);
    this.#updates++;
  }

  #plan(): void {
    const channel = this.#channel;
    if (channel === undefined) return;
    this.#pending = diff(this.#desired, this.#sent, channel.families);
    this.#notSent.clear();
    for (const key of this.#again) {
      const route = this.#desired.get(key);
      if (route === undefined) this.#again.delete(key);
      else this.#pending.set(key, route);
    }
  }

  #planOne(key: PrefixKey, route: Route | undefined): void {
    this.#notSent.delete(key);
    const change = diffOne(route, this.#sent.get(key));
    if (change !== undefined) this.#pending.set(key, change);
    else if (!this.#again.has(key)) this.#pending.delete(key);
  }

  #settle(prefixes: readonly IpPrefix[]): void {
    for (const prefix of prefixes) {
      const key = prefixKey(prefix);
      const change = this.#pending.get(key);
      if (change === undefined || isWithdrawal(change)) this.#sent.delete(key);
      else this.#sent.set(key, change);
      this.#pending.delete(key);
      this.#again.delete(key);
    }
  }

  #refuse(prefixes: readonly IpPrefix[], reason: NotSent): void {
    for (const prefix of prefixes) {
      const key = prefixKey(prefix);
      this.#notSent.set(key, { prefix, reason });
      if (this.#sent.has(key)) this.#pending.set(key, prefix);
      else this.#pending.delete(key);
    }
  }
}
