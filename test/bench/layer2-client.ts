import { parseIpAddress } from "../../src/net/ip-address.ts";
import { interfaceIndex } from "../../src/system/interface-index.ts";
import { controlPayload } from "../../src/system/native/control-message.ts";
import { arpFilter, neighbourDiscoveryFilter } from "../../src/system/native/filter.ts";
import { AF, ETHERTYPE, SOCK } from "../../src/system/native/linux.ts";
import { linkSockaddr } from "../../src/system/native/sockaddr.ts";
import { MessageBuffer, type NativeSocket, systemSockets } from "../../src/system/native/socket.ts";
import { serveCalls } from "../support/network-namespace.ts";

// The client's side: one process asks, another taps the same interface. The tap sees questions and answers with the time the
// kernel saw them, so that neither process's own delays count.
const SOCKET_TIMESTAMP = { level: 1, name: 35, type: 35 };
const PACKET_STATISTICS = { level: 263, name: 6 };
const RECEIVE_BUFFER = { level: 1, name: 33 };
const ROOM = 64 << 20;
const ASKERS = 128;
/** First of the addresses that ask: 10.78.128.1, and so on. */
const ASKER = [10, 78, 128];

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

let tap: NativeSocket | undefined;
const pending = new Map<number, number>();
let latencies: number[] = [];
let [asked, unanswered] = [0, 0];
/** When each address was announced first, in microseconds, and how many frames there were. */
const announcements = new Map<string, number>();
let frames = 0;

/** Tells one question from the next: who asks, and for whom. */
function keyOf(arp: DataView, asker: number, target: number): number {
  return arp.getUint8(asker + 3) * 0x1_0000 + arp.getUint16(target + 2);
}

function onArp(arp: DataView, at: number): void {
  const [sender, target] = [14 + 14, 14 + 24];
  if (arp.getUint32(sender) === arp.getUint32(target)) onAnnouncement(`${arp.getUint32(sender)}`, at);
  else if (arp.getUint16(20) === 1 && isAsker(arp, sender)) {
    const key = keyOf(arp, sender, target);
    if (pending.has(key)) unanswered += 1;
    pending.set(key, at);
    asked += 1;
  } else if (isAsker(arp, target)) {
    const key = keyOf(arp, target, sender);
    const askedAt = pending.get(key);
    if (askedAt !== undefined) latencies.push(at - askedAt);
    pending.delete(key);
  }
}

function isAsker(arp: DataView, at: number): boolean {
  return ASKER.every((octet, i) => arp.getUint8(at + i) === octet);
}

function onAnnouncement(key: string, at: number): void {
  frames += 1;
  if (!announcements.has(key)) announcements.set(key, at);
}

function onFrame(frame: Uint8Array, at: number): void {
  const data = view(frame);
  if (data.getUint16(12) === ETHERTYPE.arp) onArp(data, at);
  else if (frame[54] === 136) onAnnouncement(Buffer.from(frame.subarray(62, 78)).toString("hex"), at);
}

function microsecondsOf(buffer: MessageBuffer): number {
  const time = controlPayload(buffer.controlMessages, SOCKET_TIMESTAMP);
  return time === undefined ? Number.NaN : time.size(0) * 1e6 + time.size(8) / 1e3;
}

/** Asks in even steps: a thread that sleeps a tenth of a millisecond does not take the processor from those who answer. */
function askEvenly(rate: number, total: number, ask: (i: number) => void): void {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const began = performance.now();
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - began) / 1000) * rate) + 1);
    for (; sent < due; sent++) ask(sent);
    const wait = began + (sent / rate) * 1000 - performance.now();
    if (wait > 0) Atomics.wait(clock, 0, 0, wait);
  }
}

serveCalls({
  /** Hears ARP or neighbour discovery, outgoing too. */
  listen({ family }: { family: 4 | 6 }) {
    tap?.close();
    const socket = systemSockets.open(AF.packet, SOCK.raw, 0);
    socket.attachFilter(family === 4 ? arpFilter([1, 2]) : neighbourDiscoveryFilter([136]));
    socket.setOption(RECEIVE_BUFFER, ROOM);
    socket.setOption(SOCKET_TIMESTAMP, 1);
    socket.bind(linkSockaddr(ETHERTYPE.all, interfaceIndex("eth0", systemSockets)));
    const buffer = new MessageBuffer(2048, { control: 128 });
    socket.onReadable(() => {
      for (let i = 0; i < 256 && socket.receive(buffer); i++) onFrame(buffer.message, microsecondsOf(buffer));
    });
    tap = socket;
  },
  /** What was heard since the last call. */
  answers() {
    const lost = unanswered + pending.size;
    const result = { asked, lost, latencies: latencies.toSorted((a, b) => a - b), missed: missed() };
    pending.clear();
    [asked, unanswered, latencies] = [0, 0, []];
    return result;
  },
  announced() {
    const times = [...announcements.values()];
    const spread = times.length === 0 ? 0 : (Math.max(...times) - Math.min(...times)) / 1000;
    const result = { addresses: times.length, frames, milliseconds: spread, missed: missed() };
    announcements.clear();
    frames = 0;
    return result;
  },
  frames: () => frames,
  /** Asks for the addresses in turn, `rate` times a second. */
  ask({ ips, rate, total, mac }: { ips: readonly string[]; rate: number; total: number; mac: string }) {
    const targets = ips.flatMap((text) => parseIpAddress(text)?.toBytes() ?? []);
    const socket = systemSockets.open(AF.packet, SOCK.raw, 0);
    socket.bind(linkSockaddr(ETHERTYPE.arp, interfaceIndex("eth0", systemSockets)));
    const own = mac.replaceAll(":", "");
    const frame = Buffer.from(`ffffffffffff${own}08060001080006040001${own}${"00".repeat(34)}`, "hex");
    frame.set(ASKER, 28);
    let full = 0;
    askEvenly(rate, total, (i) => {
      frame[31] = 1 + (Math.floor(i / targets.length) % ASKERS);
      frame.set(targets[i % targets.length] ?? [], 38);
      if (!socket.send(frame)) full += 1;
    });
    socket.close();
    return full;
  },
});

/** Frames the tap itself had no room for. */
function missed(): number {
  return tap?.getOption(PACKET_STATISTICS, 8).u32(4) ?? 0;
}
