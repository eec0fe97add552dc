import type { IpAddress } from "../net/ip-address.ts";
import { arpFilter, neighbourDiscoveryFilter } from "./native/filter.ts";
import { AF, ETHERTYPE, OPTION, SOCK } from "./native/linux.ts";
import { linkSockaddr } from "./native/sockaddr.ts";
import { BatchBuffer, type NativeSocket, type NativeSockets, SocketError } from "./native/socket.ts";
import { SolicitedNodeGroups } from "./packet-link-groups.ts";

/** Which interface. */
export interface PacketLinkPlace {
  readonly index: number;
}

/** What an open link tells. */
export interface FrameHandlers {
  /** A whole Ethernet frame; its bytes are used again after the call. */
  received(frame: Uint8Array): void;
  /** The interface went down or away; told once. */
  failed(message: string): void;
}

/** A frame of 1,500 octets behind its header: no ARP and no neighbour discovery is longer. */
const LONGEST = 1514;
/** Frames taken in one turn of the event loop; the rest have the next one. */
const BATCH = 64;
/** Asked for; the kernel gives net.core.rmem_max at most. A burst waits there while the thread is busy. */
const RECEIVE_ROOM = 1 << 20;
const ARP_OPERATIONS = [1, 2];
const SOLICITATION_AND_ADVERTISEMENT = [135, 136];

/**
 * Opens interfaces for ARP and neighbour discovery, in any thread: whole frames, filtered in the kernel, without those that
 * this host sends or that belong to a VLAN on the interface. @throws NativeMissing, SocketError
 */
export function packetLinks(
  sockets: NativeSockets,
): (place: PacketLinkPlace, handlers: FrameHandlers) => KernelPacketLink {
  // Frames are dealt with before the next are taken, so that all links share the room.
  const batch = new BatchBuffer(LONGEST + 1, BATCH);
  return ({ index }, handlers) => {
    const arp = openFiltered(sockets, { index, etherType: ETHERTYPE.arp, filter: arpFilter(ARP_OPERATIONS, index) });
    try {
      const filter = neighbourDiscoveryFilter(SOLICITATION_AND_ADVERTISEMENT, index);
      const ndp = openFiltered(sockets, { index, etherType: ETHERTYPE.ipv6, filter });
      return new KernelPacketLink({ arp, ndp, batch, groups: new SolicitedNodeGroups(sockets, index, ndp) }, handlers);
    } catch (error) {
      arp.close();
      throw error;
    }
  };
}

interface Listening {
  readonly index: number;
  readonly etherType: number;
  readonly filter: Uint8Array;
}

/**
 * One socket for each protocol: one for all (ETH_P_ALL) would have the kernel run the filter on every packet of the node, in
 * and out, and would be shown VLANs' frames as the interface's own.
 */
function openFiltered(sockets: NativeSockets, { index, etherType, filter }: Listening): NativeSocket {
  // Protocol 0 hears nothing: the filter is there before the first frame is.
  const socket = sockets.open(AF.packet, SOCK.raw, 0);
  try {
    socket.attachFilter(filter);
    socket.setOption(OPTION.receiveBuffer, RECEIVE_ROOM);
    socket.bind(linkSockaddr(etherType, index));
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

interface LinkParts {
  readonly arp: NativeSocket;
  readonly ndp: NativeSocket;
  readonly batch: BatchBuffer;
  readonly groups: SolicitedNodeGroups;
}

/** An interface opened by the kernel's packet sockets. */
export class KernelPacketLink {
  readonly #parts: LinkParts;
  readonly #handlers: FrameHandlers;
  #open = true;

  constructor(parts: LinkParts, handlers: FrameHandlers) {
    this.#parts = parts;
    this.#handlers = handlers;
    for (const socket of [parts.arp, parts.ndp]) socket.onReadable(() => this.#receive(socket));
  }

  /** False when the kernel has no room now: the frame is lost. @throws SocketError when the link is gone */
  send(frame: Uint8Array): boolean {
    const { arp, ndp } = this.#parts;
    // The kernel takes a frame for what its socket was bound to: queues, filters and bridges look at that.
    return isArp(frame) ? arp.send(frame) : ndp.send(frame);
  }

  /** The targets whose solicited-node groups are listened to. */
  listenFor(targets: readonly IpAddress[]): void {
    if (this.#open) this.#parts.groups.listenFor(targets);
  }

  close(): void {
    this.#open = false;
    this.#parts.groups.close();
    this.#parts.arp.close();
    this.#parts.ndp.close();
  }

  #receive(socket: NativeSocket): void {
    const { batch } = this.#parts;
    const count = this.#take(socket);
    for (let i = 0; i < count && this.#open; i++) {
      const frame = batch.message(i);
      if (frame.length <= LONGEST) this.#handlers.received(frame);
    }
  }

  #take(socket: NativeSocket): number {
    try {
      return socket.receiveBatch(this.#parts.batch);
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      this.#onError(error);
      return 0;
    }
  }

  #onError({ errno, message }: SocketError): void {
    // Frames were lost for want of memory: those who sent them ask again.
    if (errno === "ENOBUFS" || errno === "ENOMEM") return;
    this.close();
    this.#handlers.failed(message);
  }
}

function isArp(frame: Uint8Array): boolean {
  return frame[12] === ETHERTYPE.arp >> 8 && frame[13] === (ETHERTYPE.arp & 0xff);
}
