import { Structure } from "../../src/system/native/memory.ts";

type Load = (data: DataView, at: number) => number;

const LOADS: ReadonlyMap<number, Load> = new Map<number, Load>([
  [0x20, (data, at) => data.getUint32(at)],
  [0x28, (data, at) => data.getUint16(at)],
  [0x30, (data, at) => data.getUint8(at)],
]);
const TESTS: ReadonlyMap<number, (value: number, with_: number) => boolean> = new Map([
  [0x15, (value: number, other: number) => value === other],
  [0x35, (value: number, other: number) => value >= other],
]);
const NETWORK_HEADER = 0xfff0_0000;
const KERNEL_FACTS = 0xffff_f000;

/** What the kernel adds to a packet: its type as in sockaddr_ll, and the interface it is at. */
interface KernelFacts {
  readonly packetType: number;
  readonly interfaceIndex: number;
}

const UNTOLD: KernelFacts = { packetType: 0, interfaceIndex: 0 };

/** Runs a classic BPF program as the kernel does, instruction by instruction; true when the packet passes. */
export function passesFilter(program: Uint8Array, packet: Uint8Array, networkHeader = 0, facts = UNTOLD): boolean {
  const code = new Structure(program);
  const data = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const loadAt = (load: Load, value: number): number | undefined =>
    factAt(value, facts) ?? tryLoad(load, data, offsetOf(value, networkHeader));
  let accumulator = 0;
  for (let at = 0; ; at += 8) {
    const [operation, value] = [code.u16(at), code.u32(at + 4)];
    const [load, test] = [LOADS.get(operation), TESTS.get(operation)];
    if (operation === 0x06) return value > 0;
    if (load !== undefined) {
      const loaded = loadAt(load, value);
      if (loaded === undefined) return false;
      accumulator = loaded;
    }
    if (test !== undefined) at += 8 * code.u8(at + (test(accumulator, value) ? 2 : 3));
    if (operation === 0x54) accumulator = (accumulator & value) >>> 0;
  }
}

function factAt(value: number, { packetType, interfaceIndex }: KernelFacts): number | undefined {
  return new Map([
    [KERNEL_FACTS + 4, packetType],
    [KERNEL_FACTS + 8, interfaceIndex],
  ]).get(value);
}

function offsetOf(value: number, networkHeader: number): number {
  return value >= NETWORK_HEADER ? value - NETWORK_HEADER + networkHeader : value;
}

/** A load beyond the packet ends the program: the packet is dropped. */
function tryLoad(load: Load, data: DataView, at: number): number | undefined {
  try {
    return load(data, at);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
