import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Binding, loadBinding, NativeMissing } from "../../src/system/native/binding.ts";
import { controlMessages } from "../../src/system/native/control-message.ts";
import { arpFilter, assembleFilter, minTtlFilter, neighbourDiscoveryFilter } from "../../src/system/native/filter.ts";
import { AF, IPPROTO, OPTION, SOCK } from "../../src/system/native/linux.ts";
import { Structure } from "../../src/system/native/memory.ts";
import {
  inetSockaddr,
  linkSockaddr,
  mappedAddress,
  netlinkSockaddr,
  parseInetSockaddr,
  parseLinkSockaddr,
} from "../../src/system/native/sockaddr.ts";
import {
  AddonSockets,
  BatchBuffer,
  MessageBuffer,
  SocketError,
  systemSockets,
} from "../../src/system/native/socket.ts";
import { tcpMd5Option } from "../../src/system/native/tcp-md5.ts";
import { netlinkAttributes, netlinkMessages } from "../../src/system/netlink.ts";
import { dialTcp, listenTcp } from "../../src/system/tcp.ts";
import { parseTcpMd5Counters, readTcpMd5Counters } from "../../src/system/tcp-md5-counters.ts";
import { ip, prefix } from "../bgp/values.ts";
import { hex as bytes } from "../support/hex.ts";
import { passesFilter } from "../support/run-filter.ts";
import { until } from "../support/until.ts";

const hexOf = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");

describe("structures of the kernel", () => {
  it.each([
    ["sockaddr_in", inetSockaddr(ip("192.0.2.1"), 179), "020000b3c00002010000000000000000"],
    [
      "sockaddr_in6 with a scope",
      inetSockaddr(ip("fe80::1"), 3784, 7),
      "0a000ec800000000fe80000000000000000000000000000107000000",
    ],
    ["sockaddr_ll to listen", linkSockaddr(0x0806, 3), "11000806030000000000000000000000000000" + "00"],
    [
      "sockaddr_ll to send",
      linkSockaddr(0x86dd, 258, Uint8Array.of(2, 0, 0, 0, 0, 9)),
      "110086dd02010000000000060200000000090000",
    ],
    ["sockaddr_nl", netlinkSockaddr(0x111), "100000000000000011010000"],
  ])("%s", (_, made, expected) => {
    expect(hexOf(made)).toBe(expected);
  });

  it.each([
    ["empty", ""],
    ["cut off", "020000b3"],
    ["of another family", "010000b3c00002010000000000000000"],
    ["IPv6 cut off", "0a000ec800000000fe80000000000000"],
  ])("no address is read from one that is %s", (_, text) => {
    expect(parseInetSockaddr(bytes(text))).toBeUndefined();
  });

  it("addresses are read as they were written", () => {
    const end = { address: ip("fe80::1"), port: 3784, scope: 7 };
    expect(parseInetSockaddr(inetSockaddr(end.address, end.port, end.scope))).toEqual(end);
    expect(parseInetSockaddr(inetSockaddr(ip("192.0.2.1"), 1))).toEqual({
      address: ip("192.0.2.1"),
      port: 1,
      scope: 0,
    });
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 9);
    const link = { etherType: 0x0806, interfaceIndex: 3, direction: "incoming", mac };
    expect(parseLinkSockaddr(linkSockaddr(0x0806, 3, mac))).toEqual(link);
    expect(parseLinkSockaddr(inetSockaddr(ip("192.0.2.1"), 1))).toBeUndefined();
    expect(parseLinkSockaddr(new Uint8Array(4))).toBeUndefined();
  });

  it("an IPv4 address is mapped into IPv6, an IPv6 one is left alone", () => {
    expect(hexOf(mappedAddress(ip("192.0.2.1")).toBytes())).toBe("00000000000000000000ffffc0000201");
    expect(mappedAddress(ip("fe80::1"))).toEqual(ip("fe80::1"));
  });
});

