import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { VERSION } from "./iana.ts";
import { type Discriminator, discriminator } from "./packet.ts";

/** What an echo packet of ours says to ourselves. */
export interface EchoPacket {
  readonly discriminator: Discriminator;
  readonly sequence: number;
}

/** FRR sends nothing shorter back, and reads a version, a length and a discriminator at the front. */
const LENGTH = 24;

/** The payload is the sender's own business (RFC 5880 section 5). */
export function encodeEcho({ discriminator: own, sequence }: EchoPacket): Uint8Array {
  const writer = new Writer()
    .u8(VERSION)
    .u8(LENGTH)
    .u16(0)
    .u32(own)
    .u32(sequence >>> 0);
  return writer.u32(0).u32(0).u32(0).finish();
}

/** Undefined for what is not one of ours. */
export function decodeEcho(payload: Uint8Array): EchoPacket | undefined {
  if (payload.length !== LENGTH) return undefined;
  const r = new Reader(payload);
  if (r.u8() !== VERSION || r.u8() !== LENGTH || r.u16() !== 0) return undefined;
  const own = discriminator(r.u32());
  return own === undefined ? undefined : { discriminator: own, sequence: r.u32() };
}
