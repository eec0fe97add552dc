import { AS_TRANS } from "../../net/asn.ts";
import { IpAddress } from "../../net/ip-address.ts";
import type { Reader } from "../../wire/reader.ts";
import { MalformedAttributeError } from "../error.ts";
import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import type { AttributeSpec } from "./spec.ts";

/** Who made an aggregate out of longer prefixes. */
export interface Aggregator {
  readonly asn: number;
  readonly address: IpAddress;
}

const common: Pick<AttributeSpec<Aggregator>, "flags" | "onMalformed" | "format"> = {
  flags: ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive,
  onMalformed: "discard-attribute",
  format: ({ asn, address }) => `${asn} ${address}`,
};

/** RFC 4271 section 5.1.7; six octets, or eight where RFC 6793 is negotiated. */
export const aggregator: AttributeSpec<Aggregator> = {
  ...common,
  type: ATTRIBUTE_TYPE.aggregator,
  decode: (r, cx) => read(r, cx.fourOctetAsn ? r.u32() : r.u16()),
  encode(w, { asn, address }, cx) {
    if (cx.fourOctetAsn) w.u32(asn);
    else w.u16(asn > 0xffff ? AS_TRANS : asn);
    w.bytes(address.toBytes());
  },
};

/** RFC 6793 section 3: what a two-octet AGGREGATOR could not say. */
export const as4Aggregator: AttributeSpec<Aggregator> = {
  ...common,
  type: ATTRIBUTE_TYPE.as4Aggregator,
  refuse: (cx) => (cx.fourOctetAsn ? "from a four-octet speaker" : undefined),
  decode: (r) => read(r, r.u32()),
  encode: (w, { asn, address }) => void w.u32(asn).bytes(address.toBytes()),
};

function read(r: Reader, asn: number): Aggregator {
  // RFC 7607 section 2.
  if (asn === 0) throw new MalformedAttributeError("AS 0");
  return { asn, address: new IpAddress(4, BigInt(r.u32())) };
}
