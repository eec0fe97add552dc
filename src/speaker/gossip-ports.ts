import type { Clock } from "../system/clock.ts";

/** Where a datagram goes or comes from: the address in canonical text, an IPv4-mapped one as IPv4. */
export interface GossipPlace {
  readonly address: string;
  readonly port: number;
}

export interface GossipSocketHandlers {
  /** The bytes are used again after the call. */
  received(bytes: Uint8Array, from: GossipPlace): void;
  /** The socket could not be opened, or is of no more use. */
  failed(message: string): void;
}

/** One UDP socket. */
export interface GossipSocket {
  /** Lost without a word when the kernel does not take it: the protocol lives with loss. */
  send(bytes: Uint8Array, to: GossipPlace): void;
  close(): void;
}

/** Everything the engine uses of the world around it. */
export interface GossipEnginePorts {
  readonly clock: Clock;
  /** Unpredictable octets: session ids and first numbers are made of them. */
  readonly randomBytes: (count: number) => Uint8Array;
  readonly openSocket: (at: GossipPlace, handlers: GossipSocketHandlers) => GossipSocket;
  /** Calls back when every datagram that has arrived by now was read. */
  readonly afterReads: (then: () => void) => void;
}
