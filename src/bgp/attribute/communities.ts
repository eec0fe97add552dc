import {
  type Community,
  communityFromNumber,
  formatCommunity,
  formatLargeCommunity,
  type LargeCommunity,
} from "../../net/community.ts";
import { MalformedAttributeError } from "../error.ts";
import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
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

/** RFC 8092. */
export const largeCommunities: AttributeSpec<readonly LargeCommunity[]> = {
  ...common,
  type: ATTRIBUTE_TYPE.largeCommunities,
  decode: (r) => readList(r, (one) => ({ global: one.u32(), local1: one.u32(), local2: one.u32() })),
  encode(w, values) {
    for (const { global, local1, local2 } of values) w.u32(global).u32(local1).u32(local2);
  },
  format: (values) => values.map(formatLargeCommunity).join(" "),
};

/** Eight octets as they came (RFC 4360): kept and shown, not yet understood. */
export interface ExtendedCommunity {
  readonly high: number;
  readonly low: number;
}

export const extendedCommunities: AttributeSpec<readonly ExtendedCommunity[]> = {
  ...common,
  type: ATTRIBUTE_TYPE.extendedCommunities,
  decode: (r) => readList(r, (one) => ({ high: one.u32(), low: one.u32() })),
  encode(w, values) {
    for (const { high, low } of values) w.u32(high).u32(low);
  },
  format: (values) => values.map(({ high, low }) => `0x${hex32(high)}${hex32(low)}`).join(" "),
};

function hex32(n: number): string {
  return n.toString(16).padStart(8, "0");
}

function known(community: Community | undefined): Community {
  if (community === undefined) throw new MalformedAttributeError("not 32 bits");
  return community;
}
