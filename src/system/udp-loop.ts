import { addressFromBytes, type IpAddress } from "../net/ip-address.ts";
import { assembleFilter } from "./native/filter.ts";
import { AF, ETHERTYPE, IPPROTO, SOCK } from "./native/linux.ts";
import { Structure } from "./native/memory.ts";
import { inetSockaddr, linkSockaddr } from "./native/sockaddr.ts";
import { MessageBuffer, type NativeSocket, type NativeSockets, SocketError } from "./native/socket.ts";
import { CS6 } from "./tcp-options.ts";

/** Datagrams from us to ourselves by way of a neighbour, who has to forward them back (RFC 5881 section 4). IPv4 alone. */
interface UdpLoop {
  /** Undefined when the kernel took it; it was lost otherwise, and this says why. */
  send(payload: Uint8Array, path: { readonly own: IpAddress; readonly via: IpAddress }): SocketError | undefined;
  close(): void;
}

/** Called with what came back; the payload is used again after the call. @throws NativeMissing, SocketError */
export type OpenUdpLoop = (port: number, returned: (payload: Uint8Array, own: IpAddress) => void) => UdpLoop;

/** By raw sockets: our routing would keep such a datagram here, and would drop it when it comes back. */
export function udpLoops(sockets: NativeSockets): OpenUdpLoop {
  return (port, returned) => {
    // It is its own header that such a socket sends, and its destination that the kernel asks for the neighbour.
    const out = sockets.open(AF.inet, SOCK.raw, IPPROTO.raw);
    try {
      return new KernelUdpLoop(out, openReceiver(sockets, port), { port, returned });
    } catch (error) {
      out.close();
      throw error;
    }
  };
}

const IP_HEADER = 20;
const HEADERS = IP_HEADER + 8;
const ROOM = 256;
const BURST = 64;
const TTL = 255;
const PLAIN_HEADER = 0x45;
const NO_ROOM = -105;

function openReceiver(sockets: NativeSockets, port: number): NativeSocket {
  const socket = sockets.open(AF.packet, SOCK.dgram, 0);
  try {
    socket.attachFilter(
      assembleFilter([
        { size: 1, at: 0, accepts: { oneOf: [PLAIN_HEADER] } },
        // One hop there and back: what somebody sends from afar has less left.
        { size: 1, at: 8, accepts: { atLeast: TTL - 1 } },
        { size: 1, at: 9, accepts: { oneOf: [IPPROTO.udp] } },
        { size: 2, at: IP_HEADER + 2, accepts: { oneOf: [port] } },
      ]),
    );
    socket.bind(linkSockaddr(ETHERTYPE.ipv4, 0));
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

interface Use {
  readonly port: number;
  readonly returned: (payload: Uint8Array, own: IpAddress) => void;
}

class KernelUdpLoop implements UdpLoop {
  readonly #out: NativeSocket;
  readonly #in: NativeSocket;
  readonly #use: Use;
  readonly #buffer = new MessageBuffer(ROOM);
  #open = true;

  constructor(out: NativeSocket, receiver: NativeSocket, use: Use) {
    this.#out = out;
    this.#in = receiver;
    this.#use = use;
    receiver.onReadable(() => this.#receive());
  }

  send(
    payload: Uint8Array,
    { own, via }: { readonly own: IpAddress; readonly via: IpAddress },
  ): SocketError | undefined {
    try {
      const taken = this.#out.send(datagram(payload, own, this.#use.port), inetSockaddr(via, 0));
      return taken ? undefined : new SocketError("sendto", NO_ROOM);
    } catch (error) {
      if (error instanceof SocketError) return error;
      throw error;
    }
  }

  close(): void {
    this.#open = false;
    this.#out.close();
    this.#in.close();
  }

  #receive(): void {
    for (let i = 0; i < BURST && this.#open && this.#take(); i++) {
      const packet = this.#buffer.message;
      const from = addressFromBytes(packet.subarray(12, 16));
      const to = addressFromBytes(packet.subarray(16, 20));
      // A neighbour's own packets to itself come by here too, on their way back to it.
      if (from !== undefined && to?.equals(from) === true) this.#use.returned(packet.subarray(HEADERS), from);
    }
  }

  #take(): boolean {
    try {
      return this.#in.receive(this.#buffer);
    } catch (error) {
      // An interface that went down; the others go on.
      if (error instanceof SocketError) return false;
      throw error;
    }
  }
}

/** The kernel fills in length, identification and checksum of the header; over IPv4 UDP needs none. */
function datagram(payload: Uint8Array, own: IpAddress, port: number): Uint8Array {
  const packet = new Structure(HEADERS + payload.length);
  packet.setU8(0, PLAIN_HEADER).setU8(1, CS6).setU8(8, TTL).setU8(9, IPPROTO.udp);
  packet.set(12, own.toBytes()).set(16, own.toBytes());
  packet
    .setPort(IP_HEADER, port)
    .setPort(IP_HEADER + 2, port)
    .setPort(IP_HEADER + 4, 8 + payload.length);
  return packet.set(HEADERS, payload).bytes;
}
