import { MESSAGE_TYPE } from "../iana.ts";
import { encodeMessage } from "./header.ts";

/** RFC 4271 section 4.4: a header and nothing else. */
export function encodeKeepalive(): Uint8Array {
  return encodeMessage(MESSAGE_TYPE.keepalive, () => {});
}
