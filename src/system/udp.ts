import { addressFromBytes, type Family, type IpAddress } from "../net/ip-address.ts";
import { controlPayload } from "./native/control-message.ts";
import { minTtlFilter } from "./native/filter.ts";
import { AF, CONTROL, OPTION, SOCK } from "./native/linux.ts";
import { inetSockaddr, parseInetSockaddr } from "./native/sockaddr.ts";
import { MessageBuffer, type NativeSocket, type NativeSockets, SocketError } from "./native/socket.ts";
import { CS6, deviceName } from "./tcp-options.ts";

/** Where a datagram goes or comes from. */
export interface UdpPeer {
  readonly address: IpAddress;
  readonly port: number;
  /** The index of the interface, for a link-local address. */
  readonly scope?: number;
}

/** A datagram as it arrived. */
export interface Datagram {
  /** Used again after the call: copy what is kept. */
  readonly payload: Uint8Array;
  readonly from: UdpPeer;
  /** Our address it was sent to. */
  readonly to: IpAddress;
  readonly interfaceIndex: number;
  /** The TTL or hop limit it still had. */
  readonly ttl: number;
}

/** Where a socket listens, and how it sends. */
export interface UdpBinding {
  readonly family: Family;
  /** All addresses of the family when absent. */
  readonly address?: IpAddress;
  /** The index of the interface, for a link-local address. */
  readonly scope?: number;
  /** 0 lets the kernel choose. */
  readonly port: number;
  /** The interface or VRF the socket is bound to. */
  readonly bindToDevice?: string;
  /** Datagrams that have less left are dropped in the kernel: 255 for a peer on the link (RFC 5881 section 5). */
  readonly minTtl?: number;
  /** The TTL or hop limit sent, 255 unless told. */
  readonly ttl?: number;
}

export interface UdpHandlers {
  received(datagram: Datagram): void;
  /** The kernel reported an error, such as that the interface went down; the socket goes on. */
  failed(error: SocketError): void;
}

/** A UDP socket of BFD's kind: sent with TTL 255 and CS6, received with TTL and destination told. */
export interface UdpSocket {
  readonly port: number;
  /** Undefined when the kernel took it; it was lost otherwise, and this says why. */
  send(payload: Uint8Array, to: UdpPeer): SocketError | undefined;
  close(): void;
}

/** Opens a UDP socket, in any thread. @throws NativeMissing, SocketError */
export type OpenUdp = (binding: UdpBinding, handlers: UdpHandlers) => UdpSocket;

/** UDP by the kernel. */
export function udpSockets(sockets: NativeSockets): OpenUdp {
  return (binding, handlers) => {
    const socket = sockets.open(binding.family === 4 ? AF.inet : AF.inet6, SOCK.dgram, 0);
    try {
      configure(socket, binding);
      return new KernelUdpSocket(socket, handlers);
    } catch (error) {
      socket.close();
      throw error;
    }
  };
}

const ANY: Readonly<Record<Family, Uint8Array>> = { 4: new Uint8Array(4), 6: new Uint8Array(16) };
/** The largest datagram taken whole: BFD's have 24 octets, with authentication up to 52. */
const ROOM = 2048;
/** Datagrams taken in one turn of the event loop; the rest have the next one. */
const BURST = 64;
const NO_ROOM = -105;

function configure(socket: NativeSocket, { family, address, scope, port, ...options }: UdpBinding): void {
  // The filter comes before the port: nothing arrives unfiltered.
  if (options.minTtl !== undefined) socket.attachFilter(minTtlFilter(family, options.minTtl));
  if (options.bindToDevice !== undefined) socket.setOption(OPTION.bindToDevice, deviceName(options.bindToDevice));
  const ttl = options.ttl ?? 255;
  if (family === 4) {
    socket.setOption(OPTION.ipTtl, ttl);
    socket.setOption(OPTION.ipTos, CS6);
    socket.setOption(OPTION.ipReceiveTtl, 1);
    socket.setOption(OPTION.ipPacketInfo, 1);
  } else {
    socket.setOption(OPTION.ipv6Only, 1);
    socket.setOption(OPTION.ipv6UnicastHops, ttl);
    socket.setOption(OPTION.ipv6TrafficClass, CS6);
    socket.setOption(OPTION.ipv6ReceiveHopLimit, 1);
    socket.setOption(OPTION.ipv6ReceivePacketInfo, 1);
  }
  const at = address ?? addressFromBytes(ANY[family]);
  if (at !== undefined) socket.bind(inetSockaddr(at, port, scope));
}

class KernelUdpSocket implements UdpSocket {
  readonly port: number;
  readonly #socket: NativeSocket;
  readonly #handlers: UdpHandlers;
  readonly #buffer = new MessageBuffer(ROOM, { address: true, control: 128 });
  #open = true;

  constructor(socket: NativeSocket, handlers: UdpHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.port = parseInetSockaddr(socket.localAddress())?.port ?? 0;
    socket.onReadable(() => this.#receive());
  }

  send(payload: Uint8Array, { address, port, scope }: UdpPeer): SocketError | undefined {
    try {
      const taken = this.#socket.send(payload, inetSockaddr(address, port, scope));
      return taken ? undefined : new SocketError("sendto", NO_ROOM);
    } catch (error) {
      if (error instanceof SocketError) return error;
      throw error;
    }
  }

  close(): void {
    this.#open = false;
    this.#socket.close();
  }

  #receive(): void {
    for (let i = 0; i < BURST && this.#open && this.#take(); i++) {
      const datagram = datagramIn(this.#buffer);
      if (datagram !== undefined) this.#handlers.received(datagram);
    }
  }

  #take(): boolean {
    try {
      return this.#socket.receive(this.#buffer);
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      this.#handlers.failed(error);
      return false;
    }
  }
}

function datagramIn(buffer: MessageBuffer): Datagram | undefined {
  const from = parseInetSockaddr(buffer.from);
  const control = buffer.controlMessages;
  const ttl = (controlPayload(control, CONTROL.ipTtl) ?? controlPayload(control, CONTROL.ipv6HopLimit))?.i32(0);
  const where = destination(control);
  if (buffer.truncated || from === undefined || ttl === undefined || where === undefined) return undefined;
  return { payload: buffer.message, from, ttl, ...where };
}

/** Reads struct in_pktinfo or in6_pktinfo. */
function destination(control: Uint8Array): { to: IpAddress; interfaceIndex: number } | undefined {
  const v4 = controlPayload(control, CONTROL.ipPacketInfo);
  const v6 = controlPayload(control, CONTROL.ipv6PacketInfo);
  const to = addressFromBytes(v4?.bytes.subarray(8, 12) ?? v6?.bytes.subarray(0, 16) ?? ANY[4]);
  const interfaceIndex = v4?.i32(0) ?? v6?.i32(16);
  return to === undefined || interfaceIndex === undefined ? undefined : { to, interfaceIndex };
}
