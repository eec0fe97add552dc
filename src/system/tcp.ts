import net from "node:net";
import { type Family, IpAddress } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import { CodedError, SystemError } from "../wire/errors.ts";
import { interfaceIndex } from "./interface-index.ts";
import { AF, OPTION, SOCK } from "./native/linux.ts";
import { inetSockaddr } from "./native/sockaddr.ts";
import { type NativeSocket, type NativeSockets, SocketError, systemSockets } from "./native/socket.ts";
import { TcpConnection } from "./tcp-connection.ts";
import {
  applyListenerOptions,
  applyTcpOptions,
  needNativeSockets,
  optionsOf,
  setPassword,
  type TcpOptions,
} from "./tcp-options.ts";

/** Whom to connect to, and how. */
export interface TcpTarget extends TcpOptions {
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

/**
 * Starts one connection attempt; exactly one outcome follows, or none after `abort`. With the native layer the connection is
 * marked CS6; without it, a target that asks for what only that layer can do fails and says so.
 */
export function dialTcp(
  target: TcpTarget,
  outcome: TcpOutcome,
  sockets: NativeSockets = systemSockets,
): { abort(): void } {
  let socket: net.Socket;
  try {
    socket = sockets.available || needNativeSockets(target) ? nativeSocket(target, sockets) : new net.Socket();
  } catch (error) {
    if (error instanceof CodedError) return failLater(error.message, outcome);
    throw error;
  }
  const failed = (error: Error): void => outcome.failed(error.message);
  socket.once("error", failed);
  socket.once("connect", () => {
    socket.off("error", failed);
    const connection = TcpConnection.of(socket, sockets);
    if (connection === undefined) outcome.failed("the connection was gone as soon as it was there");
    else outcome.connected(connection);
  });
  socket.setNoDelay(true).setKeepAlive(true);
  const { address, localAddress, port, zone } = target;
  const local = localAddress === undefined ? {} : { localAddress: hostText(localAddress, zone) };
  socket.connect({ host: hostText(address, zone), port, ...local });
  return {
    abort() {
      socket.removeAllListeners();
      socket.on("error", () => {});
      socket.destroy();
    },
  };
}

function nativeSocket(target: TcpTarget, sockets: NativeSockets): net.Socket {
  const made = sockets.open(domain(target.address.family), SOCK.stream, 0);
  try {
    applyTcpOptions((option, value) => made.setOption(option, value), target.address, target);
    made.setOption(OPTION.reuseAddress, 1);
    // Not in Node's types: nothing is read before the connection is there.
    const options = { fd: made.release(), manualStart: true };
    return new net.Socket(options);
  } catch (error) {
    made.close();
    throw error;
  }
}

/** An address as Node takes it: a link-local one means nothing without its interface. */
function hostText(address: IpAddress, zone: string | undefined): string {
  return zone !== undefined && address.family === 6 && address.isLinkLocal ? `${address}%${zone}` : `${address}`;
}

function failLater(reason: string, outcome: TcpOutcome): { abort(): void } {
  let aborted = false;
  process.nextTick(() => {
    if (!aborted) outcome.failed(reason);
  });
  return {
    abort() {
      aborted = true;
    },
  };
}

function domain(family: Family): number {
  return family === 4 ? AF.inet : AF.inet6;
}

/** Who is calling. */
interface TcpCaller {
  readonly address: IpAddress;
  /** The interface, when the address is link-local. */
  readonly zone: string | undefined;
}

/** Where to listen, and how. */
export interface TcpListenTarget {
  /** All addresses of both families when undefined. */
  readonly address: IpAddress | undefined;
  /** The interface of a link-local address. */
  readonly zone?: string;
  readonly port: number;
  readonly bindToDevice?: string;
  /** What a connection gets as soon as it is accepted; its password is the listener's business. */
  readonly optionsFor?: (caller: TcpCaller) => Omit<TcpOptions, "password" | "bindToDevice">;
}

export interface TcpListener {
  readonly port: number;
  /**
   * Asks these peers for a password from now on, for another one, or for none. Connections they have keep theirs.
   * @throws NativeMissing, TcpPasswordUnusable, SocketError
   */
  setPassword(peers: IpPrefix, password: string | undefined): void;
  /** Stops accepting; connections already accepted live on. */
  close(): Promise<void>;
}

/** The listener is closed: it has no keys to change. */
class ListenerClosed extends SystemError {
  readonly code = "ERR_SYSTEM_LISTENER_CLOSED";
}

/** The kernel refused to listen: the port is taken, not ours to take, or the address is not this host's. */
export class ListenRefused extends SystemError {
  readonly code = "ERR_SYSTEM_LISTEN_REFUSED";
  /** The error's name: `EADDRINUSE`, `EACCES`. */
  readonly errno: string;

