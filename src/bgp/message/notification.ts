import { Reader } from "../../wire/reader.ts";
import type { Notification } from "../error.ts";
import {
  CEASE,
  ERROR_CODE,
  FSM_ERROR,
  HEADER_ERROR,
  MESSAGE_TYPE,
  OPEN_ERROR,
  ROUTE_REFRESH_ERROR,
  UPDATE_ERROR,
} from "../iana.ts";
import { encodeMessage } from "./header.ts";

/*
 * RFC 4271 section 4.5:   error code (1) | error subcode (1) | data
 */

export function encodeNotification({ code, subcode, data }: Notification): Uint8Array {
  return encodeMessage(MESSAGE_TYPE.notification, (w) => w.u8(code).u8(subcode).bytes(Uint8Array.from(data)));
}

/** @throws ShortReadError */
export function decodeNotification(body: Uint8Array): Notification {
  const r = new Reader(body);
  const code = r.u8();
  return { code, subcode: r.u8(), data: [...r.rest()] };
}

const MAX_COMMUNICATION = 255;

/** A Cease, with a reason for the peer's operator where RFC 9003 has room for one. */
export function cease(subcode: number, communication?: string): Notification {
  const carries = subcode === CEASE.administrativeShutdown || subcode === CEASE.administrativeReset;
  if (communication === undefined || !carries) return { code: ERROR_CODE.cease, subcode, data: [] };
  const text = new TextEncoder().encode(wholeCharacters(communication, MAX_COMMUNICATION));
  return { code: ERROR_CODE.cease, subcode, data: [text.length, ...text] };
}

/** The longest start of the text that fits into `max` octets without cutting a character. */
function wholeCharacters(text: string, max: number): string {
  let kept = "";
  let used = 0;
  for (const character of text) {
    used += new TextEncoder().encode(character).length;
    if (used > max) return kept;
    kept += character;
  }
  return kept;
}

const CODE_WORDS: Record<keyof typeof ERROR_CODE, string> = {
  messageHeader: "Message Header Error",
  openMessage: "OPEN Message Error",
  updateMessage: "UPDATE Message Error",
  holdTimerExpired: "Hold Timer Expired",
  fsm: "Finite State Machine Error",
  cease: "Cease",
  routeRefresh: "ROUTE-REFRESH Message Error",
  sendHoldTimerExpired: "Send Hold Timer Expired",
};

type SubcodeWords<T> = Record<keyof T, string>;

const HEADER_WORDS: SubcodeWords<typeof HEADER_ERROR> = {
  notSynchronized: "Connection Not Synchronized",
  badLength: "Bad Message Length",
  badType: "Bad Message Type",
};
const OPEN_WORDS: SubcodeWords<typeof OPEN_ERROR> = {
  unspecific: "Unspecific",
  unsupportedVersion: "Unsupported Version Number",
  badPeerAs: "Bad Peer AS",
  badIdentifier: "Bad BGP Identifier",
  unsupportedParameter: "Unsupported Optional Parameter",
  authenticationFailure: "Authentication Failure",
  unacceptableHoldTime: "Unacceptable Hold Time",
  unsupportedCapability: "Unsupported Capability",
  roleMismatch: "Role Mismatch",
};
const UPDATE_WORDS: SubcodeWords<typeof UPDATE_ERROR> = {
  malformedAttributeList: "Malformed Attribute List",
  unrecognizedWellKnown: "Unrecognized Well-known Attribute",
  missingWellKnown: "Missing Well-known Attribute",
  attributeFlags: "Attribute Flags Error",
  attributeLength: "Attribute Length Error",
  invalidOrigin: "Invalid ORIGIN Attribute",
  asRoutingLoop: "AS Routing Loop",
  invalidNextHop: "Invalid NEXT_HOP Attribute",
  optionalAttribute: "Optional Attribute Error",
  invalidNetworkField: "Invalid Network Field",
  malformedAsPath: "Malformed AS_PATH",
};
const FSM_WORDS: SubcodeWords<typeof FSM_ERROR> = {
  unspecified: "Unspecified Error",
  openSent: "Unexpected Message in OpenSent",
  openConfirm: "Unexpected Message in OpenConfirm",
  established: "Unexpected Message in Established",
};
const CEASE_WORDS: SubcodeWords<typeof CEASE> = {
  maximumPrefixes: "Maximum Number of Prefixes Reached",
  administrativeShutdown: "Administrative Shutdown",
  peerDeconfigured: "Peer De-configured",
  administrativeReset: "Administrative Reset",
  connectionRejected: "Connection Rejected",
  otherConfigurationChange: "Other Configuration Change",
  connectionCollision: "Connection Collision Resolution",
  outOfResources: "Out of Resources",
  hardReset: "Hard Reset",
  bfdDown: "BFD Down",
};
const REFRESH_WORDS: SubcodeWords<typeof ROUTE_REFRESH_ERROR> = { invalidMessageLength: "Invalid Message Length" };

