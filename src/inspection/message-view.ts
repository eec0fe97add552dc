import type { CodecContext } from "../bgp/codec-context.ts";
import { MESSAGE_TYPE } from "../bgp/iana.ts";
import type { KeptMessage } from "../bgp/journal.ts";
import { HEADER_LENGTH } from "../bgp/message/header.ts";
import { decodeNotification, formatNotification } from "../bgp/message/notification.ts";
import { decodeOpen, formatOpen } from "../bgp/message/open.ts";
import { decodeUpdate, formatUpdate } from "../bgp/message/update.ts";
import { hexDigits } from "../bgp/octets.ts";
import { CodedError } from "../wire/errors.ts";

/** A message that passed over a session. */
export interface MessageItem {
  readonly node: string;
  readonly peer: string;
  readonly seq: number;
  readonly at: string;
  /** Tells the connections of a session apart. */
  readonly connection: number;
  readonly direction: "in" | "out";
  readonly words: string;
  /** The whole message in hexadecimal digits. */
  readonly octets: string;
}

/** A session that nothing is known of reads as most are: four-octet AS numbers, no path identifiers. */
const USUAL: CodecContext = { internal: false, fourOctetAsn: true };

export function messageItem(
  { node, peer, at }: { readonly node: string; readonly peer: string; readonly at: string },
  { seq, connection, direction, bytes }: KeptMessage,
  cx: CodecContext = USUAL,
): MessageItem {
  return { node, peer, seq, at, connection, direction, words: wordsOf(bytes, cx), octets: hexDigits([...bytes]) };
}

function wordsOf(bytes: Uint8Array, cx: CodecContext): string {
  const body = bytes.subarray(HEADER_LENGTH);
  try {
    return read(bytes[HEADER_LENGTH - 1], body, cx);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return `unreadable: ${error.message}`;
  }
}

function read(type: number | undefined, body: Uint8Array, cx: CodecContext): string {
  switch (type ?? 0) {
    case MESSAGE_TYPE.open:
      return formatOpen(decodeOpen(body));
    case MESSAGE_TYPE.update:
      return formatUpdate(decodeUpdate(body, cx));
    case MESSAGE_TYPE.notification:
      return `NOTIFICATION ${formatNotification(decodeNotification(body))}`;
    case MESSAGE_TYPE.keepalive:
      return "KEEPALIVE";
    default:
      return type === MESSAGE_TYPE.routeRefresh ? "ROUTE-REFRESH" : `message of type ${type ?? 0}`;
  }
}
