import type { IpAddress } from "../net/ip-address.ts";
import type { MacAddress } from "../net/mac-address.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { FrameRefused } from "./error.ts";
import { readMac, readStations, type Stations, whole, writeMac, writeStations } from "./ethernet.ts";
import { ETHER_TYPE, ICMPV6, NDP_OPTION } from "./iana.ts";
import {
  type Ends,
  isMulticast,
  readIcmpv6,
  readIpv6Address,
  solicitedNode,
  UNSPECIFIED,
  writeIcmpv6,
} from "./ipv6.ts";
import { type Mark, readMark, writeMark } from "./mark.ts";

/**
 * Neighbour solicitations and advertisements (RFC 4861 sections 4.3 and 4.4), with the mark of a speaker in an option that
 * others pass over (section 4.6).
 *
 *     |  Ethernet: destination, source, 86dd  |  IPv6: source, destination, hop limit 255  |
 *     |     Type      |     Code      |          Checksum             |
 *     |R|S|O|                     Reserved                            |
 *     |                       Target Address (16)                     |
 *     |   Options: type, length in units of 8 octets, value ...
 */
export type NeighbourMessage = Solicitation | Advertisement;

interface Envelope extends Stations, Ends {
  readonly target: IpAddress;
  /** The link-layer address option that belongs to the message: source or target. */
  readonly linkAddress: MacAddress | undefined;
  readonly mark: Mark | undefined;
}

export interface Solicitation extends Envelope {
  readonly type: "solicitation";
}

interface Advertisement extends Envelope {
  readonly type: "advertisement";
  readonly router: boolean;
  readonly solicited: boolean;
  readonly override: boolean;
}

/** Where the target is in a frame, and where the message ends when it has no options. */
export const NDP_OFFSET = { target: 62, end: 78 } as const;

const FLAG = { router: 0x8000_0000, solicited: 0x4000_0000, override: 0x2000_0000 } as const;

/** Reads a frame and checks what RFC 4861 sections 7.1.1 and 7.1.2 want checked. @throws FrameRefused */
export function decodeNeighbourMessage(frame: Uint8Array): NeighbourMessage {
  return whole(() => {
    const r = new Reader(frame);
    const stations = readStations(r, ETHER_TYPE.ipv6);
    const { ends, message } = readIcmpv6(r);
    const type = typeOf(message.u8());
    const code = message.u8();
    message.u16();
    const flags = message.u32();
    const target = readIpv6Address(message);
    if (code !== 0 || isMulticast(target) || isMulticast(ends.from)) throw new FrameRefused("malformed");
    const envelope = { ...stations, ...ends, target, ...readOptions(message, OWN_OPTION[type]) };
    return type === "solicitation" ? checkSolicitation({ type, ...envelope }) : advertisement(envelope, flags);
  });
}

type MessageType = NeighbourMessage["type"];

const TYPE: Record<MessageType, number> = {
  solicitation: ICMPV6.neighbourSolicitation,
  advertisement: ICMPV6.neighbourAdvertisement,
};
const OWN_OPTION: Record<MessageType, number> = {
  solicitation: NDP_OPTION.sourceLinkAddress,
  advertisement: NDP_OPTION.targetLinkAddress,
};

function typeOf(n: number): MessageType {
  if (n === TYPE.solicitation) return "solicitation";
  if (n === TYPE.advertisement) return "advertisement";
  throw new FrameRefused("malformed");
}

function readOptions(r: Reader, own: number): Pick<Envelope, "linkAddress" | "mark"> {
  let linkAddress: MacAddress | undefined;
  let mark: Mark | undefined;
  while (r.remaining > 0) {
    const type = r.u8();
    const units = r.u8();
    // RFC 4861 section 4.6: nodes MUST discard a packet with an option of length zero.
    if (units === 0) throw new FrameRefused("malformed");
    const value = r.window(units * 8 - 2);
    if (type === own) linkAddress ??= readMac(value);
    else if (type === NDP_OPTION.experiment) mark ??= readMark(value);
  }
  return { linkAddress, mark };
}

function checkSolicitation(message: Solicitation): Solicitation {
  if (!message.from.equals(UNSPECIFIED)) return message;
  // RFC 4861 section 7.1.1: who has no address asks the group, and has no use for an answer to itself.
  const asGroup = message.to.equals(solicitedNode(message.target));
  if (!asGroup || message.linkAddress !== undefined) throw new FrameRefused("malformed");
  return message;
}

function advertisement(envelope: Envelope, flags: number): Advertisement {
  const solicited = (flags & FLAG.solicited) !== 0;
  if (solicited && isMulticast(envelope.to)) throw new FrameRefused("malformed");
  const router = (flags & FLAG.router) !== 0;
  return { type: "advertisement", ...envelope, router, solicited, override: (flags & FLAG.override) !== 0 };
}

/** A whole frame. */
export function encodeNeighbourMessage(message: NeighbourMessage): Uint8Array {
  const body = new Writer().u8(TYPE[message.type]).u8(0).u16(0).u32(flagsOf(message)).bytes(message.target.toBytes());
  if (message.linkAddress !== undefined) writeMac(body.u8(OWN_OPTION[message.type]).u8(1), message.linkAddress);
  if (message.mark !== undefined) writeMark(body.u8(NDP_OPTION.experiment).u8(2), message.mark);
  const w = new Writer();
  writeStations(w, message, ETHER_TYPE.ipv6);
  return writeIcmpv6(w, message, body.finish()).finish();
}

function flagsOf(message: NeighbourMessage): number {
  if (message.type === "solicitation") return 0;
  const { router, solicited, override } = message;
  return (router ? FLAG.router : 0) + (solicited ? FLAG.solicited : 0) + (override ? FLAG.override : 0);
}