describe("tcp_md5sig", () => {
  const field = (value: Uint8Array): string => hexOf(value.subarray(128, 142));
  it.each([
    ["one peer", "192.0.2.1/32", "key", OPTION.tcpMd5, "0000" + "0300" + "00000000" + "6b6579000000"],
    ["a prefix", "192.0.2.0/24", "key", OPTION.tcpMd5Prefix, "0118" + "0300" + "00000000" + "6b6579000000"],
    ["everybody", "::/0", "key", OPTION.tcpMd5Prefix, "0100" + "0300" + "00000000" + "6b6579000000"],
    ["a key that goes", "192.0.2.1/32", undefined, OPTION.tcpMd5, "0000" + "0000" + "00000000" + "000000000000"],
    ["a key of two-octet letters", "192.0.2.1/32", "éß", OPTION.tcpMd5, "0000" + "0400" + "00000000" + "c3a9c39f0000"],
  ])("%s", (_, peers, password, option, expected) => {
    const made = tcpMd5Option(prefix(peers), password, false);
    expect(made.option).toBe(option);
    expect(made.value.length).toBe(216);
    expect(field(made.value)).toBe(expected);
  });

  it.each([
    ["empty", ""],
    ["too long", "k".repeat(81)],
    ["too long in octets", "é".repeat(41)],
  ])("a password that is %s is refused", (_, password) => {
    expect(() => tcpMd5Option(prefix("192.0.2.1/32"), password, false)).toThrow("1 to 80 octets");
  });

  it("on a socket of both families an IPv4 peer is mapped, its prefix length is not", () => {
    const { value } = tcpMd5Option(prefix("192.0.2.0/24"), "key", true);
    expect(parseInetSockaddr(value)?.address.family).toBe(6);
    expect(value[129]).toBe(24);
  });
});

describe("filters", () => {
  const frame = (set: Readonly<Record<number, number>>): Uint8Array => {
    const made = new Uint8Array(80);
    for (const [at, value] of Object.entries(set)) made[Number(at)] = value;
    return made;
  };
  const arp = { 12: 8, 13: 6, 21: 1 };
  const ns = { 12: 0x86, 13: 0xdd, 20: 58, 21: 255, 54: 135 };

  it.each([
    ["an ARP request", arpFilter([1]), frame(arp), true],
    ["a reply where requests are wanted", arpFilter([1]), frame({ ...arp, 21: 2 }), false],
    ["a reply where both are wanted", arpFilter([1, 2]), frame({ ...arp, 21: 2 }), true],
    ["neither request nor reply", arpFilter([1, 2]), frame({ ...arp, 21: 3 }), false],
    ["another protocol", arpFilter([1]), frame({ ...arp, 13: 0 }), false],
    ["a frame too short to tell", arpFilter([1]), frame(arp).subarray(0, 20), false],
    ["a solicitation", neighbourDiscoveryFilter([135, 136]), frame(ns), true],
    ["an advertisement", neighbourDiscoveryFilter([135, 136]), frame({ ...ns, 54: 136 }), true],
    ["a redirect", neighbourDiscoveryFilter([135, 136]), frame({ ...ns, 54: 137 }), false],
    ["a solicitation that crossed a router", neighbourDiscoveryFilter([135]), frame({ ...ns, 21: 254 }), false],
    [
      "a mask that leaves what is asked for",
      assembleFilter([{ size: 4, at: 0, mask: 0xf0, accepts: { oneOf: [0x10] } }]),
      frame({ 3: 0x1f }),
      true,
    ],
    [
      "a mask that does not",
      assembleFilter([{ size: 4, at: 0, mask: 0xf0, accepts: { oneOf: [0x10] } }]),
      frame({ 3: 0x2f }),
      false,
    ],
  ] as const)("%s", (_, program, packet, passes) => {
    expect(passesFilter(program, packet)).toBe(passes);
  });

  it.each([
    ["for this host", 0, 7, true],
    ["for all", 1, 7, true],
    ["for a group", 2, 7, true],
    ["for another host", 3, 7, false],
    ["that this host sends", 4, 7, false],
    ["of another interface, such as a VLAN on this one", 0, 8, false],
  ])("where an interface is named, a frame %s", (_, packetType, interfaceIndex, passes) => {
    const facts = { packetType, interfaceIndex };
    expect(passesFilter(arpFilter([1], 7), frame(arp), 0, facts)).toBe(passes);
    expect(passesFilter(neighbourDiscoveryFilter([135], 7), frame(ns), 0, facts)).toBe(passes);
  });

  it.each([
    [4, 8],
    [6, 7],
  ] as const)("the TTL of IPv%d is counted from the network header", (family, at) => {
    const packet = (ttl: number): Uint8Array => frame({ [20 + at]: ttl });
    expect([253, 254, 255].map((ttl) => passesFilter(minTtlFilter(family, 254), packet(ttl), 20))).toEqual([
      false,
      true,
      true,
    ]);
  });

  it("a program with jumps that no octet can hold is refused", () => {
    const many = Array.from({ length: 300 }, (_, i) => i);
    expect(() => assembleFilter([{ size: 1, at: 0, accepts: { oneOf: many } }])).toThrow(RangeError);
  });
});

