import { IpAddress } from "../net/ip-address.ts";
import { isGroupMac, type MacAddress, ZERO_MAC } from "../net/mac-address.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { FrameRefused } from "./error.ts";
import { LEAST_FRAME, readMac, readStations, type Stations, whole, writeMac, writeStations } from "./ethernet.ts";
import { ARP, ETHER_TYPE } from "./iana.ts";
import { type Mark, readMark, writeMark } from "./mark.ts";

/**
 * ARP for IPv4 over Ethernet (RFC 826), with the mark of a speaker in the padding behind it.
 *
 *     |  Ethernet: destination, source, 0806  |
 *     | hardware type 1       | protocol 0800 |
 *     | 6     | 4     | operation             |
 *     | sender hardware address (6), sender protocol address (4) |
 *     | target hardware address (6), target protocol address (4) |
 */
export interface ArpPacket extends Stations {
  readonly operation: "request" | "reply";
  readonly senderMac: MacAddress;
  readonly senderIp: IpAddress;
  readonly targetMac: MacAddress;
  readonly targetIp: IpAddress;
  readonly mark: Mark | undefined;
}

/** Where the two protocol addresses are in a frame, and where it ends. */
export const ARP_OFFSET = { senderIp: 28, targetIp: 38, end: 42 } as const;

/** Reads a frame. @throws FrameRefused */
export function decodeArp(frame: Uint8Array): ArpPacket {
  return whole(() => {
    const r = new Reader(frame);
    const stations = readStations(r, ETHER_TYPE.arp);
    if (r.u16() !== ARP.hardwareEthernet || r.u16() !== ETHER_TYPE.ipv4) throw new FrameRefused("malformed");
    if (r.u8() !== 6 || r.u8() !== 4) throw new FrameRefused("malformed");
    const operation = operationOf(r.u16());
    const senderMac = readMac(r);
    // An answer to a group would reach everybody.
    if (senderMac === ZERO_MAC || isGroupMac(senderMac)) throw new FrameRefused("malformed");
    const senderIp = readIp(r);
    const targetMac = readMac(r);
    return { ...stations, operation, senderMac, senderIp, targetMac, targetIp: readIp(r), mark: readMark(r) };
  });
}

function operationOf(n: number): "request" | "reply" {
  if (n === ARP.operation.request) return "request";
  if (n === ARP.operation.reply) return "reply";
  throw new FrameRefused("malformed");
}

const PADDING = new Uint8Array(LEAST_FRAME);

const readIp = (r: Reader): IpAddress => new IpAddress(4, BigInt(r.u32()));

/** A frame of 60 octets. */
export function encodeArp(packet: ArpPacket): Uint8Array {
  const w = new Writer();
  writeStations(w, packet, ETHER_TYPE.arp);
  w.u16(ARP.hardwareEthernet).u16(ETHER_TYPE.ipv4).u8(6).u8(4).u16(ARP.operation[packet.operation]);
  writeMac(w, packet.senderMac).u32(Number(packet.senderIp.value));
  writeMac(w, packet.targetMac).u32(Number(packet.targetIp.value));
  if (packet.mark !== undefined) writeMark(w, packet.mark);
  return w.bytes(PADDING.subarray(w.length)).finish();
}
