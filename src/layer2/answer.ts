import type { IpAddress } from "../net/ip-address.ts";
import { BROADCAST_MAC, isGroupMac, type MacAddress } from "../net/mac-address.ts";
import { ARP_OFFSET, type ArpPacket, decodeArp, encodeArp } from "./arp.ts";
import { FrameRefused } from "./error.ts";
import { ETHERNET_HEADER, multicastMac } from "./ethernet.ts";
import { ETHER_TYPE } from "./iana.ts";
import { ALL_NODES, solicitedNode, UNSPECIFIED } from "./ipv6.ts";
import type { Mark } from "./mark.ts";
import {
  decodeNeighbourMessage,
  encodeNeighbourMessage,
  NDP_OFFSET,
  type NeighbourMessage,
  type Solicitation,
} from "./ndp.ts";

/** Why an ARP frame was not answered. */
export type ArpDrop =
  /** Cut off, of another kind, or with a sender that cannot be answered. */
  | "malformed"
  /** Longer than the interface's MTU allows. */
  | "oversized"
  /** For another station, or to a group where a request does not belong. */
  | "not-addressed"
  /** One of our own frames that came back. */
  | "own"
  /** A reply, an advertisement, or somebody who announces himself. */
  | "no-question"
  /** For an address that is not held here. */
  | "not-ours"
  /** For an address that is held, on other interfaces. */
  | "other-interface"
  /** For an address that must not be answered for now: it is being probed, in quarantine, or the speaker is fenced. */
  | "silent";

/** Why a neighbour discovery message was not answered. */
export type NdpDrop =
  | ArpDrop
  /** Came through a router: a forgery (RFC 4861 section 7.1.1). */
  | "hop-limit"
  | "checksum";

/** How we stand to an address: we say that it is ours, we say so and do not insist, or we say nothing. */
export type Stance = "answer" | "yield" | "silent";

/** An address that the engine knows. */
export interface Held {
  readonly ip: IpAddress;
  readonly stance: Stance;
}

/** An interface on which frames are heard. */
export interface Ear<T extends Held> {
  readonly mac: MacAddress;
  readonly mtu: number;
  /** Ours. */
  readonly mark: Mark;
  /** Whether the hardware address is of this machine. */
  isOwn(mac: MacAddress): boolean;
  /** The address of this many octets at this place of the frame, if it is held. */
  find(frame: Uint8Array, at: number, length: 4 | 16): T | undefined;
  /** Whether the address is held on this interface. */
  covers(held: T): boolean;
}

/** Somebody else says that an address is his, or asks whether it is free. */
export interface Sign<T> {
  readonly held: T;
  readonly what: "announcement" | "probe";
  readonly mac: MacAddress;
  readonly mark: Mark | undefined;
}

/** What a frame is to us: either `answer` or `drop` is there. */
export interface Heard<T> {
  /** The frame that answers it. */
  readonly answer?: Uint8Array;
  readonly drop?: ArpDrop | NdpDrop;
  /** The address that was asked for, also when it is not answered for. */
  readonly asked?: T;
  readonly sign?: Sign<T>;
}

const NOT_OURS = { drop: "not-ours" } as const;
const OVERSIZED = { drop: "oversized" } as const;
const MALFORMED = { drop: "malformed" } as const;

/** The whole decision about one frame. Most are for others, and are known by their addresses before anything is read. */
export function hear<T extends Held>(frame: Uint8Array, ear: Ear<T>): Heard<T> {
  if (frame.length > ETHERNET_HEADER + ear.mtu) return OVERSIZED;
  try {
    const etherType = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
    if (etherType === ETHER_TYPE.arp) return hearArp(frame, ear);
    return etherType === ETHER_TYPE.ipv6 ? hearNeighbour(frame, ear) : MALFORMED;
  } catch (error) {
    if (!(error instanceof FrameRefused)) throw error;
    return { drop: error.refusal };
  }
}

function hearArp<T extends Held>(frame: Uint8Array, ear: Ear<T>): Heard<T> {
  if (frame.length < ARP_OFFSET.end) return MALFORMED;
  const claimed = ear.find(frame, ARP_OFFSET.senderIp, 4);
  const wanted = ear.find(frame, ARP_OFFSET.targetIp, 4);
  if (claimed === undefined && wanted === undefined) return NOT_OURS;
  const packet = decodeArp(frame);
  if (packet.destination !== BROADCAST_MAC && packet.destination !== ear.mac) return { drop: "not-addressed" };
  if (ear.isOwn(packet.senderMac) || packet.mark === ear.mark) return { drop: "own" };
  const sign = arpSign(packet, ear, { claimed, wanted });
  // Who asks for the address that it claims announces it (RFC 5227 section 2.3).
  const asks = packet.operation === "request" && wanted !== claimed;
  const asked = asks ? wanted : undefined;
  const told = mayTell(asked, packet, packet.senderIp.value === 0n);
  return { ...answered(ear, { asked, told }, (held) => arpAnswer(packet, held, ear)), ...sign };
}

