import { addressFromBytes, IpAddress } from "../net/ip-address.ts";
import { Reader } from "../wire/reader.ts";
import type { Writer } from "../wire/writer.ts";
import { FrameRefused } from "./error.ts";
import { HOP_LIMIT, PROTOCOL } from "./iana.ts";

/** `::`, the source of who has no address yet. */
export const UNSPECIFIED = new IpAddress(6, 0n);
/** All nodes of the link. */
export const ALL_NODES = new IpAddress(6, (0xff02n << 112n) | 1n);
const SOLICITED_NODE = (0xff02n << 112n) | (1n << 32n) | (0xffn << 24n);

/** The two ends of a packet. */
export interface Ends {
  readonly from: IpAddress;
  readonly to: IpAddress;
}

/** RFC 4291 section 2.7.1: the group that everybody listens to who has an address with these low 24 bits. */
export function solicitedNode(target: IpAddress): IpAddress {
  return new IpAddress(6, SOLICITED_NODE | (target.value & 0xff_ffffn));
}

/** ff00::/8. */
export function isMulticast(address: IpAddress): boolean {
  return address.value >> 120n === 0xffn;
}

/** Reads 16 octets. */
export function readIpv6Address(r: Reader): IpAddress {
  return addressFromBytes(r.bytes(16)) ?? UNSPECIFIED;
}

/** Reads a header without extensions (RFC 8200 section 3) and the ICMPv6 message behind it, whose checksum is right. @throws FrameRefused */
export function readIcmpv6(r: Reader): { readonly ends: Ends; readonly message: Reader } {
  if (r.u32() >>> 28 !== 6) throw new FrameRefused("malformed");
  const length = r.u16();
  if (r.u8() !== PROTOCOL.icmpv6) throw new FrameRefused("malformed");
  const hopLimit = r.u8();
  const ends = { from: readIpv6Address(r), to: readIpv6Address(r) };
  if (hopLimit !== HOP_LIMIT) throw new FrameRefused("hop-limit");
  const message = r.bytes(length);
  if (checksum(ends, message) !== 0) throw new FrameRefused("checksum");
  return { ends, message: new Reader(message) };
}

/** Writes a header and an ICMPv6 message, whose checksum is filled in. */
export function writeIcmpv6(w: Writer, ends: Ends, message: Uint8Array): Writer {
  const sum = checksum(ends, message);
  message[2] = sum >> 8;
  message[3] = sum & 0xff;
  w.u32(0x6000_0000).u16(message.length).u8(PROTOCOL.icmpv6).u8(HOP_LIMIT);
  return w.bytes(ends.from.toBytes()).bytes(ends.to.toBytes()).bytes(message);
}

/** RFC 4443 section 2.3: over the pseudo-header and the message. Zero when the message has its right checksum in it. */
function checksum({ from, to }: Ends, message: Uint8Array): number {
  let sum = message.length + PROTOCOL.icmpv6;
  for (const part of [from.toBytes(), to.toBytes(), message])
    for (let i = 0; i < part.length; i += 2) sum += ((part[i] ?? 0) << 8) | (part[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return ~sum & 0xffff;
}
