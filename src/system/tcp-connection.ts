import type { Socket } from "node:net";
import { type IpAddress, parseIpAddress } from "../net/ip-address.ts";
import { IpPrefix } from "../net/ip-prefix.ts";
import type { NativeSockets } from "./native/socket.ts";
import { optionsOf, setPassword } from "./tcp-options.ts";

/** What a connection tells its owner. */
export interface TcpHandlers {
  data(bytes: Uint8Array): void;
  /** Everything written is with the kernel. */
  drained(): void;
  /** Once, and last. */
  closed(reason: string): void;
}

/** A connection in use. Writes of one turn of the event loop leave together; nothing is read before `attach`. */
export class TcpConnection {
  readonly localAddress: IpAddress;
  readonly remoteAddress: IpAddress;
  readonly localPort: number;
  readonly remotePort: number;
  /** The interface, when the peer's address is link-local. */
  readonly zone: string | undefined;
  readonly #socket: Socket;
  readonly #sockets: NativeSockets;
  #handlers: TcpHandlers | undefined;
  #reason = "closed by the peer";
  #closed = false;
  #corked = false;

  private constructor(socket: Socket, sockets: NativeSockets, ends: readonly [local: IpAddress, remote: IpAddress]) {
    const [localAddress, remoteAddress] = ends;
    this.#socket = socket;
    this.#sockets = sockets;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
    this.localPort = socket.localPort ?? 0;
    this.remotePort = socket.remotePort ?? 0;
    this.zone = /%(.+)$/.exec(socket.remoteAddress ?? "")?.[1];
    socket.on("error", (error) => {
      this.#reason = error.message;
    });
    socket.on("close", () => {
      this.#closed = true;
      this.#handlers?.closed(this.#reason);
    });
  }

  /** Undefined when the socket has lost its addresses, which is what a reset does to it. */
  static of(socket: Socket, sockets: NativeSockets): TcpConnection | undefined {
    const local = addressOf(socket.localAddress);
    const remote = addressOf(socket.remoteAddress);
    if (local === undefined || remote === undefined) return undefined;
    return new TcpConnection(socket, sockets, [local, remote]);
  }

  attach(handlers: TcpHandlers): void {
    this.#handlers = handlers;
    if (this.#closed) {
      handlers.closed(this.#reason);
      return;
    }
    this.#socket.on("data", (chunk) => handlers.data(chunk));
    this.#socket.on("drain", () => handlers.drained());
  }

  /**
   * Signs with another password from now on; the connection lives on when the peer changes over before either side gives up.
   * A connection that began without a password cannot get one. @throws NativeMissing, TcpPasswordUnusable, SocketError
   */
  setPassword(password: string): void {
    const set = optionsOf(this.#socket, this.#sockets);
    // A mapped address is always right on a socket that serves both families, and never on one that serves IPv4.
    const mapped = this.remoteAddress.family === 4 && this.#socket.remoteFamily === "IPv6";
    if (set !== undefined) setPassword(set, { peers: IpPrefix.ofHost(this.remoteAddress), password, mapped });
  }

  /** Octets written that the kernel has not taken yet. */
  get backlog(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(bytes);
  }

  /** Sends what is queued, then says that nothing more comes. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Node adds the zone to link-local addresses; ours are kept without. */
function addressOf(text: string | undefined): IpAddress | undefined {
  return text === undefined ? undefined : parseIpAddress(text.replace(/%.*$/, ""));
}
