import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { type ArpDrop, hear, type NdpDrop } from "../../src/layer2/answer.ts";
import { type ArpPacket, decodeArp, encodeArp } from "../../src/layer2/arp.ts";
import { markOf } from "../../src/layer2/mark.ts";
import {
  decodeNeighbourMessage,
  encodeNeighbourMessage,
  type NeighbourMessage,
  type Solicitation,
} from "../../src/layer2/ndp.ts";
import { BROADCAST_MAC, ZERO_MAC } from "../../src/net/mac-address.ts";
import { hex } from "../support/hex.ts";
import { ear, held, ip, mac, OURS, THEIRS } from "./values.ts";

const V4 = "10.0.0.100";
const V6 = "fd00::1:100";
const GROUP = ip("ff02::1:ff01:100");
const GROUP_MAC = mac("33:33:ff:01:01:00");
const OTHER_IF = mac("02:00:00:00:00:02");

const HERE = ear([
  held(V4),
  held(V6),
  held("10.0.0.101", "silent"),
  held("10.0.0.102", "answer", false),
  held("10.0.0.103", "yield"),
  held("fd00::1:101", "silent"),
  held("fd00::1:102", "answer", false),
  held("fd00::1:103", "yield"),
]);

const request = (change: Partial<ArpPacket> = {}): Uint8Array =>
  encodeArp({
    destination: BROADCAST_MAC,
    source: THEIRS,
    operation: "request",
    senderMac: THEIRS,
    senderIp: ip("10.0.0.9"),
    targetMac: ZERO_MAC,
    targetIp: ip(V4),
    mark: undefined,
    ...change,
  });

const solicit = (change: Partial<Solicitation> = {}): Uint8Array =>
  encodeNeighbourMessage({
    type: "solicitation",
    destination: GROUP_MAC,
    source: THEIRS,
    from: ip("fe80::a"),
    to: GROUP,
    target: ip(V6),
    linkAddress: THEIRS,
    mark: undefined,
    ...change,
  });

const advertise = (change: Partial<NeighbourMessage & { type: "advertisement" }> = {}): Uint8Array =>
  encodeNeighbourMessage({
    type: "advertisement",
    destination: mac("33:33:00:00:00:01"),
    source: THEIRS,
    from: ip(V6),
    to: ip("ff02::1"),
    target: ip(V6),
    router: false,
    solicited: false,
    override: true,
    linkAddress: THEIRS,
    mark: undefined,
    ...change,
  });

function withOctet(frame: Uint8Array, at: number, value: number): Uint8Array {
  const changed = frame.slice();
  changed[at] = value;
  return changed;
}

