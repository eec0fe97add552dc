import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import type { AttributeSpec } from "./spec.ts";

/** RFC 4271 section 5.1.6: it has no value, only presence. */
export const atomicAggregate: AttributeSpec<true> = {
  type: ATTRIBUTE_TYPE.atomicAggregate,
  flags: ATTRIBUTE_FLAG.transitive,
  onMalformed: "discard-attribute",
  decode: () => true,
  encode: () => {},
  format: () => "yes",
};
