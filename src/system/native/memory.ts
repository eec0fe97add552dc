import { endianness } from "node:os";

/** Structures that are handed to the kernel are in the order of the machine. */
const LITTLE = endianness() === "LE";

/** A structure of the kernel's: fields in the machine's byte order, all zero at first. */
export class Structure {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(source: number | Uint8Array) {
    this.bytes = typeof source === "number" ? new Uint8Array(source) : source;
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(at: number): number {
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    return this.#view.getUint16(at, LITTLE);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, LITTLE);
  }

  i32(at: number): number {
    return this.#view.getInt32(at, LITTLE);
  }

  /** A size_t: no structure here is so big that its upper half matters. */
  size(at: number): number {
    return Number(this.#view.getBigUint64(at, LITTLE));
  }

  /** Network byte order, as ports are kept. */
  port(at: number): number {
    return this.#view.getUint16(at);
  }

  setU8(at: number, value: number): this {
    this.#view.setUint8(at, value);
    return this;
  }

  setU16(at: number, value: number): this {
    this.#view.setUint16(at, value, LITTLE);
    return this;
  }

  setU32(at: number, value: number): this {
    this.#view.setUint32(at, value, LITTLE);
    return this;
  }

  setPort(at: number, value: number): this {
    this.#view.setUint16(at, value);
    return this;
  }

  set(at: number, bytes: Uint8Array): this {
    this.bytes.set(bytes, at);
    return this;
  }
}