const byNumber = <K extends string>(numbers: Record<K, number>, words: Record<K, string>): Map<number, string> => {
  const named = new Map<number, string>();
  for (const key in numbers) named.set(numbers[key], words[key]);
  return named;
};

const CODES = byNumber(ERROR_CODE, CODE_WORDS);
const SUBCODES = new Map<number, Map<number, string>>([
  [ERROR_CODE.messageHeader, byNumber(HEADER_ERROR, HEADER_WORDS)],
  [ERROR_CODE.openMessage, byNumber(OPEN_ERROR, OPEN_WORDS)],
  [ERROR_CODE.updateMessage, byNumber(UPDATE_ERROR, UPDATE_WORDS)],
  [ERROR_CODE.fsm, byNumber(FSM_ERROR, FSM_WORDS)],
  [ERROR_CODE.cease, byNumber(CEASE, CEASE_WORDS)],
  [ERROR_CODE.routeRefresh, byNumber(ROUTE_REFRESH_ERROR, REFRESH_WORDS)],
]);

/** `Cease/Administrative Shutdown (6/2): "maintenance"`: the registry's words, the numbers, and the peer's own text. */
export function formatNotification(notification: Notification): string {
  const inner = insideHardReset(notification);
  // What is inside a Hard Reset is not looked into again: a peer could nest them a thousand deep.
  return inner === undefined ? formatPlain(notification) : `${formatPlain(notification)}: ${formatPlain(inner)}`;
}

/** The same words as one token, `cease-administrative-shutdown`; of numbers that no registry has, only that they are unknown. */
export function notificationSlug({ code, subcode }: Notification): string {
  const name = CODES.get(code);
  if (name === undefined) return "unknown-error";
  const detail = SUBCODES.get(code)?.get(subcode);
  return slug(detail === undefined ? name : `${name} ${detail}`);
}

function slug(words: string): string {
  return words.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

function formatPlain(notification: Notification): string {
  const { code, subcode } = notification;
  const name = CODES.get(code) ?? "Unknown Error";
  const detail = SUBCODES.get(code)?.get(subcode);
  const words = detail === undefined ? name : `${name}/${detail}`;
  const text = shutdownCommunication(notification);
  return `${words} (${code}/${subcode})${text === undefined ? "" : `: ${JSON.stringify(text)}`}`;
}

/** RFC 8538 section 3.1: the true code, subcode and data of a Hard Reset; undefined where it carries none. */
function insideHardReset({ code, subcode, data }: Notification): Notification | undefined {
  const [innerCode, innerSubcode, ...innerData] = data;
  if (code !== ERROR_CODE.cease || subcode !== CEASE.hardReset) return undefined;
  if (innerCode === undefined || innerSubcode === undefined) return undefined;
  return { code: innerCode, subcode: innerSubcode, data: innerData };
}

/** The peer's own words (RFC 9003 section 2): a length octet and UTF-8; anything that is not exactly that carries no text. */
function shutdownCommunication({ code, subcode, data }: Notification): string | undefined {
  if (code !== ERROR_CODE.cease) return undefined;
  if (subcode !== CEASE.administrativeShutdown && subcode !== CEASE.administrativeReset) return undefined;
  const [length, ...text] = data;
  if (length === undefined || length === 0 || length > text.length) return undefined;
  return new TextDecoder().decode(Uint8Array.from(text.slice(0, length)));
}
