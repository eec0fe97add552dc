import type { JournalConnection, JournalEnd } from "../bgp/journal.ts";
import type { Family } from "../net/ip-address.ts";
import { Writer } from "../wire/writer.ts";

/*
 * https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap: file header
 *   magic (4) | major (2) | minor (2) | reserved (4) | reserved (4) | snapshot length (4) | link type (4)
 * and in front of each packet
 *   seconds (4) | microseconds (4) | captured length (4) | original length (4)
 */
const MAGIC = 0xa1b2c3d4;
const VERSION = { major: 2, minor: 4 } as const;
const SNAPSHOT_LENGTH = 0x40000;
const LINK_TYPE_ETHERNET = 1;

const ETHER_TYPE: Record<Family, number> = { 4: 0x0800, 6: 0x86dd };
const PROTOCOL_TCP = 6;
const FLAG = { syn: 0x02, push: 0x08, ack: 0x10 } as const;
/** Octets of a message in one packet: far below what the length field of IP can say. */
const SEGMENT = 16_384;
/** RFC 7323 section 2: the greatest. Nobody acknowledges what nobody answers, and no window may be full for that. */
const WINDOW_SCALE = 14;
/** As on loopback, whose packets are this large as well. */
const MAXIMUM_SEGMENT = [0xff, 0xd7] as const;
const WINDOW = 0xffff;
/** Hardware addresses that nobody has: the locally administered bit is set. */
const MAC = { local: [2, 0, 0, 0, 0, 1], remote: [2, 0, 0, 0, 0, 2] } as const;

/** A message as it is to be in a capture. Times are microseconds since 1970. */
export interface CapturedMessage {
  readonly at: number;
  readonly direction: "in" | "out";
  readonly bytes: Uint8Array;
  readonly connection: JournalConnection;
  readonly connectedAt: number;
}

interface Stream {
  /** The next sequence number of each end. */
  readonly next: { local: number; remote: number };
}

interface Packet {
  readonly at: number;
  readonly from: "local" | "remote";
  readonly flags: number;
  readonly payload: Uint8Array;
}

/**
 * Recorded messages as a packet capture. What was below TCP is made up, as it would have been on a perfect link: a handshake when the
 * connection began, sequence numbers without a gap, checksums that are right. What is true are addresses, ports, times and octets.
 */
export class PcapStream {
  readonly #streams = new Map<number, Stream>();
  #last = 0;

  /** What the file begins with. */
  begin(): Uint8Array {
    const { major, minor } = VERSION;
    const head = new Writer().u32(MAGIC).u16(major).u16(minor).u32(0).u32(0);
    return head.u32(SNAPSHOT_LENGTH).u32(LINK_TYPE_ETHERNET).finish();
  }

  /** The packets of one message; the first one of a connection has its handshake in front. */
  message({ at, direction, bytes, connection, connectedAt }: CapturedMessage): Uint8Array {
    const w = new Writer();
    let stream = this.#streams.get(connection.connection);
    if (stream === undefined) {
      stream = { next: { local: 0, remote: 0 } };
      this.#streams.set(connection.connection, stream);
      this.#handshake(w, connection, stream, connectedAt);
    }
    const from = direction === "out" ? "local" : "remote";
    for (let start = 0; start < bytes.length; start += SEGMENT) {
      const payload = bytes.subarray(start, start + SEGMENT);
      this.#packet(w, connection, stream, { at, from, flags: FLAG.push | FLAG.ack, payload });
    }
    return w.finish();
  }

