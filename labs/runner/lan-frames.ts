import { addressFromBytes, type IpAddress } from "../../src/net/ip-address.ts";

/**
 * What one frame of ARP or neighbour discovery says about an address. An observer's own reading of RFC 826 and RFC 4861, so that
 * a lab does not ask the program under test what it sent.
 */
export interface Saying {
  /** `answer`: to who asked. `announcement`: to all. `question`: who has it. `probe`: the same, by one that may not have it. */
  readonly kind: "answer" | "announcement" | "question" | "probe";
  readonly ip: string;
  /** Who has the address, or who asks. */
  readonly mac: string;
}

/** An end of a link that asks. */
export interface Asker {
  readonly mac: Uint8Array;
  readonly ip: IpAddress;
}

const ETHERNET = 14;
const ARP = 0x0806;
const IPV6 = 0x86dd;
const IPV6_HEADER = 40;
const ICMPV6 = 58;
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const MAC_OF_TARGET = 2;
const SHORTEST_FRAME = 60;

/** What a frame says; undefined when it is about something else or cut off. */
export function readSaying(frame: Uint8Array): Saying | undefined {
  if (frame.length < ETHERNET) return undefined;
  const type = number16(frame, 12);
  if (type === ARP) return readArp(frame);
  return type === IPV6 ? readNeighbourDiscovery(frame) : undefined;
}

function readArp(frame: Uint8Array): Saying | undefined {
  if (frame.length < ETHERNET + 28) return undefined;
  const operation = number16(frame, 20);
  const mac = macText(frame.subarray(22, 28));
  const sender = addressText(frame.subarray(28, 32));
  const target = addressText(frame.subarray(38, 42));
  if (operation !== 1 && operation !== 2) return undefined;
  if (sender === target) return { kind: "announcement", ip: sender, mac };
  if (operation === 2) return { kind: "answer", ip: sender, mac };
  return { kind: sender === "0.0.0.0" ? "probe" : "question", ip: target, mac };
}

function readNeighbourDiscovery(frame: Uint8Array): Saying | undefined {
  const body = ETHERNET + IPV6_HEADER;
  if (frame.length < body + 24 || frame[20] !== ICMPV6 || frame[21] !== 255) return undefined;
  const ip = addressText(frame.subarray(body + 8, body + 24));
  const mac = macText(frame.subarray(6, 12));
  if (frame[body] === SOLICITATION) {
    const unspecified = frame.subarray(22, 38).every((octet) => octet === 0);
    return { kind: unspecified ? "probe" : "question", ip, mac };
  }
  if (frame[body] !== ADVERTISEMENT) return undefined;
  const toAll = frame[38] === 0xff;
  return { kind: toAll ? "announcement" : "answer", ip, mac: targetMac(frame.subarray(body + 24)) ?? mac };
}

function targetMac(options: Uint8Array): string | undefined {
  for (let at = 0; at + 8 <= options.length; ) {
    const length = (options[at + 1] ?? 0) * 8;
    if (length === 0) return undefined;
    if (options[at] === MAC_OF_TARGET) return macText(options.subarray(at + 2, at + 8));
    at += length;
  }
  return undefined;
}

/** A whole frame that asks everybody who has an address. */
export function question({ mac, ip }: Asker, target: IpAddress): Uint8Array {
  return target.family === 4 ? arpQuestion(mac, ip, target) : solicitation(mac, ip, target);
}

function arpQuestion(mac: Uint8Array, ip: IpAddress, target: IpAddress): Uint8Array {
  const frame = new Uint8Array(SHORTEST_FRAME);
  frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...mac, 0x08, 0x06]);
  frame.set([0, 1, 0x08, 0, 6, 4, 0, 1, ...mac, ...ip.toBytes(), 0, 0, 0, 0, 0, 0, ...target.toBytes()], ETHERNET);
  return frame;
}

function solicitation(mac: Uint8Array, ip: IpAddress, target: IpAddress): Uint8Array {
  const wanted = target.toBytes();
  const tail = wanted.subarray(13);
  const group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...tail];
  const message = Uint8Array.of(SOLICITATION, 0, 0, 0, 0, 0, 0, 0, ...wanted, 1, 1, ...mac);
  const sum = checksum(ip.toBytes(), Uint8Array.from(group), message);
  message.set([sum >>> 8, sum & 0xff], 2);
  const header = [0x60, 0, 0, 0, 0, message.length, ICMPV6, 255, ...ip.toBytes(), ...group];
  return Uint8Array.of(0x33, 0x33, 0xff, ...tail, ...mac, 0x86, 0xdd, ...header, ...message);
}

/** RFC 8200 section 8.1. */
function checksum(source: Uint8Array, destination: Uint8Array, message: Uint8Array): number {
  const words = Uint8Array.of(...source, ...destination, 0, 0, 0, message.length, 0, 0, 0, ICMPV6, ...message);
  let sum = 0;
  for (let at = 0; at < words.length; at += 2) sum += number16(words, at);
  while (sum > 0xffff) sum = (sum >>> 16) + (sum & 0xffff);
  return ~sum & 0xffff;
}

/** `02:00:5e:10:00:01`, as iproute2 prints it. */
export function macText(bytes: Uint8Array): string {
  return [...bytes].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}

/** Reads what {@link macText} writes; undefined for anything else. */
export function parseMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(":"), (octet) => Number.parseInt(octet, 16));
}

function addressText(bytes: Uint8Array): string {
  return addressFromBytes(bytes)?.toString() ?? "";
}

function number16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
