import { IpAddress } from "../net/ip-address.ts";
import { BROADCAST_MAC, type MacAddress, ZERO_MAC } from "../net/mac-address.ts";
import { type ArpPacket, encodeArp } from "./arp.ts";
import { multicastMac } from "./ethernet.ts";
import { ALL_NODES, solicitedNode, UNSPECIFIED } from "./ipv6.ts";
import type { Mark } from "./mark.ts";
import { encodeNeighbourMessage } from "./ndp.ts";

/** Who speaks: the interface's hardware address, and the mark of the speaker. */
export interface Voice {
  readonly mac: MacAddress;
  readonly mark: Mark;
}

const NO_ADDRESS = new IpAddress(4, 0n);

/** The frames that tell everybody where an address is. */
export function announcementFrames(ip: IpAddress, voice: Voice): readonly Uint8Array[] {
  return ip.family === 6 ? [unsolicitedAdvertisement(ip, voice)] : gratuitousArp(ip, voice);
}

/** The frame that asks whether anybody has an address (RFC 5227 section 2.1, RFC 4862 section 5.4.2). */
export function probeFrame(ip: IpAddress, voice: Voice): Uint8Array {
  return ip.family === 6 ? duplicateDetection(ip, voice) : arpProbe(ip, voice);
}

/** Both kinds, as MetalLB: some stations learn from requests only, others from replies only. */
function gratuitousArp(ip: IpAddress, { mac, mark }: Voice): readonly Uint8Array[] {
  const packet = { destination: BROADCAST_MAC, source: mac, senderMac: mac, senderIp: ip, targetIp: ip, mark };
  const kinds: readonly ArpPacket["operation"][] = ["request", "reply"];
  return kinds.map((operation) => encodeArp({ ...packet, operation, targetMac: BROADCAST_MAC }));
}

function arpProbe(ip: IpAddress, { mac, mark }: Voice): Uint8Array {
  return encodeArp({
    destination: BROADCAST_MAC,
    source: mac,
    operation: "request",
    senderMac: mac,
    senderIp: NO_ADDRESS,
    targetMac: ZERO_MAC,
    targetIp: ip,
    mark,
  });
}

/** RFC 4861 section 7.2.6. */
function unsolicitedAdvertisement(ip: IpAddress, { mac, mark }: Voice): Uint8Array {
  return encodeNeighbourMessage({
    type: "advertisement",
    destination: multicastMac(ALL_NODES),
    source: mac,
    from: ip,
    to: ALL_NODES,
    target: ip,
    router: false,
    solicited: false,
    override: true,
    linkAddress: mac,
    mark,
  });
}

function duplicateDetection(ip: IpAddress, { mac, mark }: Voice): Uint8Array {
  const group = solicitedNode(ip);
  return encodeNeighbourMessage({
    type: "solicitation",
    destination: multicastMac(group),
    source: mac,
    from: UNSPECIFIED,
    to: group,
    target: ip,
    linkAddress: undefined,
    mark,
  });
}
