import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { GossipRefused } from "../membership/error.ts";
import { ENVELOPE, MAX_PACKET, VERSION } from "../membership/iana.ts";
import { type SessionId, sessionId } from "../membership/session.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";

const FORM = { plain: 0, aes256Gcm: 1 } as const;
const KEY_OCTETS = 32;
const KEY_ID_OCTETS = 4;
const SESSION_OCTETS = 8;
const NONCE_OCTETS = 12;
/** Version, form and key id, which are not encrypted but cannot be changed. */
const PREFIX_OCTETS = 2 + KEY_ID_OCTETS;
const CIPHER = "aes-256-gcm";

interface Key {
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
}

/** A packet that was opened. */
export interface Opened {
  readonly session: SessionId;
  readonly sequence: number;
  readonly message: Uint8Array;
}

/**
 * Seals and opens packets.
 *
 * ```text
 * octets 1         1      4        8         4          n         16
 *        version | form | key id | session | sequence | message | tag
 * ```
 *
 * Session and sequence are the nonce: a session is drawn anew by every process, a sequence is counted, so none is used twice.
 */
export class GossipCipher {
  readonly #randomBytes: (count: number) => Uint8Array;
  readonly #label: Uint8Array;
  readonly #lastSequence: number;
  #keys: readonly Key[] = [];
  #session: Uint8Array;
  #sequence = 0;

  constructor(
    keys: readonly Uint8Array[],
    cluster: string,
    randomBytes: (count: number) => Uint8Array,
    lastSequence = 0xffffffff,
  ) {
    this.#lastSequence = lastSequence;
    this.#randomBytes = randomBytes;
    this.#label = new TextEncoder().encode(cluster);
    this.#session = randomBytes(SESSION_OCTETS);
    this.setKeys(keys);
  }

  /** The first seals, all open; without any there is no encryption. */
  setKeys(keys: readonly Uint8Array[]): void {
    this.#keys = keys.filter(({ length }) => length > 0).map(derivedKey);
  }

  get session(): SessionId {
    return sessionId(this.#session);
  }

  seal(message: Uint8Array): Uint8Array {
    const [key] = this.#keys;
    const nonce = this.#nextNonce();
    const w = new Writer().u8(VERSION).u8(key === undefined ? FORM.plain : FORM.aes256Gcm);
    w.bytes(key?.id ?? new Uint8Array(KEY_ID_OCTETS));
    const prefix = w.finish();
    w.bytes(nonce);
    if (key === undefined) return w.bytes(message).finish();
    const cipher = createCipheriv(CIPHER, key.secret, nonce);
    cipher.setAAD(this.#associated(prefix));
    w.bytes(cipher.update(message));
    cipher.final();
    return w.bytes(cipher.getAuthTag()).finish();
  }

  /** @throws GossipRefused for whatever is not sealed as we seal it */
  open(packet: Uint8Array): Opened {
    if (packet.length > MAX_PACKET || packet.length < ENVELOPE.header) throw new GossipRefused("malformed");
    const r = new Reader(packet);
    const prefix = r.bytes(PREFIX_OCTETS);
    if (prefix[0] !== VERSION) throw new GossipRefused("other-version");
    const nonce = r.bytes(NONCE_OCTETS);
    const message = this.#keys.length === 0 ? plain(prefix, r) : this.#decrypted(prefix, nonce, r);
    const session = sessionId(nonce.subarray(0, SESSION_OCTETS));
    return { session, sequence: new Reader(nonce.subarray(SESSION_OCTETS)).u32(), message };
  }

  #decrypted(prefix: Uint8Array, nonce: Uint8Array, r: Reader): Uint8Array {
    const id = prefix.subarray(2);
    const key = this.#keys.find((candidate) => sameOctets(candidate.id, id));
    if (prefix[1] !== FORM.aes256Gcm || key === undefined || r.remaining < ENVELOPE.tag)
      throw new GossipRefused("not-authentic");
    const decipher = createDecipheriv(CIPHER, key.secret, nonce, { authTagLength: ENVELOPE.tag });
    decipher.setAAD(this.#associated(prefix));
    const message = decipher.update(r.bytes(r.remaining - ENVELOPE.tag));
    decipher.setAuthTag(r.rest());
    try {
      decipher.final();
    } catch (error) {
      throw new GossipRefused("not-authentic", { cause: error });
    }
    return message;
  }

  #associated(prefix: Uint8Array): Uint8Array {
    return new Writer().bytes(prefix).bytes(this.#label).finish();
  }

  /** After 2^32 packets, which is years, a new session begins. */
  #nextNonce(): Uint8Array {
    if (this.#sequence === this.#lastSequence) {
      this.#session = this.#randomBytes(SESSION_OCTETS);
      this.#sequence = 0;
    }
    this.#sequence += 1;
    return new Writer().bytes(this.#session).u32(this.#sequence).finish();
  }
}

/** HKDF (RFC 5869) with SHA-256 over the Secret's text, of any length: 32 octets of key, and 4 by which it is called. */
function derivedKey(text: Uint8Array): Key {
  const octets = new Uint8Array(
    hkdfSync("sha256", text, "herald gossip", "aes-256-gcm key and key id", KEY_OCTETS + KEY_ID_OCTETS),
  );
  return { secret: octets.subarray(0, KEY_OCTETS), id: octets.subarray(KEY_OCTETS) };
}

function plain(prefix: Uint8Array, r: Reader): Uint8Array {
  if (prefix[1] !== FORM.plain) throw new GossipRefused("not-authentic");
  return r.rest();
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
