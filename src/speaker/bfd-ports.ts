import type { Family, IpAddress } from "../net/ip-address.ts";
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";

/** One datagram on port 3784 or 4784. What is undefined the socket cannot tell. */
export interface BfdDatagram {
  /** Used again after the call. */
  readonly bytes: Uint8Array;
  readonly from: IpAddress;
  readonly to?: IpAddress;
  readonly interface?: string;
  /** Undefined where the kernel has already dropped all but 255. */
  readonly ttl?: number;
}

/** The sockets of BFD. All of them send with TTL 255. */
export interface BfdUdp {
  /** Takes every datagram to the port of this kind. @throws SystemError when the port is taken */
  listen(
    where: { readonly family: Family; readonly multihop: boolean },
    received: (datagram: BfdDatagram) => void,
  ): { close(): void };
  /** Sends echo packets back to where they come from, if that may be. @throws SystemError when the port is taken */
  reflect(family: Family, mayReflect: (from: IpAddress) => boolean): { close(): void };
  /** Sends echo packets of ours around by neighbours, and tells what comes back. @throws SystemError when it may not */
  loop(returned: (payload: Uint8Array) => void): BfdLoop;
  /** The socket one session sends from; `sourcePort` is its alone. @throws SystemError when the path cannot be used (yet) */
  open(path: BfdSendPath): BfdSender;
}

export interface BfdSendPath {
  readonly peer: IpAddress;
  readonly local?: IpAddress;
  readonly interface?: string;
  readonly multihop: boolean;
  readonly sourcePort: number;
}

export interface BfdLoop {
  send(payload: Uint8Array, path: { readonly own: IpAddress; readonly via: IpAddress }): void;
  close(): void;
}

export interface BfdSender {
  /** Undefined when the kernel took it; else why not, and the sender is of no more use. */
  send(bytes: Uint8Array): string | undefined;
  close(): void;
}

/** Everything the engine uses of the world around it. */
export interface BfdEnginePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly udp: BfdUdp;
  /** Calls back when every datagram that has arrived by now was read. */
  readonly afterReads: (then: () => void) => void;
}
