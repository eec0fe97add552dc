import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BriefSha256 } from "../../src/layer2/brief-sha256.ts";

describe("the first 48 bits of SHA-256", () => {
  test.each([
    // FIPS 180-4 examples, as NIST publishes them, and the empty text.
    ["", 0xe3b0c44298fc],
    ["abc", 0xba7816bf8f01],
    // Reference 6.2: MetalLB's own.
    ["iris1#10.20.30.1", 0xe42ad61a4159],
    ["kind-worker2#fc00:f853:ccd:e799::1", 0x37483744fe80],
  ])("%s", (text, leading) => {
    expect(new BriefSha256().leading(text)).toBe(leading);
  });

  test("are those of the whole digest for every text that fits, whatever was hashed before", () => {
    const brief = new BriefSha256();
    const ascii = fc.string({ unit: "binary-ascii", maxLength: 55 });
    fc.assert(
      fc.property(ascii, (text) => {
        const whole = Buffer.from(sha256(new TextEncoder().encode(text)));
        expect(brief.leading(text)).toBe(whole.readUIntBE(0, 6));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ["56 characters", "x".repeat(56)],
    ["not ASCII", "knoten-ü#10.0.0.1"],
  ])("are not given for %s", (_, text) => {
    expect(new BriefSha256().leading(text)).toBeUndefined();
  });
});
