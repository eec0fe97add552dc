import { BadMessageLengthError, BadMessageTypeError, ConnectionNotSynchronizedError } from "./error.ts";
import { MESSAGE_TYPE } from "./iana.ts";
import { EXTENDED_MESSAGE_LENGTH, HEADER_LENGTH, MARKER_LENGTH, MAX_MESSAGE_LENGTH } from "./message/header.ts";

type MessageKind = keyof typeof MESSAGE_TYPE;

/** One whole message without its header. The body is only valid until the next push. */
export interface Frame {
  readonly kind: MessageKind;
  readonly body: Uint8Array;
}

const KINDS = new Map<number, MessageKind>([
  [MESSAGE_TYPE.open, "open"],
  [MESSAGE_TYPE.update, "update"],
  [MESSAGE_TYPE.notification, "notification"],
  [MESSAGE_TYPE.keepalive, "keepalive"],
  [MESSAGE_TYPE.routeRefresh, "routeRefresh"],
]);

/** RFC 4271 section 6.1 and RFC 2918 section 3: the shortest message of each type. */
const SHORTEST: Record<MessageKind, number> = {
  open: 29,
  update: 23,
  notification: 21,
  keepalive: HEADER_LENGTH,
  routeRefresh: 23,
};

/** The longest one: RFC 8654 section 3 leaves OPEN and KEEPALIVE as they were. */
const LONGEST: Record<MessageKind, number> = {
  open: MAX_MESSAGE_LENGTH,
  update: EXTENDED_MESSAGE_LENGTH,
  notification: EXTENDED_MESSAGE_LENGTH,
  keepalive: HEADER_LENGTH,
  routeRefresh: EXTENDED_MESSAGE_LENGTH,
};

/** Cuts a stream into messages. It never holds more than one, and refuses a bad header before the rest of it has come. */
export class Framer {
  readonly #limit: number;
  #held = new Uint8Array(MAX_MESSAGE_LENGTH);
  #length = 0;

  /** `extendedMessages`: we offered RFC 8654, so the peer may send up to 65,535 octets, whatever it offered itself. */
  constructor({ extendedMessages = false }: { readonly extendedMessages?: boolean } = {}) {
    this.#limit = extendedMessages ? EXTENDED_MESSAGE_LENGTH : MAX_MESSAGE_LENGTH;
  }

  /** @throws NotificationError; after that the stream has no more messages in it. */
  *push(chunk: Uint8Array): Generator<Frame> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#length > 0) {
        rest = this.#complete(rest);
        const frame = readFrame(this.#held.subarray(0, this.#length), this.#limit);
        if (frame === undefined) continue;
        this.#length = 0;
        yield frame;
      } else {
        const frame = readFrame(rest, this.#limit);
        if (frame === undefined) {
          this.#hold(rest);
          return;
        }
        yield frame;
        rest = rest.subarray(HEADER_LENGTH + frame.body.length);
      }
    }
  }

  /** Takes just what the message in hand lacks, first its header, then the rest; returns what is left of the chunk. */
  #complete(chunk: Uint8Array): Uint8Array {
    const wanted = this.#length < HEADER_LENGTH ? HEADER_LENGTH : declaredLength(this.#held);
    const part = chunk.subarray(0, wanted - this.#length);
    this.#hold(part);
    return chunk.subarray(part.length);
  }

  #hold(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#held.length) this.#makeRoom();
    this.#held.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Most sessions never see a long message: its room is only taken by those that do. */
  #makeRoom(): void {
    const held = new Uint8Array(EXTENDED_MESSAGE_LENGTH);
    held.set(this.#held);
    this.#held = held;
  }
}

/** The first message of `bytes`, undefined while it is incomplete. */
function readFrame(bytes: Uint8Array, limit: number): Frame | undefined {
  const marker = Math.min(MARKER_LENGTH, bytes.length);
  for (let i = 0; i < marker; i++) if (bytes[i] !== 0xff) throw new ConnectionNotSynchronizedError();
  if (bytes.length < MARKER_LENGTH + 2) return undefined;
  const length = declaredLength(bytes);
  if (length < HEADER_LENGTH || length > limit) throw new BadMessageLengthError(length);
  const type = bytes[HEADER_LENGTH - 1];
  if (type === undefined) return undefined;
  const kind = KINDS.get(type);
  if (kind === undefined) throw new BadMessageTypeError(type);
  if (length < SHORTEST[kind] || length > LONGEST[kind]) throw new BadMessageLengthError(length);
  return bytes.length < length ? undefined : { kind, body: bytes.subarray(HEADER_LENGTH, length) };
}

function declaredLength(bytes: Uint8Array): number {
  return ((bytes[MARKER_LENGTH] ?? 0) << 8) | (bytes[MARKER_LENGTH + 1] ?? 0);
}
