import { addressFromBytes, IpAddress } from "../../net/ip-address.ts";
import { AF } from "./linux.ts";
import { Structure } from "./memory.ts";

/** An address and port as the kernel names them; `scope` is the interface's index for a link-local IPv6 address. */
export interface InetEndpoint {
  readonly address: IpAddress;
  readonly port: number;
  readonly scope: number;
}

/** struct sockaddr_in or sockaddr_in6. */
export function inetSockaddr(address: IpAddress, port: number, scope = 0): Uint8Array {
  if (address.family === 4)
    return new Structure(16).setU16(0, AF.inet).setPort(2, port).set(4, address.toBytes()).bytes;
  return new Structure(28).setU16(0, AF.inet6).setPort(2, port).set(8, address.toBytes()).setU32(24, scope).bytes;
}

/** Reads what `inetSockaddr` writes; undefined for other families. */
export function parseInetSockaddr(bytes: Uint8Array): InetEndpoint | undefined {
  if (bytes.length < 16) return undefined;
  const from = new Structure(bytes);
  const family = from.u16(0);
  if (family === AF.inet) return endpoint(bytes.subarray(4, 8), from.port(2), 0);
  return family === AF.inet6 && bytes.length >= 28
    ? endpoint(bytes.subarray(8, 24), from.port(2), from.u32(24))
    : undefined;
}

function endpoint(bytes: Uint8Array, port: number, scope: number): InetEndpoint | undefined {
  const address = addressFromBytes(bytes);
  return address === undefined ? undefined : { address, port, scope };
}

const MAPPED = 0xffffn << 32n;

/** The address as a socket that serves both families knows it: `::ffff:a.b.c.d` for IPv4. */
export function mappedAddress(address: IpAddress): IpAddress {
  return address.family === 6 ? address : new IpAddress(6, MAPPED | address.value);
}

/** struct sockaddr_ll: where a packet socket listens, or with a MAC where it sends. */
export function linkSockaddr(etherType: number, interfaceIndex: number, mac?: Uint8Array): Uint8Array {
  const made = new Structure(20).setU16(0, AF.packet).setPort(2, etherType).setU32(4, interfaceIndex);
  return mac === undefined ? made.bytes : made.setU8(11, mac.length).set(12, mac).bytes;
}

/** Where a frame came from, as a packet socket tells it. */
export interface LinkEndpoint {
  readonly etherType: number;
  readonly interfaceIndex: number;
  /** `outgoing`: our own host sent it. */
  readonly direction: "incoming" | "outgoing";
  readonly mac: Uint8Array;
}

const PACKET_OUTGOING = 4;

/** Reads a sockaddr_ll. */
export function parseLinkSockaddr(bytes: Uint8Array): LinkEndpoint | undefined {
  if (bytes.length < 12) return undefined;
  const from = new Structure(bytes);
  if (from.u16(0) !== AF.packet) return undefined;
  return {
    etherType: from.port(2),
    interfaceIndex: from.i32(4),
    direction: from.u8(10) === PACKET_OUTGOING ? "outgoing" : "incoming",
    mac: bytes.slice(12, 12 + from.u8(11)),
  };
}

/** struct packet_mreq: frames to this multicast MAC are for us. */
export function linkMembership(interfaceIndex: number, mac: Uint8Array): Uint8Array {
  return new Structure(16).setU32(0, interfaceIndex).setU16(6, mac.length).set(8, mac).bytes;
}

/** struct ipv6_mreq. */
export function ipv6Membership(interfaceIndex: number, group: IpAddress): Uint8Array {
  return new Structure(20).set(0, group.toBytes()).setU32(16, interfaceIndex).bytes;
}

/** struct sockaddr_nl of a listener to these multicast groups. */
export function netlinkSockaddr(groups: number): Uint8Array {
  return new Structure(12).setU16(0, AF.netlink).setU32(8, groups).bytes;
}
