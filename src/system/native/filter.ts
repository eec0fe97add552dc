import type { Family } from "../../net/ip-address.ts";
import { ETHERTYPE, IPPROTO } from "./linux.ts";
import { Structure } from "./memory.ts";

/** What must hold of a packet's octets: all conditions of a filter, or it is dropped. */
export interface Condition {
  /** Octets to load, as one number in network byte order. */
  readonly size: 1 | 2 | 4;
  readonly at: number;
  /** Counted from the first octet the socket would see, from the network header whatever the socket sees, or a fact the kernel adds. */
  readonly from?: "packet" | "network" | "kernel";
  readonly mask?: number;
  readonly accepts: { readonly oneOf: readonly number[] } | { readonly atLeast: number };
}

// Classic BPF, linux/bpf_common.h.
const LOAD: Readonly<Record<Condition["size"], number>> = { 1: 0x30, 2: 0x28, 4: 0x20 };
const AND = 0x54;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const RETURN = 0x06;
const BASE: Readonly<Record<NonNullable<Condition["from"]>, number>> = {
  packet: 0,
  network: 0x1_0000_0000 - 0x10_0000,
  kernel: 0x1_0000_0000 - 0x1000,
};
/** Facts the kernel adds, linux/filter.h; the type of a packet is that of sockaddr_ll. */
const KERNEL_FACT = { packetType: 4, interfaceIndex: 8 } as const;
const ARRIVED_FOR_US = { host: 0, broadcast: 1, multicast: 2 } as const;
const WHOLE_PACKET = 0x4_0000;
const MAX_JUMP = 255;

interface Instruction {
  readonly code: number;
  readonly value: number;
  /** Where to go when the test holds, or fails; to the next instruction when absent. */
  readonly yes?: "next-condition";
  readonly no?: "drop";
}

/** The program for SO_ATTACH_FILTER that lets through what meets all conditions. @throws RangeError when it grows too long. */
export function assembleFilter(conditions: readonly Condition[]): Uint8Array {
  const blocks = conditions.map(block);
  const drop = blocks.reduce((sum, { length }) => sum + length, 0) + 1;
  const program: Uint8Array[] = [];
  for (const instructions of blocks) {
    const end = program.length + instructions.length;
    for (const { code, value, yes, no } of instructions) {
      const next = program.length + 1;
      const jumps = [yes === "next-condition" ? end - next : 0, no === "drop" ? drop - next : 0] as const;
      program.push(instruction(code, value, jumps));
    }
  }
  program.push(instruction(RETURN, WHOLE_PACKET), instruction(RETURN, 0));
  return concat(program);
}

function block({ size, at, from = "packet", mask, accepts }: Condition): readonly Instruction[] {
  const load: Instruction[] = [{ code: LOAD[size], value: BASE[from] + at }];
  if (mask !== undefined) load.push({ code: AND, value: mask });
  if ("atLeast" in accepts) return [...load, { code: JUMP_AT_LEAST, value: accepts.atLeast, no: "drop" }];
  const last = accepts.oneOf.length - 1;
  const tests = accepts.oneOf.map(
    (value, i): Instruction =>
      i === last ? { code: JUMP_EQUAL, value, no: "drop" } : { code: JUMP_EQUAL, value, yes: "next-condition" },
  );
  return [...load, ...tests];
}

function instruction(code: number, value: number, [yes, no]: readonly [number, number] = [0, 0]): Uint8Array {
  if (yes > MAX_JUMP || no > MAX_JUMP) throw new RangeError("a filter jumps over at most 255 instructions");
  return new Structure(8).setU16(0, code).setU8(2, yes).setU8(3, no).setU32(4, value).bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.length * 8);
  for (const [i, part] of parts.entries()) all.set(part, i * 8);
  return all;
}

/**
 * Only packets whose TTL or hop limit is still at least this, for datagram sockets: IP_MINTTL and IPV6_MINHOPCOUNT are taken there,
 * and do nothing.
 */
export function minTtlFilter(family: Family, ttl: number): Uint8Array {
  return assembleFilter([{ size: 1, at: family === 4 ? 8 : 7, from: "network", accepts: { atLeast: ttl } }]);
}

/** For packet sockets: Ethernet frames with an ARP message of one of these operations. */
export function arpFilter(operations: readonly number[], arrivedAt?: number): Uint8Array {
  return assembleFilter([
    { size: 2, at: 12, accepts: { oneOf: [ETHERTYPE.arp] } },
    { size: 2, at: 20, accepts: { oneOf: operations } },
    ...arrival(arrivedAt),
  ]);
}

/** For packet sockets: Ethernet frames with an ICMPv6 message of one of these types, not forwarded by any router (RFC 4861 section 7.1). */
export function neighbourDiscoveryFilter(types: readonly number[], arrivedAt?: number): Uint8Array {
  return assembleFilter([
    { size: 2, at: 12, accepts: { oneOf: [ETHERTYPE.ipv6] } },
    { size: 1, at: 20, accepts: { oneOf: [IPPROTO.icmpv6] } },
    { size: 1, at: 21, accepts: { oneOf: [255] } },
    { size: 1, at: 54, accepts: { oneOf: types } },
    ...arrival(arrivedAt),
  ]);
}

/**
 * With an interface's index: it arrived there, for this host or for many. A socket bound to an interface hears its VLANs
 * too, with the tag taken off; only the index that the kernel has for the frame tells them apart.
 */
function arrival(interfaceIndex: number | undefined): readonly Condition[] {
  if (interfaceIndex === undefined) return [];
  return [
    { size: 4, at: KERNEL_FACT.interfaceIndex, from: "kernel", accepts: { oneOf: [interfaceIndex] } },
    { size: 4, at: KERNEL_FACT.packetType, from: "kernel", accepts: { oneOf: Object.values(ARRIVED_FOR_US) } },
  ];
}
