import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type ArpPacket, decodeArp, encodeArp } from "../../src/layer2/arp.ts";
import { decodeNeighbourMessage, encodeNeighbourMessage, type NeighbourMessage } from "../../src/layer2/ndp.ts";
import { formatMac, macFromParts } from "../../src/net/mac-address.ts";
import { hex } from "../support/hex.ts";

const ROOT = join(import.meta.dirname, "../golden/layer2");
const files = readdirSync(ROOT).filter((file) => file.endsWith(".hex"));

/** With hardware addresses as people read them. */
function readable(message: ArpPacket | NeighbourMessage): unknown {
  const macs = new Set(["destination", "source", "senderMac", "targetMac", "linkAddress"]);
  return JSON.parse(
    JSON.stringify(message, (key, value) =>
      typeof value === "number" && macs.has(key) ? formatMac(macFromParts(0, value)) : value,
    ),
  );
}

describe("frames of other implementations", () => {
  it("has found them", () => {
    expect(files).toHaveLength(16);
  });

  it.each(files)("%s decodes to the JSON beside it, and our encoder writes the same octets", (file) => {
    const bytes = hex(readFileSync(join(ROOT, file), "utf8"));
    const message = bytes[12] === 0x08 ? decodeArp(bytes) : decodeNeighbourMessage(bytes);
    const path = join(ROOT, file.replace(/hex$/, "json"));
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, `${JSON.stringify(readable(message), null, 2)}\n`);
    expect(readable(message)).toEqual(JSON.parse(readFileSync(path, "utf8")));
    if ("senderMac" in message) {
      // Padding is ours to add.
      const written = encodeArp(message);
      expect([...written]).toEqual([...bytes, ...new Uint8Array(60)].slice(0, 60));
    } else if (!/detection|ndisc6/.test(file)) {
      // Nonces and flow labels are not kept.
      expect([...encodeNeighbourMessage(message)]).toEqual([...bytes]);
    }
  });
});
