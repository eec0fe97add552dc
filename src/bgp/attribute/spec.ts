import type { Reader } from "../../wire/reader.ts";
import type { Writer } from "../../wire/writer.ts";
import type { CodecContext } from "../codec-context.ts";
import { MalformedAttributeError } from "../error.ts";
import type { Verdict } from "../verdict.ts";

/** One row of the registry: it owns an attribute's value, never its framing. */
export interface AttributeSpec<T> {
  readonly type: number;
  /** The OPTIONAL and TRANSITIVE bits it must have. */
  readonly flags: number;
  /** What its section of RFC 7606 asks for when the value is malformed. */
  readonly onMalformed: Verdict;
  /** The same for wrong flags; absent, RFC 7606 section 3 (c): treat-as-withdraw. */
  readonly onFlags?: Verdict;
  /** Why this attribute is dropped unread from such a peer, undefined when it is welcome. */
  refuse?(cx: CodecContext): string | undefined;
  decode(r: Reader, cx: CodecContext): T;
  encode(w: Writer, value: T, cx: CodecContext): void;
  format(value: T): string;
}

/** Reads values to the end of the window; an empty list is malformed (RFC 7606 section 7.8 and its like). */
export function readList<T>(r: Reader, read: (r: Reader) => T): readonly T[] {
  if (r.remaining === 0) throw new MalformedAttributeError("empty");
  const values: T[] = [];
  while (r.remaining > 0) values.push(read(r));
  return values;
}

/** RFC 7606 sections 7.5, 7.9, 7.10: meaningless, and dropped, from an external peer. */
export function internalOnly(cx: CodecContext): string | undefined {
  return cx.internal ? undefined : "from an external peer";
}
