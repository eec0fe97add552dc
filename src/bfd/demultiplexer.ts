import type { IpAddress } from "../net/ip-address.ts";
import { PacketRefused } from "./error.ts";
import { TTL } from "./iana.ts";
import type { ControlPacket, Discriminator } from "./packet.ts";

/** Between which two ends a session runs. */
export interface BfdPath {
  readonly peer: IpAddress;
  /** The kernel's choice when absent. */
  readonly local?: IpAddress;
  /** Needed for link-local peers. */
  readonly interface?: string;
  readonly multihop: boolean;
  /** The least TTL that is believed; over a single hop it is always 255 (RFC 5881 section 5). */
  readonly minimumTtl: number;
}

/** What a socket knows of a datagram besides its payload. Undefined: this socket cannot tell, and has checked it itself. */
export interface Arrival {
  readonly from: IpAddress;
  readonly to: IpAddress | undefined;
  readonly interface: string | undefined;
  readonly ttl: number | undefined;
  /** Came to port 4784, not 3784. */
  readonly multihop: boolean;
}

interface Entry<T> {
  readonly path: BfdPath;
  readonly value: T;
}

/** Finds the session that a packet is for: the second half of the questions of RFC 5880 section 6.8.6. */
export class Demultiplexer<T> {
  readonly #entries = new Map<Discriminator, Entry<T>>();

  /** The discriminator must not be in use. */
  add(local: Discriminator, path: BfdPath, value: T): void {
    this.#entries.set(local, { path, value });
  }

  remove(local: Discriminator): void {
    this.#entries.delete(local);
  }

  has(local: Discriminator): boolean {
    return this.#entries.has(local);
  }

  /** @throws PacketRefused when no session may hear this packet. */
  find(packet: ControlPacket, arrival: Arrival): T {
    const { path, value } = this.#select(packet, arrival);
    if (packet.authenticated) throw new PacketRefused("authentication");
    // The multihop port takes packets from afar: they must not reach a session that believes in its neighbour's TTL.
    if (path.multihop !== arrival.multihop) throw new PacketRefused("wrong-port");
    const least = path.multihop ? path.minimumTtl : TTL;
    if (arrival.ttl !== undefined && arrival.ttl < least) throw new PacketRefused("hops");
    return value;
  }

  #select({ yourDiscriminator }: ControlPacket, arrival: Arrival): Entry<T> {
    if (yourDiscriminator !== undefined) {
      const known = this.#entries.get(yourDiscriminator);
      if (known === undefined) throw new PacketRefused("unknown-discriminator");
      return known;
    }
    for (const entry of this.#entries.values()) if (connects(entry.path, arrival)) return entry;
    throw new PacketRefused("no-session");
  }
}

/** RFC 5881 section 3, RFC 5883 section 3: by the two addresses, and over a single hop by the interface. */
function connects(path: BfdPath, arrival: Arrival): boolean {
  return (
    path.multihop === arrival.multihop &&
    path.peer.equals(arrival.from) &&
    (path.local === undefined || arrival.to === undefined || path.local.equals(arrival.to)) &&
    (path.interface === undefined || arrival.interface === undefined || path.interface === arrival.interface)
  );
}
