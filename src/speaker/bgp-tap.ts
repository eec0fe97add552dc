import type { Frame } from "../bgp/framer.ts";
import { MESSAGE_TYPE } from "../bgp/iana.ts";
import type { Journal } from "../bgp/journal.ts";
import { encodeMessage, HEADER_LENGTH, MARKER_LENGTH } from "../bgp/message/header.ts";
import type { IpAddress } from "../net/ip-address.ts";
import type { Clock } from "../system/clock.ts";
import type { BgpConnection, ConnectionHandlers } from "./bgp-ports.ts";

export interface TapPorts {
  readonly clock: Clock;
  readonly journal: Journal;
}

/** A connection that remembers what passes, and knows how much of it the peer has taken. */
export class TappedConnection implements BgpConnection {
  readonly id: number;
  readonly #ports: TapPorts;
  readonly #connection: BgpConnection;
  #written = 0;
  /** Octets that had been taken when `progressed` was last asked. */
  #taken = 0;

  constructor(ports: TapPorts, connection: BgpConnection, id: number) {
    this.#ports = ports;
    this.#connection = connection;
    this.id = id;
  }

  get localAddress(): IpAddress {
    return this.#connection.localAddress;
  }

  get remoteAddress(): IpAddress {
    return this.#connection.remoteAddress;
  }

  get localPort(): number {
    return this.#connection.localPort;
  }

  get remotePort(): number {
    return this.#connection.remotePort;
  }

  get zone(): string | undefined {
    return this.#connection.zone;
  }

  get backlog(): number {
    return this.#connection.backlog;
  }

  /** Whether the other side has taken anything since the last time this was asked, or has nothing to take. */
  progressed(): boolean {
    const taken = this.#written - this.backlog;
    const fine = this.backlog === 0 || taken > this.#taken;
    this.#taken = taken;
    return fine;
  }

  /** Changes the password of the live connection; false when that cannot be done. */
  rekey(password: string | undefined): boolean {
    if (password === undefined || this.#connection.setPassword === undefined) return false;
    this.#connection.setPassword(password);
    return true;
  }

  attach(handlers: ConnectionHandlers): void {
    this.#connection.attach(handlers);
  }

  write(bytes: Uint8Array): void {
    this.#written += bytes.length;
    for (const message of messagesIn(bytes)) this.#record("out", message);
    this.#connection.write(bytes);
  }

  end(): void {
    this.#connection.end();
  }

  destroy(): void {
    this.#connection.destroy();
  }

  /** Remembers a message that came in. */
  received({ kind, body }: Frame): void {
    this.#record(
      "in",
      encodeMessage(MESSAGE_TYPE[kind], (w) => w.bytes(body)),
    );
  }

  #record(direction: "in" | "out", bytes: Uint8Array): void {
    this.#ports.journal.recordMessage({ at: this.#ports.clock.now(), connection: this.id, direction, bytes });
  }
}

/** A write may carry several messages. */
function* messagesIn(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at + HEADER_LENGTH <= bytes.length; ) {
    const length = ((bytes[at + MARKER_LENGTH] ?? 0) << 8) | (bytes[at + MARKER_LENGTH + 1] ?? 0);
    if (length < HEADER_LENGTH) return;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}
