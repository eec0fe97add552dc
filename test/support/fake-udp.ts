import type { IpAddress } from "../../src/net/ip-address.ts";
import { SocketError } from "../../src/system/native/socket.ts";
import type { OpenUdp, UdpBinding, UdpHandlers, UdpPeer, UdpSocket } from "../../src/system/udp.ts";

/** UDP on a network of the test's: datagrams arrive when `settle` is called, if at all. */
export class FakeUdp {
  readonly #sockets = new Set<FakeUdpSocket>();
  #waiting: (() => void)[] = [];
  #nextPort = 49_152;
  /** Loses datagrams that this is true of. */
  lose: (from: UdpPeer, to: UdpPeer) => boolean = () => false;

  readonly open: OpenUdp = (binding, handlers) => {
    const port = binding.port === 0 ? this.#nextPort++ : binding.port;
    const clash = [...this.#sockets].some((other) => other.port === port && other.shares(binding));
    if (clash) throw new SocketError("bind", -98);
    const socket = new FakeUdpSocket(this, { ...binding, port }, handlers);
    this.#sockets.add(socket);
    return socket;
  };

  /** Delivers what was sent, and what is sent in answer to it. */
  settle(): void {
    while (this.#waiting.length > 0) for (const deliver of this.#waiting.splice(0)) deliver();
  }

  remove(socket: FakeUdpSocket): void {
    this.#sockets.delete(socket);
  }

  transmit(sender: UdpBinding, payload: Uint8Array, to: UdpPeer): void {
    const address = sender.address ?? to.address;
    const from = { address, port: sender.port, scope: to.scope ?? 0 };
    if (this.lose(from, to)) return;
    this.#waiting.push(() => {
      const at = [...this.#sockets].find((socket) => socket.port === to.port && socket.takes(to.address));
      at?.arrive({ payload, from, to: to.address, interfaceIndex: 1, ttl: sender.ttl ?? 255 });
    });
  }
}

class FakeUdpSocket implements UdpSocket {
  readonly port: number;
  readonly #network: FakeUdp;
  readonly #binding: UdpBinding;
  readonly #handlers: UdpHandlers;

  constructor(network: FakeUdp, binding: UdpBinding, handlers: UdpHandlers) {
    this.#network = network;
    this.#binding = binding;
    this.#handlers = handlers;
    this.port = binding.port;
  }

  shares({ family, address }: UdpBinding): boolean {
    const own = this.#binding;
    const overlap = own.address === undefined || address === undefined || own.address.equals(address);
    return own.family === family && overlap;
  }

  takes(address: IpAddress): boolean {
    return address.family === this.#binding.family && (this.#binding.address?.equals(address) ?? true);
  }

  arrive(datagram: Parameters<UdpHandlers["received"]>[0]): void {
    if (datagram.ttl >= (this.#binding.minTtl ?? 0)) this.#handlers.received(datagram);
  }

  send(payload: Uint8Array, to: UdpPeer): SocketError | undefined {
    if (to.address.family !== this.#binding.family) return new SocketError("sendto", -97);
    this.#network.transmit(this.#binding, payload.slice(), to);
    return undefined;
  }

  close(): void {
    this.#network.remove(this);
  }
}