describe("messages of the kernel that are cut off", () => {
  it.each([
    ["a control message longer than there is", "2000000000000000" + "00000000" + "02000000"],
    ["a control message shorter than its header", "0800000000000000" + "00000000" + "02000000"],
    ["half a header", "18000000"],
  ])("%s is the end", (_, text) => {
    expect([...controlMessages(bytes(text))]).toEqual([]);
  });

  it.each([
    ["a netlink message longer than there is", "40000000" + "10000000" + "0000000000000000"],
    ["one of no length", "00000000" + "10000000" + "0000000000000000"],
  ])("%s is the end", (_, text) => {
    expect([...netlinkMessages(bytes(text))]).toEqual([]);
  });

  it("attributes that lead out of their message are passed over", () => {
    const body = new Structure(bytes("0800010001020304" + "2000020001020304"));
    expect([...netlinkAttributes(body, 0).keys()]).toEqual([1]);
  });
});

describe("TCP MD5 counters", () => {
  it("are read from the kernel's two lines", () => {
    const text = "TcpExt: A TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure B\nTcpExt: 9 1 2 3 9\nIpExt: X\nIpExt: 5\n";
    expect(parseTcpMd5Counters(text)).toEqual({ missing: 1, unexpected: 2, wrong: 3 });
  });
  it("are not there on a kernel without signatures", () => {
    expect(parseTcpMd5Counters("TcpExt: A\nTcpExt: 9\n")).toBeUndefined();
    expect(parseTcpMd5Counters("")).toBeUndefined();
  });
  it.skipIf(process.platform !== "linux")("are there on this kernel", async () => {
    expect(await readTcpMd5Counters()).toMatchObject({ wrong: expect.any(Number) });
  });
});

describe("without the addon", () => {
  const missing = new AddonSockets(() => loadBinding("/nowhere/netraw.node"));
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "herald-native-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("asking is free, using says what to do", () => {
    expect(missing.available).toBe(false);
    expect(() => missing.open(AF.inet, SOCK.stream, 0)).toThrow(NativeMissing);
    expect(() => missing.setOption(0, OPTION.ipTtl, 1)).toThrow(/gcc.*npm run build:native/);
  });

  it.each([
    ["no ELF file", "not an addon"],
    ["a JavaScript module of another shape", undefined],
  ])("a file that is %s is said to be so", (_, content) => {
    const file = join(folder, content === undefined ? "other.cjs" : "netraw.node");
    writeFileSync(file, content ?? "module.exports = { socket() {} }");
    expect(() => loadBinding(file)).toThrow(expect.objectContaining({ code: "ERR_NATIVE_MISSING" }));
  });

  it("connections that need nothing of it are made", async () => {
    let accepted = 0;
    const listener = await listenTcp({ address: ip("127.0.0.1"), port: 0 }, () => accepted++, missing);
    const outcome = await outcomeOf({ port: listener.port });
    expect([outcome, accepted]).toEqual(["connected", 1]);
    expect(() => listener.setPassword(prefix("127.0.0.1/32"), "s")).toThrow(NativeMissing);
    await listener.close();
    expect(() => listener.setPassword(prefix("127.0.0.1/32"), "s")).toThrow("closed");
  });

  it.each([{ password: "s" }, { minTtl: 255 }, { ttl: 1 }, { bindToDevice: "lo" }])(
    "a target with %o fails and says why",
    async (options) => {
      expect(await outcomeOf({ port: 1, ...options })).toContain("native sockets are not built");
    },
  );

  it("an attempt that cannot be made says nothing after it was given up", async () => {
    const said: string[] = [];
    const outcome = { connected: () => said.push("connected"), failed: (reason: string) => said.push(reason) };
    dialTcp({ address: ip("127.0.0.1"), port: 1, password: "s" }, outcome, missing).abort();
    await outcomeOf({ port: 1, password: "s" });
    expect(said).toEqual([]);
  });

  function outcomeOf(target: { port: number; password?: string; minTtl?: number }): Promise<string> {
    return new Promise((resolve) => {
      dialTcp(
        { address: ip("127.0.0.1"), ...target },
        { connected: () => resolve("connected"), failed: resolve },
        missing,
      );
    });
  }
});

