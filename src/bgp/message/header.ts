import { Writer } from "../../wire/writer.ts";
import type { CodecContext } from "../codec-context.ts";

/*
 * RFC 4271 section 4.1:   16 octets of ones | length (2) | type (1)
 */
export const MARKER_LENGTH = 16;
export const HEADER_LENGTH = 19;
export const MAX_MESSAGE_LENGTH = 4096;
/** RFC 8654: all but OPEN and KEEPALIVE, where it was agreed on. */
export const EXTENDED_MESSAGE_LENGTH = 65535;

/** The longest UPDATE this peer takes. */
export function longestMessage({ extendedMessages }: Pick<CodecContext, "extendedMessages">): number {
  return extendedMessages === true ? EXTENDED_MESSAGE_LENGTH : MAX_MESSAGE_LENGTH;
}

/** Wraps a body into a whole message. */
export function encodeMessage(type: number, body: (w: Writer) => void): Uint8Array {
  const w = new Writer();
  w.u32(0xffffffff).u32(0xffffffff).u32(0xffffffff).u32(0xffffffff).u16(0).u8(type);
  body(w);
  const bytes = w.finish();
  bytes[MARKER_LENGTH] = bytes.length >>> 8;
  bytes[MARKER_LENGTH + 1] = bytes.length;
  return bytes;
}