describe("frames that are not answered", () => {
  test.each<[string, Uint8Array, ArpDrop | NdpDrop]>([
    ["nothing", new Uint8Array(0), "malformed"],
    ["an Ethernet header", request().subarray(0, 14), "malformed"],
    ["a request that is cut off", request().subarray(0, 41), "malformed"],
    ["an IPv4 packet", withOctet(request(), 13, 0x00), "malformed"],
    ["hardware that is no Ethernet", withOctet(request(), 15, 6), "malformed"],
    ["a protocol that is no IPv4", withOctet(request(), 16, 0x86), "malformed"],
    ["hardware addresses of 8 octets", withOctet(request(), 18, 8), "malformed"],
    ["protocol addresses of 16 octets", withOctet(request(), 19, 16), "malformed"],
    ["operation 0", withOctet(request(), 21, 0), "malformed"],
    ["operation 3, as RARP has it", withOctet(request(), 21, 3), "malformed"],
    ["a sender that is broadcast", request({ senderMac: BROADCAST_MAC }), "malformed"],
    ["a sender that is a group", request({ senderMac: mac("01:00:5e:00:00:01") }), "malformed"],
    ["a sender without an address", request({ senderMac: ZERO_MAC }), "malformed"],
    ["a frame beyond the MTU", new Uint8Array([...request(), ...new Uint8Array(1500)]), "oversized"],
    ["an address of nobody here", request({ targetIp: ip("10.0.0.104") }), "not-ours"],
    ["a request to another station", request({ destination: mac("02:00:00:00:00:77") }), "not-addressed"],
    ["a request to a group", request({ destination: mac("01:00:5e:00:00:01") }), "not-addressed"],
    ["our own request", request({ senderMac: OURS }), "own"],
    ["a request of our other interface", request({ senderMac: OTHER_IF }), "own"],
    ["a request with our mark, looped back", request({ mark: markOf("here") }), "own"],
    ["a reply", request({ operation: "reply" }), "no-question"],
    ["a gratuitous request", request({ senderIp: ip(V4) }), "no-question"],
    ["an address that is probed", request({ targetIp: ip("10.0.0.101") }), "silent"],
    ["an address of another interface", request({ targetIp: ip("10.0.0.102") }), "other-interface"],

    ["a solicitation that is cut off", solicit().subarray(0, 77), "malformed"],
    ["a solicitation whose option is cut off", solicit().subarray(0, 80), "malformed"],
    ["a length that promises more", withOctet(solicit(), 19, 48), "malformed"],
    ["IP version 4", withOctet(solicit(), 14, 0x45), "malformed"],
    ["an extension header", withOctet(solicit(), 20, 0), "malformed"],
    ["a router advertisement", withSum(withOctet(solicit(), 54, 134)), "malformed"],
    ["code 1", withSum(withOctet(solicit(), 55, 1)), "malformed"],
    ["an option of length 0", withSum(withOctet(solicit(), 79, 0)), "malformed"],
    ["an option beyond the message", withSum(withOctet(solicit(), 79, 2)), "malformed"],
    ["a source that is a group", solicit({ from: ip("ff02::9") }), "malformed"],
    ["one without an address that says where it is", solicit({ from: ip("::") }), "malformed"],
    [
      "one without an address that asks a single station",
      solicit({ from: ip("::"), linkAddress: undefined, to: ip(V6), destination: OURS }),
      "malformed",
    ],
    ["hop limit 254", withOctet(solicit(), 21, 254), "hop-limit"],
    ["hop limit 1", withOctet(solicit(), 21, 1), "hop-limit"],
    ["a wrong checksum", withOctet(solicit(), 57, (solicit()[57] ?? 0) ^ 1), "checksum"],
    ["an IPv6 frame beyond the MTU", new Uint8Array([...solicit(), ...new Uint8Array(1500)]), "oversized"],
    ["an IPv6 address of nobody here", solicit({ target: ip("fd00::1:104") }), "not-ours"],
    ["a solicitation to another station", solicit({ destination: mac("02:00:00:00:00:77") }), "not-addressed"],
    ["a solicitation to all nodes", solicit({ to: ip("ff02::1") }), "not-addressed"],
    ["a solicitation to another target's group", solicit({ to: ip("ff02::1:ff01:101") }), "not-addressed"],
    ["our own solicitation", solicit({ source: OURS, linkAddress: undefined }), "own"],
    ["a solicitation that says it is ours", solicit({ linkAddress: OTHER_IF }), "own"],
    ["a solicitation with our mark", solicit({ mark: markOf("here") }), "own"],
    ["an advertisement", advertise(), "no-question"],
    ["a solicitation from the target itself", solicit({ from: ip(V6) }), "no-question"],
    ["an IPv6 address that is probed", solicit({ target: ip("fd00::1:101"), to: ip("ff02::1:ff01:101") }), "silent"],
    [
      "an IPv6 address of another interface",
      solicit({ target: ip("fd00::1:102"), to: ip("ff02::1:ff01:102") }),
      "other-interface",
    ],
  ])("%s", (_name, frame, reason) => {
    const { drop, answer } = hear(frame, HERE);
    expect(drop).toBe(reason);
    expect(answer).toBeUndefined();
  });
});

/** Makes the checksum right again, so that what is behind it is looked at: a wrong octet makes it wrong by its difference. */
function withSum(frame: Uint8Array): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset);
  view.setUint16(56, 0);
  let sum = view.getUint16(18) + 58;
  for (let at = 22; at < frame.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(56, ~sum & 0xffff);
  return frame;
}

function arpAnswer(frame: Uint8Array): ArpPacket {
  const { answer } = hear(frame, HERE);
  if (answer === undefined) throw new Error("no answer");
  return decodeArp(answer);
}

function ndpAnswer(frame: Uint8Array): NeighbourMessage {
  const { answer } = hear(frame, HERE);
  if (answer === undefined) throw new Error("no answer");
  return decodeNeighbourMessage(answer);
}

