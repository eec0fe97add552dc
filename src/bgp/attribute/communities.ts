import {
  type Community,
  communityFromNumber,
  formatCommunity,
  formatLargeCommunity,
  type LargeCommunity,
} from "../../net/community.ts";
import { type ExtendedCommunity, formatExtendedCommunity } from "../../net/extended-community.ts";
import { addressFromBytes, type IpAddress } from "../../net/ip-address.ts";
import type { Reader } from "../../wire/reader.ts";
import { MalformedAttributeError } from "../error.ts";
import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import { hexDigits } from "../octets.ts";
import { type AttributeSpec, readList } from "./spec.ts";

const common = {
  flags: ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive,
  onMalformed: "treat-as-withdraw",
} as const;

/** RFC 1997. */
export const communities: AttributeSpec<readonly Community[]> = {
  ...common,
  type: ATTRIBUTE_TYPE.communities,
  decode: (r) => readList(r, (one) => known(communityFromNumber(one.u32()))),
  encode(w, values) {
    for (const value of values) w.u32(value);
  },
  format: (values) => values.map(formatCommunity).join(" "),
};

/** RFC 8092; a value that comes twice is kept once (section 5). */
export const largeCommunities: AttributeSpec<readonly LargeCommunity[]> = {
  ...common,
  type: ATTRIBUTE_TYPE.largeCommunities,
  decode: (r) => withoutRepeats(readList(r, (one) => ({ global: one.u32(), local1: one.u32(), local2: one.u32() }))),
  encode(w, values) {
    for (const { global, local1, local2 } of values) w.u32(global).u32(local1).u32(local2);
  },
  format: (values) => values.map(formatLargeCommunity).join(" "),
};

function withoutRepeats(values: readonly LargeCommunity[]): readonly LargeCommunity[] {
  const seen = new Map(values.map((value) => [formatLargeCommunity(value), value]));
  return seen.size === values.length ? values : [...seen.values()];
}

/** RFC 4360. */
export const extendedCommunities: AttributeSpec<readonly ExtendedCommunity[]> = {
  ...common,
  type: ATTRIBUTE_TYPE.extendedCommunities,
  decode: (r) => readList(r, (one) => ({ high: one.u32(), low: one.u32() })),
  encode(w, values) {
    for (const { high, low } of values) w.u32(high).u32(low);
  },
  format: (values) => values.map(formatExtendedCommunity).join(" "),
};

/** Twenty octets (RFC 5701): a type and a subtype as extended communities have them, an address, and a number for its owner. */
export interface Ipv6ExtendedCommunity {
  readonly type: number;
  readonly subtype: number;
  readonly address: IpAddress;
  readonly local: number;
}

const IPV6_WORDS = new Map([
  [2, "target"],
  [3, "origin"],
]);

export const ipv6ExtendedCommunities: AttributeSpec<readonly Ipv6ExtendedCommunity[]> = {
  ...common,
  type: ATTRIBUTE_TYPE.ipv6ExtendedCommunities,
  decode: (r) =>
    readList(r, (one) => ({ type: one.u8(), subtype: one.u8(), address: readIpv6(one), local: one.u16() })),
  encode(w, values) {
    for (const { type, subtype, address, local } of values) w.u8(type).u8(subtype).bytes(address.toBytes()).u16(local);
  },
  format: (values) => values.map(formatIpv6Community).join(" "),
};

function readIpv6(r: Reader): IpAddress {
  return known(addressFromBytes(r.bytes(16)));
}

function formatIpv6Community({ type, subtype, address, local }: Ipv6ExtendedCommunity): string {
  const word = type === 0 ? IPV6_WORDS.get(subtype) : undefined;
  return `${word ?? hexDigits([type, subtype])}:[${address}]:${local}`;
}

/** What no reader of whole octets can miss. @throws MalformedAttributeError */
function known<T>(value: T | undefined): T {
  if (value === undefined) throw new MalformedAttributeError("not a community");
  return value;
}
