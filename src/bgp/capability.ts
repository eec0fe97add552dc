import { CodedError } from "../wire/errors.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import {
  type AddPathFamily,
  addPath,
  type ExtendedNextHopFamily,
  extendedNextHop,
  families,
  outboundRouteFilter,
  type RouteFilterFamily,
} from "./capability/families.ts";
import { type HostName, hostName, softwareVersion } from "./capability/names.ts";
import {
  type GracefulRestart,
  gracefulRestart,
  type LongLivedFamily,
  longLivedGracefulRestart,
} from "./capability/restart.ts";
import { role } from "./capability/role.ts";
import { type CapabilitySpec, flag } from "./capability/spec.ts";
import { MalformedCapabilityError, NotificationError } from "./error.ts";
import type { AfiSafi } from "./family.ts";
import { CAPABILITY } from "./iana.ts";
import { hexDigits } from "./octets.ts";

/** A capability we do not know, or whose value we cannot read: kept, so that it can be shown. */
interface UnknownCapability {
  readonly code: number;
  readonly value: readonly number[];
}

/** What an OPEN offers. Adding a key to `KnownCapabilities` without a row below does not compile. */
export interface Capabilities extends KnownCapabilities {
  readonly unknown?: readonly UnknownCapability[];
}

interface KnownCapabilities {
  /** RFC 4760 section 8. */
  readonly families?: readonly AfiSafi[];
  /** RFC 2918. */
  readonly routeRefresh?: true;
  /** RFC 5291. */
  readonly outboundRouteFilter?: readonly RouteFilterFamily[];
  /** RFC 8950. */
  readonly extendedNextHop?: readonly ExtendedNextHopFamily[];
  /** RFC 8654. */
  readonly extendedMessage?: true;
  /** RFC 9234. */
  readonly role?: number;
  /** RFC 4724. */
  readonly gracefulRestart?: GracefulRestart;
  /** RFC 6793: the value is the sender's AS number. */
  readonly fourOctetAsn?: number;
  /** RFC 7911. */
  readonly addPath?: readonly AddPathFamily[];
  /** RFC 7313. */
  readonly enhancedRouteRefresh?: true;
  /** RFC 9494. */
  readonly longLivedGracefulRestart?: readonly LongLivedFamily[];
  readonly hostName?: HostName;
  readonly softwareVersion?: string;
  /** draft-ietf-idr-linklocal-capability: a link-local address may be the only next hop. */
  readonly linkLocalNextHop?: true;
}

/** The order is the order of sending: what every router knows first, what may be left out last. */
const CAPABILITIES: { readonly [K in keyof KnownCapabilities]-?: CapabilitySpec<NonNullable<KnownCapabilities[K]>> } = {
  families,
  routeRefresh: flag(CAPABILITY.routeRefresh, "route-refresh"),
  outboundRouteFilter,
  extendedNextHop,
  extendedMessage: flag(CAPABILITY.extendedMessage, "extended-message"),
  role,
  gracefulRestart,
  fourOctetAsn: {
    code: CAPABILITY.fourOctetAsn,
    onMalformed: "refuse",
    decode: (r) => r.u32(),
    encode: (asn) => [(w) => void w.u32(asn)],
    format: (asn) => `four-octet-as ${asn}`,
  },
  addPath,
  enhancedRouteRefresh: flag(CAPABILITY.enhancedRouteRefresh, "enhanced-route-refresh"),
  longLivedGracefulRestart,
  hostName,
  softwareVersion,
  linkLocalNextHop: flag(CAPABILITY.linkLocalNextHop, "link-local-next-hop"),
};

type AnySpec = CapabilitySpec<never> & { decode(r: Reader, before: unknown): unknown };
const ROWS = Object.entries(CAPABILITIES) as [keyof KnownCapabilities, AnySpec][];
const BY_CODE = new Map(ROWS.map(([key, spec]) => [spec.code, [key, spec] as const]));

/**
 * Reads code, length, value triples to the end of the window, adding to `before`.
 * @throws ShortReadError MalformedCapabilityError NotificationError
 */
export function decodeCapabilities(r: Reader, before: Capabilities = {}): Capabilities {
  const found: Record<string, unknown> = { ...before };
  const unknown: UnknownCapability[] = [...(before.unknown ?? [])];
  while (r.remaining > 0) {
    const code = r.u8();
    const value = r.bytes(r.u8());
    const row = BY_CODE.get(code);
    if (row === undefined || !understood(found, row, value)) unknown.push({ code, value: [...value] });
  }
  return unknown.length > 0 ? { ...found, unknown } : found;
}

/** Reads one value into `found`; false when it is malformed and does not matter enough to refuse the OPEN. */
function understood(
  found: Record<string, unknown>,
  [key, spec]: readonly [string, AnySpec],
  bytes: Uint8Array,
): boolean {
  try {
    const r = new Reader(bytes);
    const value = spec.decode(r, found[key]);
    if (r.remaining > 0 && spec.onMalformed === "keep") {
      throw new MalformedCapabilityError(`${key}: ${r.remaining} octet(s) left over`);
    }
    found[key] = value;
    return true;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    if (error instanceof NotificationError || spec.onMalformed === "refuse") throw error;
    return false;
  }
}

/** Writes the known ones in the order of the table, then those we only kept. */
function encodeCapabilities(w: Writer, capabilities: Capabilities): void {
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
  const unknown = (capabilities.unknown ?? []).map(({ code, value }) =>
    value.length === 0 ? `capability ${code}` : `capability ${code} ${hexDigits(value)}`,
  );
  return [...known, ...unknown];
}

/** The capabilities' octets alone, as an OPEN's parameter and the data of NOTIFICATION 2/7 carry them. */
export function capabilityBytes(capabilities: Capabilities): Uint8Array {
  const w = new Writer();
  encodeCapabilities(w, capabilities);
  return w.finish();
}
