import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import { formatRouterId } from "../router-id.ts";
import { type AttributeSpec, internalOnly } from "./spec.ts";

const u32: Pick<AttributeSpec<number>, "onMalformed" | "decode" | "encode" | "format"> = {
  onMalformed: "treat-as-withdraw",
  decode: (r) => r.u32(),
  encode: (w, value) => void w.u32(value),
  format: String,
};

/** MULTI_EXIT_DISC, RFC 4271 section 5.1.4. */
export const med: AttributeSpec<number> = { ...u32, type: ATTRIBUTE_TYPE.med, flags: ATTRIBUTE_FLAG.optional };

/** RFC 4271 section 5.1.5: inside one AS only. */
export const localPref: AttributeSpec<number> = {
  ...u32,
  type: ATTRIBUTE_TYPE.localPref,
  flags: ATTRIBUTE_FLAG.transitive,
  refuse: internalOnly,
};

/** RFC 4456 section 8: who a route reflector had it from. */
export const originatorId: AttributeSpec<number> = {
  ...u32,
  type: ATTRIBUTE_TYPE.originatorId,
  flags: ATTRIBUTE_FLAG.optional,
  refuse: internalOnly,
  format: formatRouterId,
};

/** Only To Customer (RFC 9234 section 5): the AS that let a route go downwards, and so never up again. */
export const onlyToCustomer: AttributeSpec<number> = {
  ...u32,
  type: ATTRIBUTE_TYPE.onlyToCustomer,
  flags: ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive,
};