  #handshake(w: Writer, connection: JournalConnection, stream: Stream, at: number): void {
    const opener = connection.direction === "outgoing" ? "local" : "remote";
    const other = opener === "local" ? "remote" : "local";
    const payload = new Uint8Array();
    this.#packet(w, connection, stream, { at, from: opener, flags: FLAG.syn, payload });
    this.#packet(w, connection, stream, { at, from: other, flags: FLAG.syn | FLAG.ack, payload });
    this.#packet(w, connection, stream, { at, from: opener, flags: FLAG.ack, payload });
  }

  #packet(w: Writer, connection: JournalConnection, stream: Stream, packet: Packet): void {
    // Two connections at once are told one after the other.
    this.#last = Math.max(this.#last, packet.at);
    const frame = ethernet(connection, packet, segment(connection, stream, packet));
    w.u32(Math.trunc(this.#last / 1_000_000)).u32(this.#last % 1_000_000);
    w.u32(frame.length).u32(frame.length).bytes(frame);
    const syn = (packet.flags & FLAG.syn) === 0 ? 0 : 1;
    stream.next[packet.from] = (stream.next[packet.from] + packet.payload.length + syn) >>> 0;
  }
}

function endsOf({ local, remote }: JournalConnection, { from }: Packet): { source: JournalEnd; target: JournalEnd } {
  return from === "local" ? { source: local, target: remote } : { source: remote, target: local };
}

function ethernet(connection: JournalConnection, packet: Packet, tcp: Uint8Array): Uint8Array {
  const { source, target } = endsOf(connection, packet);
  const to = packet.from === "local" ? "remote" : "local";
  const w = new Writer();
  w.bytes(Uint8Array.from(MAC[to])).bytes(Uint8Array.from(MAC[packet.from])).u16(ETHER_TYPE[source.address.family]);
  return w.bytes(source.address.family === 4 ? ipv4(source, target, tcp) : ipv6(source, target, tcp)).finish();
}

/** RFC 791 section 3.1. The type of service is what routers send BGP with (RFC 4271 appendix E). */
function ipv4(source: JournalEnd, target: JournalEnd, tcp: Uint8Array): Uint8Array {
  const w = new Writer();
  w.u8(0x45)
    .u8(0xc0)
    .u16(20 + tcp.length)
    .u16(0)
    .u16(0x4000)
    .u8(64)
    .u8(PROTOCOL_TCP)
    .u16(0);
  const header = w.bytes(source.address.toBytes()).bytes(target.address.toBytes()).finish();
  new DataView(header.buffer, header.byteOffset).setUint16(10, checksum([header]));
  return new Writer().bytes(header).bytes(tcp).finish();
}

/** RFC 8200 section 3. */
function ipv6(source: JournalEnd, target: JournalEnd, tcp: Uint8Array): Uint8Array {
  const w = new Writer();
  w.u32(0x6c000000).u16(tcp.length).u8(PROTOCOL_TCP).u8(64);
  return w.bytes(source.address.toBytes()).bytes(target.address.toBytes()).bytes(tcp).finish();
}

/** RFC 9293 section 3.1. */
function segment(connection: JournalConnection, { next }: Stream, packet: Packet): Uint8Array {
  const { source, target } = endsOf(connection, packet);
  const { from, flags, payload } = packet;
  const acknowledged = (flags & FLAG.ack) === 0 ? 0 : next[from === "local" ? "remote" : "local"];
  const options = (flags & FLAG.syn) === 0 ? [] : [2, 4, ...MAXIMUM_SEGMENT, 3, 3, WINDOW_SCALE, 0];
  const w = new Writer();
  w.u16(source.port).u16(target.port).u32(next[from]).u32(acknowledged);
  w.u8(((20 + options.length) / 4) << 4)
    .u8(flags)
    .u16(WINDOW)
    .u16(0)
    .u16(0);
  const tcp = w.bytes(Uint8Array.from(options)).bytes(payload).finish();
  const pseudo = new Writer().bytes(source.address.toBytes()).bytes(target.address.toBytes());
  const covered = pseudo.u32(tcp.length).u32(PROTOCOL_TCP).finish();
  new DataView(tcp.buffer, tcp.byteOffset).setUint16(16, checksum([covered, tcp]));
  return tcp;
}

/** RFC 1071: each part has an even length but the last. */
function checksum(parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += ((part[i] ?? 0) << 8) | (part[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
