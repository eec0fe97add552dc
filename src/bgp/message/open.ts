import { Reader } from "../../wire/reader.ts";
import type { Writer } from "../../wire/writer.ts";
import { type Capabilities, capabilityBytes, decodeCapabilities, formatCapabilities } from "../capability.ts";
import { decoding, MalformedOpenError, UnsupportedOptionalParameterError, UnsupportedVersionError } from "../error.ts";
import { MESSAGE_TYPE, OPEN_PARAMETER } from "../iana.ts";
import { formatRouterId } from "../router-id.ts";
import { encodeMessage } from "./header.ts";

/*
 * RFC 4271 section 4.2:
 *   version (1) | my AS (2) | hold time (2) | BGP identifier (4) | parameters' length (1) | parameters
 * RFC 9072 section 2: when the first parameter's type is 255, lengths of two octets follow.
 */

/** An OPEN as it is on the wire; what it means is decided by `negotiate`. */
export interface Open {
  /** The two-octet field: AS_TRANS when the real number does not fit. */
  readonly myAs: number;
  readonly holdTime: number;
  readonly identifier: number;
  readonly capabilities: Capabilities;
}

const VERSION = 4;

/** What parameters may take where their length is one octet, and what one parameter's own head takes of that. */
const LONGEST_PARAMETERS = 255;
const PARAMETER_HEAD = 2;

/** Writes all capabilities into one parameter, as MetalLB and most routers do. */
export function encodeOpen(open: Open): Uint8Array {
  return encodeMessage(MESSAGE_TYPE.open, (w) => {
    w.u8(VERSION).u16(open.myAs).u16(open.holdTime).u32(open.identifier);
    const capabilities = capabilityBytes(open.capabilities);
    if (capabilities.length > LONGEST_PARAMETERS - PARAMETER_HEAD) writeExtended(w, capabilities);
    else w.lengthPrefixed8((parameters) => writeParameter(parameters, capabilities));
  });
}

function writeParameter(w: Writer, capabilities: Uint8Array): void {
  if (capabilities.length === 0) return;
  w.u8(OPEN_PARAMETER.capabilities).lengthPrefixed8((body) => body.bytes(capabilities));
}

/** RFC 9072 section 2. The first octet could be any but 0: FRR 8.4 and BIRD want it to be 255. */
function writeExtended(w: Writer, capabilities: Uint8Array): void {
  w.u8(LONGEST_PARAMETERS).u8(OPEN_PARAMETER.extendedLength);
  w.lengthPrefixed16((parameters) => {
    parameters.u8(OPEN_PARAMETER.capabilities).lengthPrefixed16((body) => body.bytes(capabilities));
  });
}

/** @throws NotificationError with the subcode of RFC 4271 section 6.2 */
export function decodeOpen(body: Uint8Array): Open {
  return decoding(
    () => readOpen(new Reader(body)),
    (message, options) => new MalformedOpenError(message, options),
  );
}

function readOpen(r: Reader): Open {
  const version = r.u8();
  if (version !== VERSION) throw new UnsupportedVersionError(version);
  const fixed = { myAs: r.u16(), holdTime: r.u16(), identifier: r.u32() };
  const capabilities = readParameters(r);
  if (r.remaining > 0) throw new MalformedOpenError(`${r.remaining} octet(s) behind the parameters`);
  return { ...fixed, capabilities };
}

function readParameters(r: Reader): Capabilities {
  const length = r.u8();
  if (length === 0) return {};
  const first = r.u8();
  // RFC 9072 section 2: the type octet decides, whatever the length octet says.
  if (first === OPEN_PARAMETER.extendedLength) return readList(r.window(r.u16()), undefined, true);
  return readList(r.window(length - 1), first, false);
}

function readList(r: Reader, firstType: number | undefined, extended: boolean): Capabilities {
  let capabilities: Capabilities = {};
  let type = firstType;
  while (type !== undefined || r.remaining > 0) {
    type ??= r.u8();
    const value = r.window(extended ? r.u16() : r.u8());
    if (type !== OPEN_PARAMETER.capabilities) throw new UnsupportedOptionalParameterError(type);
    capabilities = decodeCapabilities(value, capabilities);
    type = undefined;
  }
  return capabilities;
}

export function formatOpen(open: Open): string {
  const capabilities = formatCapabilities(open.capabilities).join(", ");
  return `OPEN AS ${open.myAs} hold ${open.holdTime} id ${formatRouterId(open.identifier)} (${capabilities})`;
}
