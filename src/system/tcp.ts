import net from "node:net";
import { type IpAddress, parseIpAddress } from "../net/ip-address.ts";

/** What a connection tells its owner. */
export interface TcpHandlers {
  data(bytes: Uint8Array): void;
  /** Everything written is with the kernel. */
  drained(): void;
  /** Once, and last. */
  closed(reason: string): void;
}

export interface TcpTarget {
  readonly address: IpAddress;
  readonly port: number;
  /** The interface of a link-local address. */
  readonly zone?: string;
  /** The source address, the kernel's choice when absent. */
  readonly localAddress?: IpAddress;
}

export interface TcpOutcome {
  connected(connection: TcpConnection): void;
  failed(reason: string): void;
}

/** Starts one connection attempt; exactly one outcome follows, or none after `abort`. */
export function dialTcp(target: TcpTarget, outcome: TcpOutcome): { abort(): void } {
  const socket = net.connect({
    host: target.zone === undefined ? `${target.address}` : `${target.address}%${target.zone}`,
    port: target.port,
    ...(target.localAddress === undefined ? {} : { localAddress: `${target.localAddress}` }),
    noDelay: true,
    keepAlive: true,
  });
  const failed = (error: Error): void => outcome.failed(error.message);
  socket.once("error", failed);
  socket.once("connect", () => {
    socket.off("error", failed);
    const connection = TcpConnection.of(socket);
    if (connection === undefined) outcome.failed("the connection was gone as soon as it was there");
    else outcome.connected(connection);
  });
  return {
    abort() {
      socket.removeAllListeners();
      socket.on("error", () => {});
      socket.destroy();
    },
  };
}

export interface TcpListener {
  readonly port: number;
  /** Stops accepting; connections already accepted live on. */
  close(): Promise<void>;
}

/** Listens on one address, or on all when there is none; port 0 lets the kernel choose. @throws the system's error when it cannot. */
export function listenTcp(
  where: { readonly address: IpAddress | undefined; readonly port: number },
  accepted: (connection: TcpConnection) => void,
): Promise<TcpListener> {
  const server = net.createServer({ noDelay: true, keepAlive: true }, (socket) => {
    const connection = TcpConnection.of(socket);
    if (connection === undefined) socket.destroy();
    else accepted(connection);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: where.port, ...(where.address === undefined ? {} : { host: `${where.address}` }) }, () => {
      server.off("error", reject);
      const bound = server.address();
      const port = typeof bound === "object" && bound !== null ? bound.port : where.port;
      resolve({ port, close: () => closeServer(server) });
    });
  });
}

function closeServer(server: net.Server): Promise<void> {
  // close() calls back only when the last connection is gone; not accepting is at once, and that is what is promised.
  server.close();
  return Promise.resolve();
}

/** A connection in use. Writes of one turn of the event loop leave together; nothing is read before `attach`. */
export class TcpConnection {
  readonly localAddress: IpAddress;
  readonly remoteAddress: IpAddress;
  readonly localPort: number;
  readonly remotePort: number;
  readonly #socket: net.Socket;
  #handlers: TcpHandlers | undefined;
  #reason = "closed by the peer";
  #closed = false;
  #corked = false;

  private constructor(socket: net.Socket, localAddress: IpAddress, remoteAddress: IpAddress) {
    this.#socket = socket;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
    this.localPort = socket.localPort ?? 0;
    this.remotePort = socket.remotePort ?? 0;
    socket.on("error", (error) => {
      this.#reason = error.message;
    });
    socket.on("close", () => {
      this.#closed = true;
      this.#handlers?.closed(this.#reason);
    });
  }

  /** Undefined when the socket has lost its addresses, which is what a reset does to it. */
  static of(socket: net.Socket): TcpConnection | undefined {
    const local = addressOf(socket.localAddress);
    const remote = addressOf(socket.remoteAddress);
    if (local === undefined || remote === undefined) return undefined;
    return new TcpConnection(socket, local, remote);
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