type Found<T> = { readonly claimed: T | undefined; readonly wanted: T | undefined };

/** RFC 5227: section 2.4, any packet whose sender has our address; section 2.1.1, a request of who has none. */
function arpSign<T extends Held>(
  { operation, senderIp, senderMac: mac, mark }: ArpPacket,
  ear: Ear<T>,
  { claimed, wanted }: Found<T>,
): Pick<Heard<T>, "sign"> {
  if (claimed !== undefined)
    return ear.covers(claimed) ? { sign: { held: claimed, what: "announcement", mac, mark } } : {};
  if (wanted === undefined || operation !== "request" || senderIp.value !== 0n || !ear.covers(wanted)) return {};
  return { sign: { held: wanted, what: "probe", mac, mark } };
}

function answered<T extends Held>(
  ear: Ear<T>,
  { asked, told }: { readonly asked: T | undefined; readonly told: boolean },
  answer: (held: T) => Uint8Array,
): Pick<Heard<T>, "answer" | "drop" | "asked"> {
  if (asked === undefined) return { drop: "no-question" };
  if (!ear.covers(asked)) return { drop: "other-interface" };
  return told ? { answer: answer(asked), asked } : { drop: "silent", asked };
}

/** Whoever lets an address go answers all but a speaker that asks whether it may have it. */
function mayTell(asked: Held | undefined, { mark }: { readonly mark: Mark | undefined }, isProbe: boolean): boolean {
  return asked?.stance === "yield" ? mark === undefined || !isProbe : asked?.stance === "answer";
}

function arpAnswer<T extends Held>(request: ArpPacket, held: T, { mac, mark }: Ear<T>): Uint8Array {
  return encodeArp({
    destination: request.senderMac,
    source: mac,
    operation: "reply",
    senderMac: mac,
    senderIp: held.ip,
    targetMac: request.senderMac,
    targetIp: request.senderIp,
    mark,
  });
}

function hearNeighbour<T extends Held>(frame: Uint8Array, ear: Ear<T>): Heard<T> {
  if (frame.length < NDP_OFFSET.end) return MALFORMED;
  const held = ear.find(frame, NDP_OFFSET.target, 16);
  if (held === undefined) return NOT_OURS;
  const message = decodeNeighbourMessage(frame);
  if (!isAddressed(message, ear)) return { drop: "not-addressed" };
  const mac = message.linkAddress ?? message.source;
  if (ear.isOwn(mac) || ear.isOwn(message.source) || message.mark === ear.mark) return { drop: "own" };
  const what = neighbourSign(message);
  const sign = what === undefined || !ear.covers(held) ? {} : { sign: { held, what, mac, mark: message.mark } };
  if (message.type === "advertisement" || what === "announcement") return { drop: "no-question", ...sign };
  const told = mayTell(held, message, what === "probe");
  return { ...answered(ear, { asked: held, told }, () => advertisementFor(message, held, ear)), ...sign };
}

/** Solicitations go to the target's group, or to the target when it is confirmed (RFC 4861 sections 7.2.2 and 7.3.3). */
function isAddressed(message: NeighbourMessage, { mac }: { readonly mac: MacAddress }): boolean {
  if (message.destination !== mac && !isGroupMac(message.destination)) return false;
  if (message.type === "advertisement") return true;
  return message.to.equals(message.target) || message.to.equals(solicitedNode(message.target));
}

/** RFC 4862 sections 5.4.3 and 5.4.4: an advertisement, and the solicitation of who has no address yet. */
function neighbourSign(message: NeighbourMessage): Sign<never>["what"] | undefined {
  if (message.type === "advertisement" || message.from.equals(message.target)) return "announcement";
  return message.from.equals(UNSPECIFIED) ? "probe" : undefined;
}

/** RFC 4861 section 7.2.4. */
function advertisementFor<T extends Held>(asked: Solicitation, held: T, { mac, mark }: Ear<T>): Uint8Array {
  const nobody = asked.from.equals(UNSPECIFIED);
  return encodeNeighbourMessage({
    type: "advertisement",
    // A solicitation without the option is answered to the station it came from.
    destination: nobody ? multicastMac(ALL_NODES) : (asked.linkAddress ?? asked.source),
    source: mac,
    // `ndisc6` takes only answers that come from the target itself; the kernel takes all.
    from: held.ip,
    to: nobody ? ALL_NODES : asked.from,
    target: held.ip,
    router: false,
    solicited: !nobody,
    override: held.stance === "answer",
    linkAddress: mac,
    mark,
  });
}