describe.skipIf(!systemSockets.available && process.env["CI"] !== "true")("the addon", () => {
  it("errors have the kernel's name, and advice where there is some", () => {
    expect(() => systemSockets.open(99, SOCK.dgram, 0)).toThrow(
      expect.objectContaining({ code: "ERR_SYSTEM_SOCKET", errno: "EAFNOSUPPORT", call: "socket" }),
    );
    expect(new SocketError("socket", -1).message).toContain("NET_RAW");
  });

  it.each<readonly [string, (binding: Binding, fd: number) => unknown]>([
    ["a missing argument", (b) => Reflect.apply(b.socket, b, [2, 1])],
    ["a number that is none", (b) => b.socket(Number.NaN, 1, 0)],
    ["a number with a fraction", (b) => b.socket(2.5, 1, 0)],
    ["a number beyond 32 bits", (b) => b.socket(2 ** 32, 1, 0)],
    ["a negative descriptor", (b) => b.close(-1)],
    ["no address", (b, fd) => Reflect.apply(b.bind, b, [fd, undefined])],
    ["an address that is too long", (b, fd) => b.bind(fd, new Uint8Array(129))],
    ["an array of the wrong kind", (b, fd) => Reflect.apply(b.send, b, [fd, new Uint16Array(4), undefined])],
    ["too few lengths", (b, fd) => b.recvmsg(fd, new Uint8Array(4), undefined, undefined, new Int32Array(2))],
    ["a filter that is cut off", (b, fd) => b.attachFilter(fd, new Uint8Array(12))],
    ["an empty filter", (b, fd) => b.attachFilter(fd, new Uint8Array(0))],
    ["slots of no size", (b, fd) => b.recvBatch(fd, new Uint8Array(4), 0, new Int32Array(1))],
    ["a slot larger than the room", (b, fd) => b.recvBatch(fd, new Uint8Array(4), 5, new Int32Array(1))],
    ["no events", (b, fd) => b.poll(fd, 0, () => {})],
    ["no function", (b, fd) => Reflect.apply(b.poll, b, [fd, 1, "x"])],
    ["a watch that is none", (b) => b.pollControl({}, 0, 1)],
  ])("%s is a TypeError", (_, call) => {
    const binding = loadBinding();
    const fd = binding.socket(AF.inet, SOCK.dgram, 0);
    try {
      expect(() => call(binding, fd)).toThrow(TypeError);
    } finally {
      binding.close(fd);
    }
  });

  it("a closed socket is not used again, and closing twice does no harm", () => {
    const socket = systemSockets.open(AF.inet, SOCK.dgram, IPPROTO.udp);
    const watch = socket.onReadable(() => {});
    socket.close();
    socket.close();
    watch.close();
    watch.keepAlive(false);
    expect(() => socket.bind(inetSockaddr(ip("127.0.0.1"), 0))).toThrow("closed");
  });

  it("a message longer than the room is cut and said to be", async () => {
    const socket = systemSockets.open(AF.inet, SOCK.dgram, 0);
    socket.bind(inetSockaddr(ip("127.0.0.1"), 0));
    socket.connect(socket.localAddress());
    const small = new MessageBuffer(4);
    expect(socket.receive(small)).toBe(false);
    expect(socket.receiveBatch(new BatchBuffer(4, 2))).toBe(0);
    socket.send(Uint8Array.of(1, 2, 3, 4, 5, 6));
    await until("a message", () => socket.receive(small));
    expect([small.length, small.truncated, [...small.message], small.from.length]).toEqual([4, true, [1, 2, 3, 4], 0]);
    socket.close();
  });

  it("a batch holds at most what the kernel is asked for at once", () => {
    expect(() => new BatchBuffer(64, 65)).toThrow(RangeError);
  });
});
