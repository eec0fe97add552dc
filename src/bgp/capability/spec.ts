import type { Reader } from "../../wire/reader.ts";
import type { Writer } from "../../wire/writer.ts";
import { MalformedCapabilityError } from "../error.ts";

/** One row of the registry: it owns a capability's value, never its framing. */
export interface CapabilitySpec<T> {
  readonly code: number;
  /**
   * What a malformed value means: an OPEN we cannot read, or a capability that is kept unread, as if it were unknown. Only those
   * that decide how everything else is read refuse.
   */
  readonly onMalformed: "refuse" | "keep";
  /** Reads one capability; `before` is what earlier ones of the same code gave (RFC 5492 section 4 allows several). */
  decode(r: Reader, before: T | undefined): T;
  /** One body per capability to write. */
  encode(value: T): readonly ((w: Writer) => void)[];
  format(value: T): string;
}

/** A capability that says all by being there. */
export function flag(code: number, name: string): CapabilitySpec<true> {
  return { code, onMalformed: "keep", decode: () => true, encode: () => [() => {}], format: () => name };
}

/** Reads values to the end of the window. */
export function readAll<T>(r: Reader, read: (r: Reader) => T): readonly T[] {
  const values: T[] = [];
  while (r.remaining > 0) values.push(read(r));
  return values;
}

/** Reads a length octet and that much UTF-8. @throws MalformedCapabilityError ShortReadError */
export function readText(r: Reader): string {
  const bytes = r.bytes(r.u8());
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const again = new TextEncoder().encode(text);
  if (again.length !== bytes.length || again.some((octet, i) => octet !== bytes[i])) {
    throw new MalformedCapabilityError("not UTF-8");
  }
  return text;
}

export function writeText(w: Writer, text: string): void {
  w.lengthPrefixed8((body) => body.bytes(new TextEncoder().encode(text)));
}

/** One body for each `most` values: as many capabilities as a long list needs, and one where it is empty. */
export function inChunks<T>(
  values: readonly T[],
  most: number,
  write: (w: Writer, value: T) => void,
): readonly ((w: Writer) => void)[] {
  const count = Math.max(1, Math.ceil(values.length / most));
  return Array.from({ length: count }, (_, i) => (w: Writer) => {
    for (const value of values.slice(i * most, (i + 1) * most)) write(w, value);
  });
}
