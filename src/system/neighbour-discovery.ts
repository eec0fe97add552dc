import { IpAddress } from "../net/ip-address.ts";
import { micros, seconds } from "../net/micros.ts";
import { CodedError } from "../wire/errors.ts";
import type { Clock, Timer } from "./clock.ts";
import { type Interfaces, type InterfaceView, type Link, linkNamed } from "./interfaces.ts";
import { controlPayload } from "./native/control-message.ts";
import { AF, CONTROL, IPPROTO, OPTION, SOCK } from "./native/linux.ts";
import { Structure } from "./native/memory.ts";
import { inetSockaddr, parseInetSockaddr } from "./native/sockaddr.ts";
import { MessageBuffer, type NativeSocket, type NativeSockets, SocketError } from "./native/socket.ts";
import type { Random } from "./random.ts";
import { deviceName } from "./tcp-options.ts";

export interface NeighbourPorts {
  readonly sockets: NativeSockets;
  readonly interfaces: Interfaces;
  readonly clock: Clock;
  readonly random: Random;
  /** The interface is there and cannot be used: without the addon or NET_RAW. Tried again when it changes. */
  readonly failed: (interfaceName: string, error: CodedError) => void;
}

/**
 * Finds the router at the other end of an interface, as unnumbered BGP needs it, and lets it find us: both say in router
 * advertisements who they are (RFC 4861). Ours have a lifetime of 0, so that no host takes us for its router. Tells each
 * other address it finds; waits while the interface is not there or down. Needs the capability NET_RAW.
 */
export function watchNeighbour(
  ports: NeighbourPorts,
  interfaceName: string,
  found: (address: IpAddress) => void,
): { stop(): void } {
  let current: { readonly key: string; readonly side: LinkSide | undefined } | undefined;
  const follow = (view: InterfaceView): void => {
    const link = linkNamed(view, interfaceName);
    const usable = link?.up === true && link.carrier ? link : undefined;
    const key = usable === undefined ? undefined : `${usable.index} ${usable.mac}`;
    if (current?.key === key) return;
    current?.side?.close();
    current = usable === undefined || key === undefined ? undefined : { key, side: sideOf(ports, usable, found) };
  };
  const unfollow = ports.interfaces.onChange(follow);
  follow(ports.interfaces.view);
  return {
    stop() {
      unfollow();
      current?.side?.close();
      current = undefined;
    },
  };
}

function sideOf(ports: NeighbourPorts, link: Link, found: (address: IpAddress) => void): LinkSide | undefined {
  try {
    return new LinkSide(ports, link, found);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    ports.failed(link.name, error);
    return undefined;
  }
}

// RFC 4861 sections 4.1, 4.2 and 4.6.1.
const SOLICITATION = 133;
const ADVERTISEMENT = 134;
const SOURCE_LINK_ADDRESS = 1;
const HOP_LIMIT = 255;
const ALL_NODES = new IpAddress(6, (0xff02n << 112n) | 1n);
const ALL_ROUTERS = new IpAddress(6, (0xff02n << 112n) | 2n);

/** Three at once so that both ends meet soon, then at FRR's pace. */
const EAGER = 3;
const EAGER_INTERVAL = seconds(1);
const INTERVAL = seconds(10);
/** A second router on the link takes the place of the first only when that one has been silent so long. */
const SILENCE = seconds(40);
/** RFC 4861 section 6.2.6: an answer to a solicitation waits up to this long, for others to be answered with it. */
const MAX_ANSWER_DELAY = 500_000;

/** Our side of one link, while it is up. */
class LinkSide {
  readonly #ports: NeighbourPorts;
  readonly #link: Link;
  readonly #found: (address: IpAddress) => void;
  readonly #socket: NativeSocket;
  readonly #buffer = new MessageBuffer(2048, { address: true, control: 128 });
  #timer: Timer;
  #answer: Timer | undefined;
  #sent = 0;
  #neighbour: { readonly address: IpAddress; heard: number } | undefined;
  #open = true;

  constructor(ports: NeighbourPorts, link: Link, found: (address: IpAddress) => void) {
    this.#ports = ports;
    this.#link = link;
    this.#found = found;
    this.#socket = openIcmp(ports.sockets, link);
    this.#socket.onReadable(() => this.#receive());
    this.#timer = ports.clock.after(micros(0), () => this.#speak());
  }

