import type { Family, IpAddress } from "../net/ip-address.ts";
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import type { Log } from "../telemetry/log.ts";

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
}

/** Starts one connection attempt; exactly one outcome follows, or none after `abort`. */
export type BgpDial = (
  target: BgpDialTarget,
  outcome: { connected(connection: BgpConnection): void; failed(reason: string): void },
) => { abort(): void };

/** Everything a session uses of the world around it. */
export interface BgpPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly dial: BgpDial;
  readonly log: Log;
  /** The next hop for the family that the transport is not of; undefined when the owner knows none. */
  readonly nextHopFor?: (family: Family, localAddress: IpAddress) => IpAddress | undefined;
}
