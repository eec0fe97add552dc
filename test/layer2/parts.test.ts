import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { AddressTable } from "../../src/layer2/address-table.ts";
import { announcementFrames, probeFrame } from "../../src/layer2/announcement.ts";
import { decodeArp, encodeArp } from "../../src/layer2/arp.ts";
import { multicastMac } from "../../src/layer2/ethernet.ts";
import { afterBurst, type FlapHistory, nextBurst } from "../../src/layer2/flap-damper.ts";
import { isMulticast, solicitedNode } from "../../src/layer2/ipv6.ts";
import { markOf, readMark } from "../../src/layer2/mark.ts";
import { decodeNeighbourMessage, encodeNeighbourMessage } from "../../src/layer2/ndp.ts";
import { initialPacer, mayGo, refill, spend, waitFor } from "../../src/layer2/pacer.ts";
import { IpAddress } from "../../src/net/ip-address.ts";
import { formatMac, isGroupMac, macFromBytes, macFromParts, macParts } from "../../src/net/mac-address.ts";
import { micros, millis, seconds } from "../../src/net/micros.ts";
import { Reader } from "../../src/wire/reader.ts";
import { ip, mac, OURS } from "./values.ts";

const VOICE = { mac: OURS, mark: markOf("node-1") };

describe("announcements", () => {
  it("of an IPv4 address are a request and a reply to everybody, as MetalLB's, with a mark", () => {
    const packets = announcementFrames(ip("10.0.0.1"), VOICE).map(decodeArp);
    expect(packets.map(({ operation }) => operation)).toEqual(["request", "reply"]);
    for (const packet of packets) {
      expect(packet.senderIp).toEqual(packet.targetIp);
      expect(formatMac(packet.destination)).toBe("ff:ff:ff:ff:ff:ff");
      expect(formatMac(packet.targetMac)).toBe("ff:ff:ff:ff:ff:ff");
      expect(packet).toMatchObject({ senderMac: OURS, source: OURS, mark: markOf("node-1") });
    }
  });

  it("of an IPv6 address are an unsolicited advertisement that overrides (RFC 4861 section 7.2.6)", () => {
    const [frame, ...others] = announcementFrames(ip("fd00::1"), VOICE);
    expect(others).toEqual([]);
    expect(decodeNeighbourMessage(frame ?? new Uint8Array(0))).toMatchObject({
      type: "advertisement",
      to: ip("ff02::1"),
      solicited: false,
      override: true,
      router: false,
      linkAddress: OURS,
      mark: markOf("node-1"),
    });
  });

  it("probes come from nobody: 0.0.0.0 with a target of zeros, or :: to the group without an option", () => {
    expect(decodeArp(probeFrame(ip("10.0.0.1"), VOICE))).toMatchObject({
      operation: "request",
      senderIp: ip("0.0.0.0"),
      targetMac: 0,
      targetIp: ip("10.0.0.1"),
    });
    expect(decodeNeighbourMessage(probeFrame(ip("fd00::1:2"), VOICE))).toMatchObject({
      type: "solicitation",
      from: ip("::"),
      to: ip("ff02::1:ff01:2"),
      destination: mac("33:33:ff:01:00:02"),
      linkAddress: undefined,
      mark: markOf("node-1"),
    });
  });
});

describe("marks", () => {
  it("are eight octets of SHA-256 of the node's name", () => {
    // printf node-1 | sha256sum
    expect(markOf("node-1").toString(16)).toBe("35971be6e9bb024a");
  });

  test.each<[string, Uint8Array]>([
    ["zeros", new Uint8Array(18)],
    ["too short", new TextEncoder().encode("herald1234567")],
    ["another word", new TextEncoder().encode("heralt12345678")],
    ["another beginning", new TextEncoder().encode("Herald12345678")],
  ])("padding that is none: %s", (_name, bytes) => {
    expect(readMark(new Reader(bytes))).toBeUndefined();
  });

  it("survive what follows them", () => {
    const padded = Uint8Array.from([...new TextEncoder().encode("herald"), ...new Uint8Array(12).fill(0xff)]);
    expect(readMark(new Reader(padded))).toBe(0xffff_ffff_ffff_ffffn);
  });
});

const macs = fc.bigInt({ min: 1n, max: (1n << 40n) - 1n }).map((n) => macFromParts(0x0200, Number(n & 0xffff_ffffn)));
const v4 = fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }).map((n) => new IpAddress(4, n));
const v6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((n) => new IpAddress(6, n));
const marks = fc.option(fc.string().map(markOf), { nil: undefined });

