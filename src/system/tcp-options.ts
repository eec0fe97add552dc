import type { Socket } from "node:net";
import type { Family, IpAddress } from "../net/ip-address.ts";
import { IpPrefix } from "../net/ip-prefix.ts";
import type { Micros } from "../net/micros.ts";
import { OPTION, type SocketOption } from "./native/linux.ts";
import { type NativeSockets, SocketError } from "./native/socket.ts";
import { tcpMd5Option } from "./native/tcp-md5.ts";

/** What a connection may ask of the kernel; whatever is named here needs the native layer. */
export interface TcpOptions {
  /** TCP MD5 signatures (RFC 2385). A peer with another password, or none, never gets an answer. */
  readonly password?: string;
  /** The lowest TTL or hop limit taken from the peer: 255 for a peer on the link (GTSM, RFC 5082). Ours is sent as 255 then. */
  readonly minTtl?: number;
  /** The TTL or hop limit sent. */
  readonly ttl?: number;
  /** The interface or VRF that the connection is bound to. */
  readonly bindToDevice?: string;
  /** How long written data may stay unacknowledged (RFC 5482). */
  readonly userTimeout?: Micros;
}

/** DSCP CS6, which routers give to routing protocols (RFC 4594 section 3.1). */
export const CS6 = 0xc0;

/** What GTSM sends with, and what a listener must answer with for peers that ask for GTSM. */
const HIGHEST_TTL = 255;

type SetOption = (option: SocketOption, value: number | Uint8Array) => void;

/** Whether these options cannot be had from Node itself. */
export function needNativeSockets(options: TcpOptions): boolean {
  const { password, minTtl, ttl, bindToDevice, userTimeout } = options;
  return [password, minTtl, ttl, bindToDevice, userTimeout].some((value) => value !== undefined);
}

/** Sets the options of a connection with a peer; `mapped` when it is IPv4 on a socket that serves both families. */
export function applyTcpOptions(set: SetOption, peer: IpAddress, options: TcpOptions, mapped = false): void {
  const { password, minTtl, bindToDevice, userTimeout } = options;
  const ttl = options.ttl ?? (minTtl === undefined ? undefined : HIGHEST_TTL);
  const names = OPTIONS[peer.family];
  set(names.tos, CS6);
  if (ttl !== undefined) set(names.ttl, ttl);
  if (minTtl !== undefined) set(names.minTtl, minTtl);
  if (bindToDevice !== undefined) set(OPTION.bindToDevice, deviceName(bindToDevice));
  if (userTimeout !== undefined) set(OPTION.tcpUserTimeout, Math.ceil(userTimeout / 1000));
  if (password !== undefined) setPassword(set, { peers: IpPrefix.ofHost(peer), password, mapped });
}

/** Sets what a listener answers with: the peer's GTSM sees the SYN-ACK before anybody knows who is calling. */
export function applyListenerOptions(set: SetOption, families: readonly Family[], bindToDevice?: string): void {
  for (const family of families) {
    set(OPTIONS[family].tos, CS6);
    set(OPTIONS[family].ttl, HIGHEST_TTL);
  }
  if (bindToDevice !== undefined) set(OPTION.bindToDevice, deviceName(bindToDevice));
}

/** Sets, changes, or without a password removes the key of some peers. @throws TcpPasswordUnusable, SocketError */
export function setPassword(
  set: SetOption,
  key: { readonly peers: IpPrefix; readonly password: string | undefined; readonly mapped: boolean },
): void {
  const { option, value } = tcpMd5Option(key.peers, key.password, key.mapped);
  try {
    set(option, value);
  } catch (error) {
    // There was none to remove.
    if (key.password !== undefined || !(error instanceof SocketError) || error.errno !== "ENOENT") throw error;
  }
}

/** An interface's name as SO_BINDTODEVICE takes it. */
export function deviceName(name: string): Uint8Array {
  return new TextEncoder().encode(`${name}\0`);
}

/** Sets options on a connection that Node owns; nothing when it is gone already. @throws NativeMissing, SocketError */
export function optionsOf(socket: Socket, sockets: NativeSockets): SetOption | undefined {
  const fd = fdOf(socket);
  return fd === undefined ? undefined : (option, value) => sockets.setOption(fd, option, value);
}

/** Node keeps a socket's descriptor from its users: the only place that looks behind. */
function fdOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (typeof handle !== "object" || handle === null) return undefined;
  const fd: unknown = Reflect.get(handle, "fd");
  return typeof fd === "number" && fd >= 0 ? fd : undefined;
}

const OPTIONS = {
  4: { tos: OPTION.ipTos, ttl: OPTION.ipTtl, minTtl: OPTION.ipMinTtl },
  6: { tos: OPTION.ipv6TrafficClass, ttl: OPTION.ipv6UnicastHops, minTtl: OPTION.ipv6MinHopCount },
} as const;
