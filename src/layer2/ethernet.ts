import { type IpAddress, maxAddressValue } from "../net/ip-address.ts";
import { type MacAddress, macFromParts, macParts } from "../net/mac-address.ts";
import { ShortReadError } from "../wire/errors.ts";
import type { Reader } from "../wire/reader.ts";
import type { Writer } from "../wire/writer.ts";
import { FrameRefused } from "./error.ts";

/** Octets before the payload. */
export const ETHERNET_HEADER = 14;
/** The least of a frame, without its check sequence: shorter ones are padded. */
export const LEAST_FRAME = 60;

/** The stations of a frame. */
export interface Stations {
  readonly destination: MacAddress;
  readonly source: MacAddress;
}

/** Reads six octets. */
export function readMac(r: Reader): MacAddress {
  const high = r.u16();
  return macFromParts(high, r.u32());
}

/** Writes six octets. */
export function writeMac(w: Writer, mac: MacAddress): Writer {
  const { high, low } = macParts(mac);
  return w.u16(high).u32(low);
}

/** Reads a header that must announce this type of payload. @throws FrameRefused, ShortReadError */
export function readStations(r: Reader, etherType: number): Stations {
  const destination = readMac(r);
  const source = readMac(r);
  if (r.u16() !== etherType) throw new FrameRefused("malformed");
  return { destination, source };
}

/** Writes a header. */
export function writeStations(w: Writer, { destination, source }: Stations, etherType: number): Writer {
  return writeMac(writeMac(w, destination), source).u16(etherType);
}

/** RFC 2464 section 7: 33:33 and the low 32 bits. */
export function multicastMac(group: IpAddress): MacAddress {
  return macFromParts(0x3333, Number(group.value & maxAddressValue(4)));
}

/** Runs a decoder; a frame that ends too soon is malformed. @throws FrameRefused */
export function whole<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof ShortReadError) throw new FrameRefused("malformed", { cause });
    throw cause;
  }
}
