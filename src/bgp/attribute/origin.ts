import { MalformedAttributeError } from "../error.ts";
import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import type { AttributeSpec } from "./spec.ts";

export type Origin = "igp" | "egp" | "incomplete";

const ORIGINS: readonly Origin[] = ["igp", "egp", "incomplete"];

/** RFC 4271 section 5.1.1. */
export const origin: AttributeSpec<Origin> = {
  type: ATTRIBUTE_TYPE.origin,
  flags: ATTRIBUTE_FLAG.transitive,
  onMalformed: "treat-as-withdraw",
  decode(r) {
    const value = ORIGINS[r.u8()];
    if (value === undefined) throw new MalformedAttributeError("not 0, 1 or 2");
    return value;
  },
  encode: (w, value) => void w.u8(ORIGINS.indexOf(value)),
  format: (value) => value,
};
