import { AS_TRANS } from "../../net/asn.ts";
import type { Reader } from "../../wire/reader.ts";
import type { Writer } from "../../wire/writer.ts";
import { MalformedAttributeError } from "../error.ts";
import { AS_PATH_SEGMENT, ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import type { AttributeSpec } from "./spec.ts";

/** One segment. The numbers are plain: a peer may send those that no AS may have. */
export interface AsPathSegment {
  readonly type: keyof typeof AS_PATH_SEGMENT;
  readonly asns: readonly number[];
}

export type AsPath = readonly AsPathSegment[];

/** RFC 4271 section 5.1.2; four octets per AS where RFC 6793 is negotiated. */
export const asPath: AttributeSpec<AsPath> = {
  type: ATTRIBUTE_TYPE.asPath,
  flags: ATTRIBUTE_FLAG.transitive,
  onMalformed: "treat-as-withdraw",
  decode(r, cx) {
    const path = readPath(r, cx.fourOctetAsn);
    // RFC 5065 section 5: a confederation's segments must not leave it.
    if (!cx.internal && path.some(isConfederation)) throw new MalformedAttributeError("confederation segment");
    return path;
  },
  encode: (w, path, cx) => writePath(w, path, cx.fourOctetAsn),
  format: formatPath,
};

/** RFC 6793 section 3: what a two-octet AS_PATH could not say. */
export const as4Path: AttributeSpec<AsPath> = {
  type: ATTRIBUTE_TYPE.as4Path,
  flags: ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive,
  onMalformed: "discard-attribute",
  refuse: (cx) => (cx.fourOctetAsn ? "from a four-octet speaker" : undefined),
  decode(r) {
    const path = readPath(r, true);
    if (path.length === 0) throw new MalformedAttributeError("empty");
    // RFC 6793 section 6: confederation segments in it are dropped, the rest is used.
    return path.filter((segment) => !isConfederation(segment));
  },
  encode: (w, path) => writePath(w, path, true),
  format: formatPath,
};

function readPath(r: Reader, fourOctetAsn: boolean): AsPath {
  const path: AsPathSegment[] = [];
  while (r.remaining > 0) {
    const type = SEGMENT_TYPES.get(r.u8());
    if (type === undefined) throw new MalformedAttributeError("unknown segment type");
    const count = r.u8();
    if (count === 0) throw new MalformedAttributeError("empty segment");
    const asns = Array.from({ length: count }, () => (fourOctetAsn ? r.u32() : r.u16()));
    // RFC 7607 section 2.
    if (asns.includes(0)) throw new MalformedAttributeError("AS 0");
    path.push({ type, asns });
  }
  return path;
}

function writePath(w: Writer, path: AsPath, fourOctetAsn: boolean): void {
  for (const { type, asns } of path) {
    w.u8(AS_PATH_SEGMENT[type]).u8(asns.length);
    for (const asn of asns) {
      if (fourOctetAsn) w.u32(asn);
      else w.u16(asn > 0xffff ? AS_TRANS : asn);
    }
  }
}

const SEGMENT_TYPES = new Map<number, AsPathSegment["type"]>([
  [AS_PATH_SEGMENT.set, "set"],
  [AS_PATH_SEGMENT.sequence, "sequence"],
  [AS_PATH_SEGMENT.confedSequence, "confedSequence"],
  [AS_PATH_SEGMENT.confedSet, "confedSet"],
]);

const BRACKETS: Record<AsPathSegment["type"], readonly [string, string]> = {
  sequence: ["", ""],
  set: ["{", "}"],
  confedSequence: ["(", ")"],
  confedSet: ["[", "]"],
};

function formatPath(path: AsPath): string {
  return path.map(({ type, asns }) => BRACKETS[type].join(asns.join(" "))).join(" ");
}

/** Made inside a confederation (RFC 5065), which counts as one AS to everybody else. */
export function isConfederation({ type }: AsPathSegment): boolean {
  return type === "confedSequence" || type === "confedSet";
}
