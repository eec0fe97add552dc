import { IpAddress } from "../../net/ip-address.ts";
import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import type { AttributeSpec } from "./spec.ts";

/** RFC 4271 section 5.1.3: of the IPv4 prefixes in the NLRI field only. */
export const nextHop: AttributeSpec<IpAddress> = {
  type: ATTRIBUTE_TYPE.nextHop,
  flags: ATTRIBUTE_FLAG.transitive,
  onMalformed: "treat-as-withdraw",
  decode: (r) => new IpAddress(4, BigInt(r.u32())),
  encode: (w, value) => void w.bytes(value.toBytes()),
  format: String,
};
