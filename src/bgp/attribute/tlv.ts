import type { Reader } from "../../wire/reader.ts";
import type { Writer } from "../../wire/writer.ts";
import { MalformedAttributeError } from "../error.ts";
import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import { hexDigits } from "../octets.ts";
import { type AttributeSpec, readList } from "./spec.ts";

/** A type and a value: what the attributes are made of that we keep and show, but do not use. */
export interface Tlv {
  readonly type: number;
  readonly value: Uint8Array;
}

const AIGP_METRIC = 1;
const HEAD_LENGTH = 3;
const METRIC_LENGTH = 8;

/** Accumulated IGP metric (RFC 7311): kept and shown, never used. A malformed one is quietly ignored. */
export const aigp: AttributeSpec<readonly Tlv[]> = {
  type: ATTRIBUTE_TYPE.aigp,
  flags: ATTRIBUTE_FLAG.optional,
  onMalformed: "discard-attribute",
  onFlags: "discard-attribute",
  decode: (r) => readList(r, readAigp),
  encode(w, values) {
    // The length counts the type and itself.
    for (const { type, value } of values)
      w.u8(type)
        .u16(value.length + HEAD_LENGTH)
        .bytes(value);
  },
  format: (values) =>
    values.map((tlv) => (tlv.type === AIGP_METRIC ? formatMetric(tlv.value) : formatTlv(tlv))).join(" "),
};

function readAigp(r: Reader): Tlv {
  const type = r.u8();
  const length = r.u16();
  if (length < HEAD_LENGTH) throw new MalformedAttributeError(`a value of length ${length}`);
  const value = r.bytes(length - HEAD_LENGTH).slice();
  if (type === AIGP_METRIC && value.length !== METRIC_LENGTH) {
    throw new MalformedAttributeError(`a metric of ${value.length} octets`);
  }
  return { type, value };
}

function formatMetric(value: Uint8Array): string {
  return new DataView(value.buffer, value.byteOffset).getBigUint64(0).toString();
}

/**
 * Segment routing (RFC 8669): kept for people to look at from inside our AS, dropped from outside, where its labels mean
 * nothing to us.
 */
export const prefixSid: AttributeSpec<readonly Tlv[]> = {
  type: ATTRIBUTE_TYPE.prefixSid,
  flags: ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive,
  onMalformed: "discard-attribute",
  refuse: (cx) => (cx.internal ? undefined : "from an external peer"),
  decode: (r) => readList(r, (one) => ({ type: one.u8(), value: one.bytes(one.u16()).slice() })),
  encode: (w: Writer, values) => {
    for (const { type, value } of values) w.u8(type).lengthPrefixed16((body) => body.bytes(value));
  },
  format: (values) => values.map(formatTlv).join(" "),
};

function formatTlv({ type, value }: Tlv): string {
  return `${type}:${hexDigits(value)}`;
}