describe("codecs", () => {
  it("read the ARP that they wrote", () => {
    const packets = fc.record({
      destination: macs,
      source: macs,
      operation: fc.constantFrom("request" as const, "reply" as const),
      senderMac: macs,
      senderIp: v4,
      targetMac: macs,
      targetIp: v4,
      mark: marks,
    });
    fc.assert(
      fc.property(packets, (packet) => {
        expect(decodeArp(encodeArp(packet))).toEqual(packet);
      }),
    );
  });

  it("read the neighbour messages that they wrote", () => {
    const unicast = v6.filter((address) => !isMulticast(address) && address.value !== 0n);
    const envelope = {
      destination: macs,
      source: macs,
      from: unicast,
      to: unicast,
      target: unicast,
      linkAddress: fc.option(macs, { nil: undefined }),
      mark: marks,
    };
    const messages = fc.oneof(
      fc.record({ type: fc.constant("solicitation" as const), ...envelope }),
      fc.record({
        type: fc.constant("advertisement" as const),
        ...envelope,
        router: fc.boolean(),
        solicited: fc.boolean(),
        override: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(messages, (message) => {
        expect(decodeNeighbourMessage(encodeNeighbourMessage(message))).toEqual(message);
      }),
    );
  });

  it("a solicited advertisement to a group is malformed (RFC 4861 section 7.1.2)", () => {
    const message = decodeNeighbourMessage(announcementFrames(ip("fd00::1"), VOICE)[0] ?? new Uint8Array(0));
    if (message.type !== "advertisement") throw new Error("no advertisement");
    expect(() => decodeNeighbourMessage(encodeNeighbourMessage({ ...message, solicited: true }))).toThrow("malformed");
    expect(() => decodeNeighbourMessage(encodeNeighbourMessage({ ...message, target: ip("ff02::5") }))).toThrow(
      "malformed",
    );
  });

  it("groups have the addresses of RFC 4291 section 2.7.1 and RFC 2464 section 7", () => {
    expect(`${solicitedNode(ip("4037::01:800:200e:8c6c"))}`).toBe("ff02::1:ff0e:8c6c");
    expect(formatMac(multicastMac(ip("ff02::1:ff0e:8c6c")))).toBe("33:33:ff:0e:8c:6c");
  });
});

describe("hardware addresses", () => {
  test.each(["02:00:5e:10:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "00:00:00:00:00:0a"])("%s", (text) => {
    const address = mac(text);
    expect(formatMac(address)).toBe(text);
    const { high, low } = macParts(address);
    expect(macFromParts(high, low)).toBe(address);
  });

  it("groups are told from stations", () => {
    expect(["01:00:5e:00:00:01", "33:33:00:00:00:01", "ff:ff:ff:ff:ff:ff"].map(mac).every(isGroupMac)).toBe(true);
    expect(["02:00:00:00:00:01", "00:ff:ff:ff:ff:ff", "fe:ff:ff:ff:ff:ff"].map(mac).some(isGroupMac)).toBe(false);
  });

  test.each([0, 5, 7, 8, 20])("%d octets are none", (length) => {
    expect(macFromBytes(new Uint8Array(length))).toBeUndefined();
  });
});

describe("AddressTable", () => {
  it("does what a map of texts does, whatever the addresses", () => {
    // Few values, so that keys collide: 0.0.0.5 and ::5, and words whose mix is the same.
    const few = fc.oneof(
      fc.nat(5).map((n) => new IpAddress(4, BigInt(n))),
      fc.nat(5).map((n) => new IpAddress(6, BigInt(n))),
      fc.tuple(fc.nat(3), fc.nat(100)).map(([a, b]) => new IpAddress(6, (BigInt(a) << 32n) | BigInt(b))),
    );
    const acts = fc.array(fc.tuple(fc.boolean(), few, fc.nat()));
    fc.assert(
      fc.property(acts, few, (list, asked) => {
        const table = new AddressTable<number>();
        const map = new Map<string, number>();
        for (const [adds, address, value] of list) {
          if (adds) {
            table.set(address, value);
            map.set(`${address}`, value);
          } else {
            table.delete(address);
            map.delete(`${address}`);
          }
        }
        const frame = Uint8Array.from([9, 9, 9, ...asked.toBytes(), 9]);
        expect(table.find(frame, 3, asked.family === 4 ? 4 : 16)).toBe(map.get(`${asked}`));
      }),
    );
  });

  it("does not take 0.0.0.0 for the beginning of ::, nor the other way round", () => {
    const table = new AddressTable<string>();
    table.set(ip("0.0.0.0"), "IPv4");
    expect(table.find(new Uint8Array(20), 0, 16)).toBeUndefined();
    table.set(ip("::"), "IPv6");
    table.delete(ip("0.0.0.0"));
    expect(table.find(new Uint8Array(20), 0, 4)).toBeUndefined();
    expect(table.find(new Uint8Array(20), 0, 16)).toBe("IPv6");
  });

  it("finds nothing beyond the end of a frame", () => {
    const table = new AddressTable<string>();
    table.set(ip("10.0.0.1"), "one");
    expect(table.find(Uint8Array.of(10, 0, 0), 0, 4)).toBeUndefined();
  });
});

describe("the pace of announcements", () => {
  it("64 at once, then three a millisecond, never more saved up", () => {
    let pacer = initialPacer(micros(0));
    let sent = 0;
    for (let now = 0; now <= 1_000_000; now += 1000) {
      pacer = refill(pacer, micros(now));
      while (mayGo(pacer)) {
        pacer = spend(pacer, 2);
        sent += 2;
      }
    }
    expect(sent).toBeGreaterThanOrEqual(64 + 3000 - 2);
    expect(sent).toBeLessThanOrEqual(64 + 3000 + 2);
    expect(refill(pacer, seconds(100)).tokens).toBe(64);
  });

  it("waits until some may leave together", () => {
    expect(waitFor({ tokens: -2, at: micros(0) })).toBe(millis(6));
    expect(waitFor({ tokens: 64, at: micros(0) })).toBe(millis(1));
  });
});

describe("bursts of an interface that flaps", () => {
  it("come at gaps that double up to a minute, and start afresh after two quiet minutes", () => {
    let history: FlapHistory | undefined;
    const bursts: number[] = [];
    for (let second = 0; second < 300; second++) {
      const now = seconds(second);
      if (nextBurst(history, now) > now) continue;
      history = afterBurst(history, now);
      bursts.push(second);
    }
    expect(bursts).toEqual([0, 2, 6, 14, 30, 62, 122, 182, 242]);
    expect(nextBurst(history, seconds(400))).toBe(seconds(400));
    expect(afterBurst(history, seconds(400)).gap).toBe(seconds(2));
  });
});