describe("ARP requests that are answered", () => {
  it("by broadcast: a reply to the one who asked, with our mark, in 60 octets", () => {
    expect(hear(request(), HERE).answer).toHaveLength(60);
    expect(arpAnswer(request())).toEqual({
      destination: THEIRS,
      source: OURS,
      operation: "reply",
      senderMac: OURS,
      senderIp: ip(V4),
      targetMac: THEIRS,
      targetIp: ip("10.0.0.9"),
      mark: markOf("here"),
    });
  });

  test.each<[string, Uint8Array]>([
    ["to our own station, which confirms a neighbour", request({ destination: OURS })],
    ["without padding, as from a virtual wire", request().subarray(0, 42)],
    ["with a target's hardware address that is wrong", request({ targetMac: THEIRS })],
    ["through a station that forwards it, to the sender", request({ source: mac("02:00:00:00:00:55") })],
    ["with another speaker's mark", request({ mark: markOf("there") })],
    ["while the address is handed over", request({ targetIp: ip("10.0.0.103") })],
  ])("%s", (_name, frame) => {
    expect(arpAnswer(frame)).toMatchObject({ destination: THEIRS, senderMac: OURS, operation: "reply" });
  });

  it("a probe (RFC 5227): the address is defended by an answer to 0.0.0.0", () => {
    expect(arpAnswer(request({ senderIp: ip("0.0.0.0") }))).toMatchObject({
      senderIp: ip(V4),
      targetIp: ip("0.0.0.0"),
    });
  });

  it.each<[string, Partial<ArpPacket>, boolean]>([
    ["a stranger's probe for what is handed over: he must not have it", { mark: undefined }, true],
    ["not a speaker's: it may", { mark: markOf("there") }, false],
    ["a speaker that asks as a client does", { mark: markOf("there"), senderIp: ip("10.0.0.9") }, true],
    ["a speaker's probe for what is held", { mark: markOf("there"), targetIp: ip(V4) }, true],
  ])("%s", (_name, change, answers) => {
    const probe = { senderIp: ip("0.0.0.0"), targetIp: ip("10.0.0.103"), ...change };
    const { answer } = hear(request(probe), HERE);
    expect(answer !== undefined).toBe(answers);
  });
});

describe("solicitations that are answered", () => {
  it("to the group: a solicited advertisement that overrides, from the target, with our mark", () => {
    expect(ndpAnswer(solicit())).toEqual({
      type: "advertisement",
      destination: THEIRS,
      source: OURS,
      from: ip(V6),
      to: ip("fe80::a"),
      target: ip(V6),
      router: false,
      solicited: true,
      override: true,
      linkAddress: OURS,
      mark: markOf("here"),
    });
  });

  test.each<[string, Uint8Array]>([
    ["to the target itself, which confirms a neighbour", solicit({ destination: OURS, to: ip(V6) })],
    ["without an option, to the station it came from", solicit({ linkAddress: undefined })],
    ["both", solicit({ destination: OURS, to: ip(V6), linkAddress: undefined })],
  ])("%s", (_name, frame) => {
    expect(ndpAnswer(frame)).toMatchObject({ destination: THEIRS, to: ip("fe80::a"), solicited: true });
  });

  it("to the address in the option, where it differs from the station", () => {
    expect(ndpAnswer(solicit({ source: mac("02:00:00:00:00:55") }))).toMatchObject({ destination: THEIRS });
  });

  it("without insisting while the address is handed over", () => {
    const frame = solicit({ target: ip("fd00::1:103"), to: ip("ff02::1:ff01:103") });
    expect(ndpAnswer(frame)).toMatchObject({ solicited: true, override: false });
  });

  it("not to a speaker that asks whether it may have what is handed over", () => {
    const probe = solicit({
      ...{ target: ip("fd00::1:103"), to: ip("ff02::1:ff01:103"), from: ip("::"), linkAddress: undefined },
      mark: markOf("there"),
    });
    expect(hear(probe, HERE)).toMatchObject({ drop: "silent", sign: { what: "probe" } });
  });

  it("duplicate address detection, to all nodes and unsolicited (RFC 4861 section 7.2.4)", () => {
    expect(ndpAnswer(solicit({ from: ip("::"), linkAddress: undefined }))).toMatchObject({
      destination: mac("33:33:00:00:00:01"),
      to: ip("ff02::1"),
      solicited: false,
      override: true,
      linkAddress: OURS,
    });
  });

  test.each<[string, string]>([
    ["linux-ndp-solicitation", "fd99::2"],
    ["linux-ndp-reachability-probe", "fd99::1"],
    ["linux-ndp-duplicate-address-detection", "fd99::2"],
    ["ndisc6-1.0.5-solicitation", "fd99::2"],
    ["linux-arp-request", "10.99.0.2"],
    ["linux-arp-unicast-request", "10.99.0.2"],
    ["arping-2.23-probe", "10.99.0.2"],
  ])("what others send: %s", (name, address) => {
    const frame = hex(readFileSync(join(import.meta.dirname, `../golden/layer2/${name}.hex`), "utf8"));
    const destination = macOf(frame.subarray(0, 6));
    const at = { ...ear([held(address)]), mac: destination % 2 ** 41 >= 2 ** 40 ? OURS : destination };
    expect(hear(frame, at).answer).toBeDefined();
  });
});

