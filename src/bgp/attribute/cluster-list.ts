import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import { formatRouterId } from "../router-id.ts";
import { type AttributeSpec, internalOnly, readList } from "./spec.ts";

/** RFC 4456 section 8: the reflectors a route went through. */
export const clusterList: AttributeSpec<readonly number[]> = {
  type: ATTRIBUTE_TYPE.clusterList,
  flags: ATTRIBUTE_FLAG.optional,
  onMalformed: "treat-as-withdraw",
  refuse: internalOnly,
  decode: (r) => readList(r, (one) => one.u32()),
  encode(w, ids) {
    for (const id of ids) w.u32(id);
  },
  format: (ids) => ids.map(formatRouterId).join(" "),
};
