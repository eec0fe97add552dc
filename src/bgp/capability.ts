import type { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { type AfiSafi, formatAfiSafi } from "./family.ts";
import { CAPABILITY } from "./iana.ts";

/** A capability we do not know: kept, so that it can be shown. */
interface UnknownCapability {
  readonly code: number;
  readonly value: readonly number[];
}

/** What an OPEN offers. Adding a key to `KnownCapabilities` without a row below does not compile. */
export interface Capabilities extends KnownCapabilities {
  readonly unknown?: readonly UnknownCapability[];
}

interface KnownCapabilities {
  /** RFC 4760 section 8: one capability per family. */
  readonly families?: readonly AfiSafi[];
  /** RFC 2918. */
  readonly routeRefresh?: true;
  /** RFC 6793: the value is the sender's AS number. */
  readonly fourOctetAsn?: number;
}

interface CapabilitySpec<T> {
  readonly code: number;
  /** Reads one capability; `before` is what earlier ones of the same code gave (RFC 5492 section 4 allows several). */
  decode(r: Reader, before: T | undefined): T;
  /** One body per capability to write. */
  encode(value: T): readonly ((w: Writer) => void)[];
  format(value: T): string;
}

const CAPABILITIES: { readonly [K in keyof KnownCapabilities]-?: CapabilitySpec<NonNullable<KnownCapabilities[K]>> } = {
  families: {
    code: CAPABILITY.multiprotocol,
    decode(r, before = []) {
      const afi = r.u16();
      r.u8();
      const safi = r.u8();
      return before.some((f) => f.afi === afi && f.safi === safi) ? before : [...before, { afi, safi }];
    },
    encode: (families) =>
      families.map(
        ({ afi, safi }) =>
          (w: Writer) =>
            void w.u16(afi).u8(0).u8(safi),
      ),
    format: (families) => families.map(formatAfiSafi).join(" "),
  },
  routeRefresh: {
    code: CAPABILITY.routeRefresh,
    decode: () => true,
    encode: () => [() => {}],
    format: () => "route-refresh",
  },
  fourOctetAsn: {
    code: CAPABILITY.fourOctetAsn,
    decode: (r) => r.u32(),
    encode: (asn) => [(w: Writer) => void w.u32(asn)],
    format: (asn) => `four-octet-as ${asn}`,
  },
};

type AnySpec = CapabilitySpec<never> & { decode(r: Reader, before: unknown): unknown };
const ROWS = Object.entries(CAPABILITIES) as [keyof KnownCapabilities, AnySpec][];
const BY_CODE = new Map(ROWS.map(([key, spec]) => [spec.code, [key, spec] as const]));

/** Reads code, length, value triples to the end of the window, adding to `before`. @throws ShortReadError */
export function decodeCapabilities(r: Reader, before: Capabilities = {}): Capabilities {
  const found: Record<string, unknown> = { ...before };
  const unknown: UnknownCapability[] = [...(before.unknown ?? [])];
  while (r.remaining > 0) {
    const code = r.u8();
    const value = r.window(r.u8());
    const row = BY_CODE.get(code);
    if (row === undefined) unknown.push({ code, value: [...value.rest()] });
    else found[row[0]] = row[1].decode(value, found[row[0]]);
  }
  return unknown.length > 0 ? { ...found, unknown } : found;
}

/** Writes the known ones in the order of the table, then those we only kept. */
export function encodeCapabilities(w: Writer, capabilities: Capabilities): void {
  for (const [key, spec] of ROWS) {
    const value = capabilities[key];
    if (value === undefined) continue;
    for (const body of spec.encode(value as never)) w.u8(spec.code).lengthPrefixed8(body);
  }
  for (const { code, value } of capabilities.unknown ?? []) {
    w.u8(code).lengthPrefixed8((body) => body.bytes(Uint8Array.from(value)));
  }
}

/** One phrase per capability, for people. */
export function formatCapabilities(capabilities: Capabilities): readonly string[] {
  const known = ROWS.flatMap(([key, spec]) => {
    const value = capabilities[key];
    return value === undefined ? [] : [spec.format(value as never)];
  });
  return [...known, ...(capabilities.unknown ?? []).map(({ code }) => `capability ${code}`)];
}

/** The capabilities' octets alone, as the data of NOTIFICATION 2/7 carries them. */
export function capabilityBytes(capabilities: Capabilities): Uint8Array {
  const w = new Writer();
  encodeCapabilities(w, capabilities);
  return w.finish();
}
