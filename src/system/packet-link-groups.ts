import { IpAddress } from "../net/ip-address.ts";
import { AF, OPTION, SOCK, type SocketOption } from "./native/linux.ts";
import { ipv6Membership, linkMembership } from "./native/sockaddr.ts";
import { type NativeSocket, type NativeSockets, SocketError } from "./native/socket.ts";

/** The last 24 bits of an address: all that its solicited-node group has of it (RFC 4291 section 2.7.1). */
type GroupKey = number;

const GROUP_BITS = 0xff_ffffn;
const FIRST_GROUP = 0xff02_0000_0000_0000_0000_0001_ff00_0000n;

/**
 * The solicited-node groups that one interface listens to: in the network card's filter, and as a member by MLD (RFC 3810), or
 * switches that look into MLD would keep the solicitations away. What could not be joined is tried again each time.
 */
export class SolicitedNodeGroups {
  readonly #card: Difference;
  readonly #multicast: MulticastMemberships;
  readonly #reported: Difference;

  /** `card` is a packet socket: its memberships end with it. */
  constructor(sockets: NativeSockets, index: number, card: NativeSocket) {
    this.#card = new Difference(cardMemberships(card, index));
    this.#multicast = new MulticastMemberships(sockets, index);
    this.#reported = new Difference(this.#multicast);
  }

  /** Joins and leaves by difference; two targets may share a group. */
  listenFor(targets: readonly IpAddress[]): void {
    const groups = new Set<GroupKey>();
    for (const { family, value } of targets) if (family === 6) groups.add(Number(value & GROUP_BITS));
    this.#card.follow(groups);
    this.#reported.follow(groups);
  }

  close(): void {
    this.#multicast.close();
  }
}

interface Memberships {
  /** False when it could not be. */
  join(group: GroupKey): boolean;
  leave(group: GroupKey): void;
}

class Difference {
  readonly #memberships: Memberships;
  readonly #joined = new Set<GroupKey>();

  constructor(memberships: Memberships) {
    this.#memberships = memberships;
  }

  follow(wanted: ReadonlySet<GroupKey>): void {
    for (const group of this.#joined) {
      if (wanted.has(group)) continue;
      this.#memberships.leave(group);
      this.#joined.delete(group);
    }
    for (const group of wanted) {
      if (!this.#joined.has(group) && this.#memberships.join(group)) this.#joined.add(group);
    }
  }
}

function cardMemberships(card: NativeSocket, index: number): Memberships {
  const membership = (group: GroupKey): Uint8Array =>
    // RFC 2464 section 7: 33:33 and the last four octets of the group.
    linkMembership(index, Uint8Array.of(0x33, 0x33, 0xff, group >> 16, group >> 8, group));
  return {
    join: (group) => attempt(card, OPTION.packetAddMembership, membership(group)) === undefined,
    leave: (group) => attempt(card, OPTION.packetDropMembership, membership(group)),
  };
}

/** The kernel lets a socket have so many groups as fit into net.core.optmem_max, some hundreds: the next ones go to another socket. */
class MulticastMemberships implements Memberships {
  readonly #sockets: NativeSockets;
  readonly #index: number;
  readonly #open: NativeSocket[] = [];
  readonly #holders = new Map<GroupKey, NativeSocket>();

  constructor(sockets: NativeSockets, index: number) {
    this.#sockets = sockets;
    this.#index = index;
  }

  join(group: GroupKey): boolean {
    for (const socket of this.#open) {
      const errno = this.#joinOn(socket, group);
      if (errno === undefined) return true;
      if (!isFull(errno)) return false;
    }
    // Never bound to a port: it receives nothing.
    const another = this.#sockets.open(AF.inet6, SOCK.dgram, 0);
    if (this.#joinOn(another, group) === undefined) {
      this.#open.push(another);
      return true;
    }
    another.close();
    return false;
  }

  leave(group: GroupKey): void {
    const socket = this.#holders.get(group);
    this.#holders.delete(group);
    if (socket !== undefined) attempt(socket, OPTION.ipv6LeaveGroup, this.#membership(group));
  }

  close(): void {
    for (const socket of this.#open.splice(0)) socket.close();
    this.#holders.clear();
  }

  #joinOn(socket: NativeSocket, group: GroupKey): string | undefined {
    const errno = attempt(socket, OPTION.ipv6JoinGroup, this.#membership(group));
    if (errno === undefined) this.#holders.set(group, socket);
    return errno;
  }

  #membership(group: GroupKey): Uint8Array {
    return ipv6Membership(this.#index, new IpAddress(6, FIRST_GROUP | BigInt(group)));
  }
}

function isFull(errno: string): boolean {
  return errno === "ENOMEM" || errno === "ENOBUFS";
}

/** Undefined when it went well; else the errno. An interface that goes away is told by reading from the link. */
function attempt(socket: NativeSocket, option: SocketOption, value: Uint8Array): string | undefined {
  try {
    socket.setOption(option, value);
    return undefined;
  } catch (error) {
    if (error instanceof SocketError) return error.errno;
    throw error;
  }
}
