import { Structure } from "./memory.ts";

/** One struct cmsghdr with its payload. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly payload: Structure;
}

const HEADER = 16;

/** Walks the control messages of a datagram, as CMSG_NXTHDR does on a 64-bit machine. */
export function* controlMessages(bytes: Uint8Array): Generator<ControlMessage> {
  const all = new Structure(bytes);
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = all.size(at);
    if (length < HEADER || at + length > bytes.length) return;
    const payload = new Structure(bytes.subarray(at + HEADER, at + length));
    yield { level: all.i32(at + 8), type: all.i32(at + 12), payload };
    at += (length + 7) & ~7;
  }
}

/** The payload of the first message of this level and type. */
export function controlPayload(
  bytes: Uint8Array,
  wanted: { readonly level: number; readonly type: number },
): Structure | undefined {
  for (const { level, type, payload } of controlMessages(bytes))
    if (level === wanted.level && type === wanted.type) return payload;
  return undefined;
}