const macOf = (octets: Uint8Array): ReturnType<typeof mac> =>
  mac([...octets].map((octet) => octet.toString(16)).join(":"));

describe("signs of somebody else", () => {
  test.each<[string, Uint8Array, string, "announcement" | "probe"]>([
    ["a gratuitous request", request({ senderIp: ip(V4) }), V4, "announcement"],
    ["a gratuitous reply", request({ senderIp: ip(V4), operation: "reply" }), V4, "announcement"],
    ["a reply to us", request({ senderIp: ip(V4), operation: "reply", destination: OURS }), V4, "announcement"],
    [
      "a request for anything, from our address",
      request({ senderIp: ip(V4), targetIp: ip("10.0.0.200") }),
      V4,
      "announcement",
    ],
    ["a probe", request({ senderIp: ip("0.0.0.0") }), V4, "probe"],
    ["an unsolicited advertisement", advertise(), V6, "announcement"],
    ["an advertisement without an option", advertise({ linkAddress: undefined }), V6, "announcement"],
    ["an answer to us", advertise({ destination: OURS, to: ip("fe80::1"), solicited: true }), V6, "announcement"],
    ["a solicitation from our address", solicit({ from: ip(V6) }), V6, "announcement"],
    ["duplicate address detection", solicit({ from: ip("::"), linkAddress: undefined }), V6, "probe"],
  ])("%s", (_name, frame, address, what) => {
    expect(hear(frame, HERE).sign).toMatchObject({ what, mac: THEIRS, mark: undefined, held: { ip: ip(address) } });
  });

  test.each<[string, Uint8Array]>([
    ["a plain request", request()],
    ["a plain solicitation", solicit()],
    ["our own announcement that came back", request({ senderIp: ip(V4), mark: markOf("here") })],
    ["our own advertisement that came back", advertise({ mark: markOf("here") })],
    ["an announcement where the address is not held", request({ senderIp: ip("10.0.0.102") })],
    ["an advertisement where the address is not held", advertise({ target: ip("fd00::1:102") })],
  ])("none: %s", (_name, frame) => {
    expect(hear(frame, HERE).sign).toBeUndefined();
  });

  it("carry the mark of the speaker they come from", () => {
    expect(hear(request({ senderIp: ip(V4), mark: markOf("there") }), HERE).sign?.mark).toBe(markOf("there"));
    expect(hear(advertise({ mark: markOf("there") }), HERE).sign?.mark).toBe(markOf("there"));
  });

  it("who uses one of our addresses and asks for another is heard, and answered", () => {
    const { sign, answer } = hear(request({ senderIp: ip("10.0.0.103") }), HERE);
    expect(sign).toMatchObject({ held: { ip: ip("10.0.0.103") } });
    expect(answer).toBeDefined();
  });
});

describe("whatever comes", () => {
  const frames = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    fc
      .tuple(fc.constantFrom(request(), solicit(), advertise()), fc.nat(120), fc.nat(255))
      .map(([frame, at, value]) => withOctet(frame, at % frame.length, value)),
  );

  it("nothing is thrown, and each frame is either answered or dropped for a reason", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const { answer, drop } = hear(frame, HERE);
        expect((answer === undefined) !== (drop === undefined)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it("an answer speaks only for an address that is held here, from our station, and never to a group but all nodes", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const { answer, asked } = hear(frame, HERE);
        if (answer === undefined) return;
        const said = answer[12] === 0x08 ? decodeArp(answer) : decodeNeighbourMessage(answer);
        const spokenFor = "senderIp" in said ? said.senderIp : said.target;
        expect(asked?.here).toBe(true);
        expect(`${spokenFor}`).toBe(`${asked?.ip}`);
        expect(said.source).toBe(OURS);
        const toGroup = Math.floor(said.destination / 2 ** 40) % 2 === 1;
        if (toGroup) expect(said).toMatchObject({ to: ip("ff02::1"), solicited: false });
      }),
      { numRuns: 5000 },
    );
  });
});
