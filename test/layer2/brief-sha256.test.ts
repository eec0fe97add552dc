import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BriefSha256 } from "../../src/layer2/brief-sha256.ts";

describe("the first 48 bits of SHA-256", () => {
  // Reference 6.2: MetalLB's own.
  test.each([
    ["iris1", "10.20.30.1", 0xe42ad61a4159],
    ["iris2", "10.20.30.2", 0x6429fb4c07ee],
    ["kind-worker2", "fc00:f853:ccd:e799::1", 0x37483744fe80],
  ])("of %s#%s", (node, address, leading) => {
    expect(new BriefSha256().leading(node, address)).toBe(leading);
  });

  test("are those of the whole digest for all that fits, whatever was hashed before", () => {
    const brief = new BriefSha256();
    const ascii = fc.string({ unit: "binary-ascii", maxLength: 27 });
    fc.assert(
      fc.property(ascii, ascii, (head, tail) => {
        const whole = Buffer.from(sha256(new TextEncoder().encode(`${head}#${tail}`)));
        expect(brief.leading(head, tail)).toBe(whole.readUIntBE(0, 6));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ["56 characters", "x".repeat(30), "y".repeat(25)],
    ["a node that is not ASCII", "knoten-ü", "10.0.0.1"],
    ["an address that is not ASCII", "a", "10.0.0.١"],
  ])("are not given for %s", (_, head, tail) => {
    const brief = new BriefSha256();
    expect(brief.leading(head, tail)).toBeUndefined();
    expect(brief.leading("iris1", "10.20.30.1")).toBe(0xe42ad61a4159);
  });
});
