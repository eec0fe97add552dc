import type { Family, IpAddress } from "../net/ip-address.ts";
import type { Micros } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import type { Log } from "../telemetry/log.ts";
import type { OutboxHub } from "./bgp-outbox-hub.ts";

/** What a connection tells the session that uses it. */
export interface ConnectionHandlers {
  data(bytes: Uint8Array): void;
  /** Everything written is with the kernel. */
  drained(): void;
  /** Once, and last. */
  closed(reason: string): void;
}

/** A TCP connection as BGP needs it. */
export interface BgpConnection {
  readonly localAddress: IpAddress;
  readonly remoteAddress: IpAddress;
  readonly localPort: number;
  readonly remotePort: number;
  /** The interface, when the peer's address is link-local. */
  readonly zone?: string | undefined;
  /** Signs with another password from now on, on a connection that began with one. */
  setPassword?(password: string): void;
  /** Octets written that the kernel has not taken yet. */
  readonly backlog: number;
  attach(handlers: ConnectionHandlers): void;
  write(bytes: Uint8Array): void;
  /** Sends what is queued, then says that nothing more comes. */
  end(): void;
  destroy(): void;
}

export interface BgpDialTarget {
  readonly address: IpAddress;
  readonly port: number;
  readonly localAddress?: IpAddress;
  /** The interface of a link-local address. */
  readonly zone?: string;
  /** TCP MD5 signatures (RFC 2385). */
  readonly password?: string;
  /** GTSM (RFC 5082): the lowest TTL taken from the peer, 255 when it is on the link. Ours is sent as 255 then. */
  readonly minTtl?: number;
  /** The TTL sent: 1 keeps an external session on the link, more lets it cross routers. */
  readonly ttl?: number;
  /** The interface or VRF the connection is bound to. */
  readonly bindToDevice?: string;
  /** How long what was written may stay unacknowledged before the connection counts as lost. */
  readonly userTimeout?: Micros;
}

/** Starts one connection attempt; exactly one outcome follows, or none after `abort`. */
export type BgpDial = (
  target: BgpDialTarget,
  outcome: { connected(connection: BgpConnection): void; failed(reason: string): void },
) => { abort(): void };

/**
 * Looks for the router behind an interface, for peers that have no address in the configuration. Each other address is told;
 * `failed` when the interface is there and cannot be used for that.
 */
export type WatchNeighbour = (
  interfaceName: string,
  outcome: { found(address: IpAddress): void; failed(reason: string): void },
) => { stop(): void };

/** What outlives this process about the sessions it had: who was up, so that a restart is known to be one. */
export interface RestartMemory {
  /** Whether the session was up when the process before this one ended. */
  wasUp(session: string): boolean;
  remember(session: string): void;
  forget(session: string): void;
}

/** Everything a session uses of the world around it. */
export interface BgpPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly dial: BgpDial;
  readonly log: Log;
  /** The next hop for the family that the transport is not of; undefined when the owner knows none. */
  readonly nextHopFor?: (family: Family, localAddress: IpAddress) => IpAddress | undefined;
  /** Whether this machine has the address; absent where nobody can tell. */
  readonly hasAddress?: (address: IpAddress) => boolean;
  /** Absent where neighbours cannot be found. */
  readonly watchNeighbour?: WatchNeighbour;
  /** Absent where nothing outlives the process: no session ever says that it has restarted. */
  readonly restarts?: RestartMemory;
  /** What all sessions of a speaker share of their routes; a session without one keeps its own. */
  readonly outboxHub?: OutboxHub;
}
