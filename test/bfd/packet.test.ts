import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { PacketRefused, type Refusal } from "../../src/bfd/error.ts";
import { decodePacket, discriminator, encodePacket, formatPacket } from "../../src/bfd/packet.ts";
import { hex } from "../support/hex.ts";
import { anyPacket, known, packet } from "./values.ts";

/** Up, to discriminator 0x11223344, 60 ms and 50 ms, three times: FRR's own. */
const GOOD = "20c00318 40357b0b 11223344 0000ea60 0000c350 0000c350";

function withOctet(at: number, value: number): Uint8Array {
  const bytes = hex(GOOD);
  bytes[at] = value;
  return bytes;
}

function refusalOf(bytes: Uint8Array): Refusal | undefined {
  try {
    decodePacket(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof PacketRefused) return error.refusal;
    throw error;
  }
}

describe("decodePacket() asks what RFC 5880 6.8.6 asks", () => {
  test.each<[string, Uint8Array, Refusal | undefined]>([
    ["version 0", withOctet(0, 0x00), "version"],
    ["version 2", withOctet(0, 0x40), "version"],
    ["version 2 in a single octet", Uint8Array.of(0x40), "version"],
    ["no octet at all", new Uint8Array(0), "too-short"],
    ["23 octets", hex(GOOD).subarray(0, 23), "too-short"],
    ["a length of 23", withOctet(3, 23), "too-short"],
    ["a length of 24 with authentication", withOctet(1, 0xc4), "too-short"],
    ["a length of 25 with authentication", hex(`20c40319 ${GOOD.slice(9)} 00`), "too-short"],
    ["a length beyond the datagram", withOctet(3, 25), "length-beyond-payload"],
    ["multiplier zero", withOctet(2, 0), "multiplier-zero"],
    ["multipoint", withOctet(1, 0xc1), "multipoint"],
    ["my discriminator zero", hex("20c00318 00000000 11223344 0000ea60 0000c350 0000c350"), "my-discriminator-zero"],
    ["up to nobody", hex("20c00318 40357b0b 00000000 0000ea60 0000c350 0000c350"), "your-discriminator-zero"],
    ["init to nobody", hex("20800318 40357b0b 00000000 0000ea60 0000c350 0000c350"), "your-discriminator-zero"],
    ["down to nobody", hex("20400318 40357b0b 00000000 0000ea60 0000c350 0000c350"), undefined],
    ["admin-down to nobody", hex("20000318 40357b0b 00000000 0000ea60 0000c350 0000c350"), undefined],
    ["octets after the packet", hex(`${GOOD} ffff`), undefined],
  ])("%s", (_name, bytes, refusal) => {
    expect(refusalOf(bytes)).toBe(refusal);
  });

  test.each<[string, Uint8Array, Refusal]>([
    ["version before length", withOctet(0, 0x40).subarray(0, 10), "version"],
    ["length before multiplier", hex("20c00017 40357b0b 11223344 0000ea60 0000c350 0000c350"), "too-short"],
    [
      "payload before multiplier",
      hex("20c00019 40357b0b 11223344 0000ea60 0000c350 0000c350"),
      "length-beyond-payload",
    ],
    ["multiplier before multipoint", hex("20c10018 40357b0b 11223344 0000ea60 0000c350 0000c350"), "multiplier-zero"],
    ["multipoint before my discriminator", hex("20c10318 00000000 11223344 0000ea60 0000c350 0000c350"), "multipoint"],
    ["mine before yours", hex("20c00318 00000000 00000000 0000ea60 0000c350 0000c350"), "my-discriminator-zero"],
  ])("in its order: %s", (_name, bytes, refusal) => {
    expect(refusalOf(bytes)).toBe(refusal);
  });

  it("tells that an authentication section follows, and leaves it alone", () => {
    const bytes = hex("20c4031a 40357b0b 11223344 0000ea60 0000c350 0000c350 0103");
    expect(decodePacket(bytes)).toMatchObject({ authenticated: true, state: "up" });
  });

  it("takes a diagnostic without a name for none", () => {
    expect(decodePacket(withOctet(0, 0x3f)).diagnostic).toBe("none");
  });
});

describe("codec properties", () => {
  it("reads what it wrote", () => {
    fc.assert(
      fc.property(anyPacket, (p) => {
        expect(decodePacket(encodePacket(p))).toEqual(p);
      }),
    );
  });

  it("throws nothing but a refusal, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        refusalOf(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it("writes again what it accepted with one octet changed", () => {
    fc.assert(
      fc.property(anyPacket, fc.nat(23), fc.nat(255), (p, at, value) => {
        const bytes = encodePacket(p);
        bytes[at] = value;
        if (refusalOf(bytes) !== undefined) return;
        const read = decodePacket(bytes);
        expect(decodePacket(encodePacket(read))).toEqual({ ...read, authenticated: false });
      }),
      { numRuns: 2000 },
    );
  });
});

describe("discriminator()", () => {
  test.each([[0], [-1], [2 ** 32], [1.5], [Number.NaN]])("%d is none", (n) => {
    expect(discriminator(n)).toBeUndefined();
  });
  test.each([[1], [2 ** 32 - 1]])("%d is one", (n) => {
    expect(discriminator(n)).toBe(n);
  });
});

test("formatPacket() says the flags, the ends and the intervals", () => {
  expect(formatPacket(packet({ state: "up", poll: true, yourDiscriminator: known(5) }))).toBe(
    "up P (none) 9 to 5, tx/rx/echo 1000/100/0 ms x 3",
  );
  expect(formatPacket(packet({ final: true, demand: true }))).toContain("down F D (none) 9 to 0");
});
