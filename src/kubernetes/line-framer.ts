import { PeerError } from "../wire/errors.ts";

/** A line of a watch stream grew beyond what any object may be (etcd refuses objects over 1.5 MiB). */
export class LineTooLong extends PeerError {
  readonly code = "ERR_API_LINE_TOO_LONG";
}

const NEWLINE = 0x0a;
const DEFAULT_LIMIT = 16 * 1024 * 1024;

/**
 * Cuts a byte stream into lines, wherever the chunks were cut: also inside a UTF-8 character.
 * Bytes are decoded a whole line at a time, so no character is ever decoded in halves.
 */
export class LineFramer {
  readonly #decoder = new TextDecoder();
  readonly #limit: number;
  #parts: Uint8Array[] = [];
  #pending = 0;

  constructor(limit = DEFAULT_LIMIT) {
    this.#limit = limit;
  }

  /** Bytes of the line that has begun and not ended: not 0 at the end of the stream means that it was cut. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * The lines that end in this chunk; empty lines are dropped.
   * @throws {LineTooLong}
   */
  *push(chunk: Uint8Array): Generator<string, void> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#take(chunk.subarray(start, end));
      start = end + 1;
      if (line.trim() !== "") yield line;
    }
    this.#keep(chunk.subarray(start));
  }

  #keep(rest: Uint8Array): void {
    if (rest.length === 0) return;
    this.#pending += rest.length;
    if (this.#pending > this.#limit) throw new LineTooLong(`a line of the watch exceeds ${this.#limit} bytes`);
    this.#parts.push(rest.slice());
  }

  #take(tail: Uint8Array): string {
    if (this.#pending + tail.length > this.#limit) {
      throw new LineTooLong(`a line of the watch exceeds ${this.#limit} bytes`);
    }
    if (this.#parts.length === 0) return this.#decoder.decode(tail);
    const line = new Uint8Array(this.#pending + tail.length);
    let offset = 0;
    for (const part of [...this.#parts, tail]) {
      line.set(part, offset);
      offset += part.length;
    }
    this.#parts = [];
    this.#pending = 0;
    return this.#decoder.decode(line);
  }
}
