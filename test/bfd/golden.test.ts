import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodePacket, encodePacket, formatPacket } from "../../src/bfd/packet.ts";
import { hex } from "../support/hex.ts";

const ROOT = join(import.meta.dirname, "../golden/bfd");
const files = readdirSync(ROOT).filter((file) => file.endsWith(".hex"));

describe("packets of other implementations", () => {
  it("has found them", () => {
    expect(files).toHaveLength(8);
  });

  it.each(files)("%s decodes to the JSON beside it, and our encoder writes the same octets", (file) => {
    const bytes = hex(readFileSync(join(ROOT, file), "utf8"));
    const packet = decodePacket(bytes);
    const got = { ...packet, words: formatPacket(packet) };
    const path = join(ROOT, file.replace(/hex$/, "json"));
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, `${JSON.stringify(got, null, 2)}\n`);
    expect(JSON.parse(JSON.stringify(got))).toEqual(JSON.parse(readFileSync(path, "utf8")));
    expect([...encodePacket(packet)]).toEqual([...bytes]);
  });
});