  close(): void {
    this.#open = false;
    this.#timer.cancel();
    this.#answer?.cancel();
    this.#socket.close();
  }

  #speak(): void {
    this.#advertise();
    if (this.#neighbour === undefined)
      this.#send(withLinkAddress([SOLICITATION, 0, 0, 0, 0, 0, 0, 0], this.#link), ALL_ROUTERS);
    this.#sent++;
    const interval = this.#sent < EAGER ? EAGER_INTERVAL : INTERVAL;
    const jittered = micros(interval * (0.75 + this.#ports.random() / 4));
    this.#timer = this.#ports.clock.after(jittered, () => this.#speak());
  }

  #advertise(): void {
    const unspecified = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    this.#send(withLinkAddress([ADVERTISEMENT, 0, 0, 0, ...unspecified], this.#link), ALL_NODES);
  }

  #send(message: Uint8Array, to: IpAddress): void {
    try {
      this.#socket.send(message, inetSockaddr(to, 0, this.#link.index));
    } catch (error) {
      // The link is going down, or has no link-local address yet: the next turn comes.
      if (!(error instanceof SocketError)) throw error;
    }
  }

  #receive(): void {
    try {
      while (this.#open && this.#socket.receive(this.#buffer)) this.#onMessage();
    } catch (error) {
      // ENETDOWN: the monitor says so as well.
      if (!(error instanceof SocketError)) throw error;
    }
  }

  #onMessage(): void {
    const { message, controlMessages } = this.#buffer;
    const from = parseInetSockaddr(this.#buffer.from)?.address;
    const hopLimit = controlPayload(controlMessages, CONTROL.ipv6HopLimit)?.i32(0);
    // RFC 4861 sections 6.1.1 and 6.1.2: what a router forwarded is a forgery.
    if (hopLimit !== HOP_LIMIT || from === undefined || message[1] !== 0) return;
    if (message[0] === SOLICITATION && message.length >= 8) this.#onSolicitation();
    if (message[0] === ADVERTISEMENT && message.length >= 16 && from.isLinkLocal) this.#onAdvertisement(from);
  }

  #onSolicitation(): void {
    if (this.#answer !== undefined) return;
    this.#answer = this.#ports.clock.after(micros(this.#ports.random() * MAX_ANSWER_DELAY), () => {
      this.#answer = undefined;
      this.#advertise();
    });
  }

  #onAdvertisement(from: IpAddress): void {
    const now = this.#ports.clock.now();
    const known = this.#neighbour;
    if (known?.address.equals(from) === true) {
      known.heard = now;
      return;
    }
    if (known !== undefined && now - known.heard < SILENCE) return;
    this.#neighbour = { address: from, heard: now };
    this.#found(from);
  }
}

function openIcmp(sockets: NativeSockets, link: Link): NativeSocket {
  const socket = sockets.open(AF.inet6, SOCK.raw, IPPROTO.icmpv6);
  try {
    socket.setOption(OPTION.icmpv6Filter, passOnly([SOLICITATION, ADVERTISEMENT]));
    socket.setOption(OPTION.bindToDevice, deviceName(link.name));
    socket.setOption(OPTION.ipv6MulticastInterface, link.index);
    socket.setOption(OPTION.ipv6MulticastHops, HOP_LIMIT);
    socket.setOption(OPTION.ipv6MulticastLoop, 0);
    socket.setOption(OPTION.ipv6ReceiveHopLimit, 1);
    const membership = new Structure(20).set(0, ALL_ROUTERS.toBytes()).setU32(16, link.index);
    socket.setOption(OPTION.ipv6JoinGroup, membership.bytes);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** struct icmp6_filter: a bit for each type that is kept out. */
function passOnly(types: readonly number[]): Uint8Array {
  const filter = new Structure(new Uint8Array(32).fill(0xff));
  for (const type of types) {
    const word = (type >> 5) * 4;
    filter.setU32(word, (filter.u32(word) & ~(1 << (type & 31))) >>> 0);
  }
  return filter.bytes;
}

/** A message with the sender's hardware address; the kernel fills in the checksum. */
function withLinkAddress(head: readonly number[], { mac }: Link): Uint8Array {
  return Uint8Array.from(mac.length === 6 ? [...head, SOURCE_LINK_ADDRESS, 1, ...mac] : head);
}
