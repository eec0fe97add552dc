import { sha256 } from "@noble/hashes/sha2.js";
import type { Brand } from "../net/brand.ts";
import type { Reader } from "../wire/reader.ts";
import type { Writer } from "../wire/writer.ts";

/** Says in a frame which speaker sent it: 64 bits of a digest of its node's name. Not a secret and no proof, as in all of ARP. */
export type Mark = Brand<bigint, "Mark">;

/** Octets of a mark in a frame: its magic and the digest. */
const MARK_LENGTH = 14;
/** `herald` in ASCII. */
const MAGIC = { high: 0x6865_7261, low: 0x6c64 } as const;

/** The mark of the speaker of this node. */
export function markOf(node: string): Mark {
  const digest = sha256(new TextEncoder().encode(node)).subarray(0, 8);
  return digest.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) as Mark;
}

/** What is there if it is a mark; anything else is undefined, padding is free to be anything. */
export function readMark(r: Reader): Mark | undefined {
  if (r.remaining < MARK_LENGTH) return undefined;
  if (r.u32() !== MAGIC.high || r.u16() !== MAGIC.low) return undefined;
  const high = BigInt(r.u32());
  return ((high << 32n) | BigInt(r.u32())) as Mark;
}

/** Writes `MARK_LENGTH` octets. */
export function writeMark(w: Writer, mark: Mark): Writer {
  return w
    .u32(MAGIC.high)
    .u16(MAGIC.low)
    .u32(Number(mark >> 32n))
    .u32(Number(mark & 0xffff_ffffn));
}
