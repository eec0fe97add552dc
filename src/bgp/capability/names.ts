import { CAPABILITY } from "../iana.ts";
import { type CapabilitySpec, readText, writeText } from "./spec.ts";

/** What a router calls itself (draft-walton-bgp-hostname-capability). */
export interface HostName {
  readonly host: string;
  readonly domain: string;
}

export const hostName: CapabilitySpec<HostName> = {
  code: CAPABILITY.hostName,
  onMalformed: "keep",
  decode: (r) => ({ host: readText(r), domain: readText(r) }),
  encode: ({ host, domain }) => [
    (w) => {
      writeText(w, host);
      writeText(w, domain);
    },
  ],
  format: ({ host, domain }) => `host ${JSON.stringify(domain === "" ? host : `${host}.${domain}`)}`,
};

/** draft-abraitis-bgp-version-capability. */
export const softwareVersion: CapabilitySpec<string> = {
  code: CAPABILITY.softwareVersion,
  onMalformed: "keep",
  decode: readText,
  encode: (version) => [(w) => writeText(w, version)],
  format: (version) => `software ${JSON.stringify(version)}`,
};
