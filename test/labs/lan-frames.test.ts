import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { macText, parseMac, question, readSaying } from "../../labs/runner/lan-frames.ts";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { hex } from "../support/hex.ts";

// Frames that Linux 6.18 sent over a veth pair between 02:00:00:00:00:0a (10.9.0.1, fd09::1) and 02:00:00:00:00:0b (10.9.0.2, fd09::2).
const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const KERNEL = {
  request: "ffffffffffff02000000000a0806000108000604000102000000000a0a0900010000000000000a090002",
  reply: "02000000000a02000000000b0806000108000604000202000000000b0a09000202000000000a0a090001",
  gratuitous: "ffffffffffff02000000000a0806000108000604000102000000000a0a0900010000000000000a090001",
  solicitation:
    "3333ff00000202000000000a86dd6000000000203afffd090000000000000000000000000001ff0200000000000000000001ff00000287007d7c00000000fd090000000000000000000000000002010102000000000a",
  advertisement:
    "02000000000a02000000000b86dd6000000000203afffd090000000000000000000000000002fd09000000000000000000000000000188001c7660000000fd090000000000000000000000000002020102000000000b",
  unsolicited:
    "33330000000102000000000a86dd6000000000203afffd090000000000000000000000000001ff02000000000000000000000000000188005a8020000000fd090000000000000000000000000001020102000000000a",
  detection:
    "3333ff00000102000000000a86dd6000000000203aff00000000000000000000000000000000ff0200000000000000000001ff0000018700bd2700000000fd0900000000000000000000000000010e0113e6eb74b310",
  routerSolicitation:
    "33330000000202000000000a86dd6000000000103afffe80000000000000000000fffe00000aff02000000000000000000000000000285007b1a00000000010102000000000a",
};

describe("readSaying reads what a kernel says of addresses", () => {
  test.each([
    ["an ARP request", KERNEL.request, { kind: "question", ip: "10.9.0.2", mac: A }],
    ["an ARP reply", KERNEL.reply, { kind: "answer", ip: "10.9.0.2", mac: B }],
    ["a gratuitous ARP request", KERNEL.gratuitous, { kind: "announcement", ip: "10.9.0.1", mac: A }],
    [
      "an ARP probe, RFC 5227 section 2.1.1",
      KERNEL.request.replace("0a090001", "00000000"),
      { kind: "probe", ip: "10.9.0.2", mac: A },
    ],
    ["a neighbour solicitation", KERNEL.solicitation, { kind: "question", ip: "fd09::2", mac: A }],
    ["a solicited advertisement", KERNEL.advertisement, { kind: "answer", ip: "fd09::2", mac: B }],
    ["an unsolicited advertisement", KERNEL.unsolicited, { kind: "announcement", ip: "fd09::1", mac: A }],
    ["duplicate address detection", KERNEL.detection, { kind: "probe", ip: "fd09::1", mac: A }],
    ["a router solicitation is not about an address", KERNEL.routerSolicitation, undefined],
    ["a solicitation that was forwarded, hop limit 254", KERNEL.solicitation.replace("3aff", "3afe"), undefined],
    ["an ARP message that is cut off", KERNEL.reply.slice(0, 80), undefined],
    ["an operation that is neither", KERNEL.reply.replace("06040002", "06040003"), undefined],
    ["nothing", "", undefined],
  ])("%s", (_name, frame, saying) => {
    expect(readSaying(hex(frame))).toEqual(saying);
  });

  test("no octets whatever make it throw", () => {
    const frame = fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated(KERNEL.advertisement), mutated(KERNEL.reply));
    fc.assert(fc.property(frame, (bytes) => readSaying(bytes) === undefined || readSaying(bytes) !== undefined));
  });
});

function mutated(sent: string): fc.Arbitrary<Uint8Array> {
  const frame = hex(sent);
  return fc.tuple(fc.nat(frame.length - 1), fc.nat(255)).map(([at, octet]) => {
    const bytes = frame.slice();
    bytes[at] = octet;
    return bytes;
  });
}

describe("question asks as the kernel does", () => {
  test.each([
    ["ARP, padded to the shortest frame", "10.9.0.1", "10.9.0.2", `${KERNEL.request}${"00".repeat(18)}`],
    ["a neighbour solicitation, with its checksum", "fd09::1", "fd09::2", KERNEL.solicitation],
  ])("%s", (_name, own, target, sent) => {
    const [ip, wanted, mac] = [parseIpAddress(own), parseIpAddress(target), parseMac(A)];
    if (ip === undefined || wanted === undefined || mac === undefined) throw new Error("bad row");
    expect(question({ mac, ip }, wanted)).toEqual(hex(sent));
  });
});

test("parseMac reads what macText writes, and nothing else", () => {
  expect(parseMac(A)).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 10));
  expect(macText(Uint8Array.of(2, 0, 0, 0, 0, 10))).toBe(A);
  for (const text of ["", "02:00:00:00:00", "02:00:00:00:00:0g", `${A}:0b`]) expect(parseMac(text)).toBeUndefined();
});