  constructor({ address, zone, port }: TcpListenTarget, errno: string, cause: Error) {
    const where = address === undefined ? "any address" : hostText(address, zone);
    super(`cannot listen on ${where} port ${port}: ${cause.message}`, { cause });
    this.errno = errno;
  }
}

/** Listens; port 0 lets the kernel choose. @throws ListenRefused, NativeMissing, InterfaceMissing */
export async function listenTcp(
  where: TcpListenTarget,
  accepted: (connection: TcpConnection) => void,
  sockets: NativeSockets = systemSockets,
): Promise<TcpListener> {
  const native = sockets.available || where.bindToDevice !== undefined || where.optionsFor !== undefined;
  const bound = native ? refusals(where, () => bindListener(where, sockets)) : undefined;
  const server = net.createServer({ noDelay: true, keepAlive: true }, (socket) => {
    const connection = admit(socket, where, sockets);
    if (connection === undefined) socket.destroy();
    else accepted(connection);
  });
  const fd = bound?.socket.release();
  await listening(server, fd === undefined ? plainTarget(where) : { fd, backlog: 128 }).catch((error) => {
    throw refusalOf(where, error);
  });
  return {
    port: portOf(server) ?? where.port,
    setPassword(peers, password) {
      if (!server.listening) throw new ListenerClosed("the listener is closed");
      // Without the addon this throws what is missing; with it the listener has had a descriptor of its own from the start.
      const set = (option: { level: number; name: number }, value: number | Uint8Array): void =>
        sockets.setOption(fd ?? -1, option, value);
      setPassword(set, { peers, password, mapped: bound?.families.length === 2 });
    },
    close() {
      // close() calls back only when the last connection is gone; not accepting is at once, and that is what is promised.
      server.close();
      return Promise.resolve();
    },
  };
}

/** A connection with the options of its caller; undefined when it is gone already. */
function admit(socket: net.Socket, where: TcpListenTarget, sockets: NativeSockets): TcpConnection | undefined {
  const connection = TcpConnection.of(socket, sockets);
  if (connection === undefined || where.optionsFor === undefined) return connection;
  const caller = { address: connection.remoteAddress, zone: connection.zone };
  const set = optionsOf(socket, sockets);
  try {
    if (set !== undefined) applyTcpOptions(set, caller.address, where.optionsFor(caller));
  } catch (error) {
    // The connection was reset between the kernel's accept and ours.
    if (error instanceof SocketError) return undefined;
    throw error;
  }
  return connection;
}

interface BoundListener {
  readonly socket: NativeSocket;
  readonly families: readonly Family[];
}

function bindListener(where: TcpListenTarget, sockets: NativeSockets): BoundListener {
  if (where.address !== undefined) return bindTo(where, where.address, [where.address.family], sockets);
  try {
    return bindTo(where, EVERYWHERE[6], [4, 6], sockets);
  } catch (error) {
    if (!(error instanceof SocketError) || !NO_IPV6.has(error.errno)) throw error;
    return bindTo(where, EVERYWHERE[4], [4], sockets);
  }
}

/** What the kernel says of an IPv6 socket on a machine that was booted without IPv6. */
const NO_IPV6: ReadonlySet<string> = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);
const EVERYWHERE = { 4: new IpAddress(4, 0n), 6: new IpAddress(6, 0n) } as const;

function bindTo(
  where: TcpListenTarget,
  address: IpAddress,
  families: readonly Family[],
  sockets: NativeSockets,
): BoundListener {
  const socket = sockets.open(domain(address.family), SOCK.stream, 0);
  try {
    const set = socket.setOption.bind(socket);
    set(OPTION.reuseAddress, 1);
    if (address.family === 6) set(OPTION.ipv6Only, families.length === 1 ? 1 : 0);
    applyListenerOptions(set, families, where.bindToDevice);
    const scope = where.zone === undefined ? 0 : interfaceIndex(where.zone, sockets);
    socket.bind(inetSockaddr(address, where.port, scope));
    return { socket, families };
  } catch (error) {
    socket.close();
    throw error;
  }
}

function refusals<T>(where: TcpListenTarget, bind: () => T): T {
  try {
    return bind();
  } catch (error) {
    throw refusalOf(where, error);
  }
}

/** The kernel's errors in one shape, whoever made the socket; all others as they are. */
function refusalOf(where: TcpListenTarget, error: unknown): unknown {
  if (error instanceof SocketError) return new ListenRefused(where, error.errno, error);
  if (!(error instanceof Error && "syscall" in error && "code" in error)) return error;
  return new ListenRefused(where, String(error.code), error);
}

function plainTarget({ address, port, zone }: TcpListenTarget): net.ListenOptions {
  if (address === undefined) return { port };
  return { port, host: hostText(address, zone) };
}

function listening(server: net.Server, options: net.ListenOptions | { fd: number; backlog: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function portOf(server: net.Server): number | undefined {
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : undefined;
}
