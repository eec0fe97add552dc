import { AF, RTNETLINK, SOCK } from "./native/linux.ts";
import { Structure } from "./native/memory.ts";
import { netlinkSockaddr } from "./native/sockaddr.ts";
import type { NativeSocket, NativeSockets } from "./native/socket.ts";

/** One message of rtnetlink(7); `body` is what follows the header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  /** That of the request this answers; 0 for an event. */
  readonly sequence: number;
  readonly body: Structure;
}

const HEADER = 16;
const aligned = (length: number): number => (length + 3) & ~3;

/** Room enough for one batch of a dump: the kernel never makes a bigger one. */
export const NETLINK_ROOM = 65_536;

/** A netlink socket that hears the events of these groups. @throws NativeMissing, SocketError */
export function openNetlink(sockets: NativeSockets, groups = 0): NativeSocket {
  const socket = sockets.open(AF.netlink, SOCK.raw, RTNETLINK.protocol);
  try {
    socket.bind(netlinkSockaddr(groups));
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** A request; `body` is the family header, with attributes behind it. */
export function netlinkRequest(type: number, body: Uint8Array, how: { flags: number; sequence: number }): Uint8Array {
  const message = new Structure(HEADER + aligned(body.length));
  message
    .setU32(0, HEADER + body.length)
    .setU16(4, type)
    .setU16(6, how.flags | RTNETLINK.flags.request);
  return message.setU32(8, how.sequence).set(HEADER, body).bytes;
}

/** The messages of one datagram; what is left of a cut-off one is passed over. */
export function* netlinkMessages(datagram: Uint8Array): Generator<NetlinkMessage> {
  const all = new Structure(datagram);
  for (let at = 0; at + HEADER <= datagram.length; ) {
    const length = all.u32(at);
    if (length < HEADER || at + length > datagram.length) return;
    const body = new Structure(datagram.subarray(at + HEADER, at + length));
    yield { type: all.u16(at + 4), flags: all.u16(at + 6), sequence: all.u32(at + 8), body };
    at += aligned(length);
  }
}

const NESTED_AND_ORDER = 0xc000;

/** The attributes behind a family header of `offset` octets, by type; of two of one type the last counts. */
export function netlinkAttributes(body: Structure, offset: number): ReadonlyMap<number, Structure> {
  const attributes = new Map<number, Structure>();
  for (let at = offset; at + 4 <= body.length; ) {
    const length = body.u16(at);
    if (length < 4 || at + length > body.length) break;
    attributes.set(body.u16(at + 2) & ~NESTED_AND_ORDER, new Structure(body.bytes.subarray(at + 4, at + length)));
    at += aligned(length);
  }
  return attributes;
}

/** One attribute, padded. */
export function netlinkAttribute(type: number, payload: Uint8Array): Uint8Array {
  const length = 4 + payload.length;
  return new Structure(aligned(length)).setU16(0, length).setU16(2, type).set(4, payload).bytes;
}

/** The text of an attribute that ends in a zero octet. */
export function netlinkText(attribute: Structure | undefined): string | undefined {
  return attribute === undefined ? undefined : new TextDecoder().decode(attribute.bytes).replace(/\0.*$/s, "");
}
