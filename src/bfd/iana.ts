/** Numbers of RFC 5880, 5881 and 5883 and of the registry "BFD Parameters", and nothing else. */

export const VERSION = 1;

/** Index is the value of the State field. */
export const STATES = ["admin-down", "down", "init", "up"] as const;

/** Index is the value of the Diagnostic field. */
export const DIAGNOSTICS = [
  "none",
  "detection-expired",
  "echo-failed",
  "neighbor-down",
  "forwarding-plane-reset",
  "path-down",
  "concatenated-path-down",
  "admin-down",
  "reverse-concatenated-path-down",
  "misconnectivity-defect",
] as const;

export const FLAG = {
  poll: 0x20,
  final: 0x10,
  independent: 0x08,
  authentication: 0x04,
  demand: 0x02,
  multipoint: 0x01,
};

/** Octets of a packet without, and at least with, an authentication section. */
export const PACKET_LENGTH = { plain: 24, authenticated: 26 } as const;

/** UDP destination ports. */
export const PORT = { singleHop: 3784, echo: 3785, multihop: 4784 } as const;

/** RFC 5881 section 4: where source ports are taken from. */
export const SOURCE_PORT = { first: 49_152, last: 65_535 } as const;

/** RFC 5881 section 5: what is sent, and over a single hop the only one that is believed. */
export const TTL = 255;
