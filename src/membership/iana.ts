/** The version this program speaks; the octet every packet begins with. It has nothing in common with memberlist's wire. */
export const VERSION = 0x48;

/** The longest datagram: fits every link that carries IPv6 with a tunnel's header or two around it. */
export const MAX_PACKET = 1400;

/** Octets around a message: version, form, key id, session, sequence, and the tag of AES-GCM. */
export const ENVELOPE = { header: 18, tag: 16 } as const;

/** The longest message that fits a packet. */
export const MAX_MESSAGE = MAX_PACKET - ENVELOPE.header - ENVELOPE.tag;

/** The longest name, that of a DNS subdomain as Kubernetes has it (RFC 1123). */
export const MAX_NAME = 253;

/** Incarnations above are refused: a member could not outbid them. */
export const MAX_INCARNATION = 0x7fffffff;

export const MESSAGE = {
  ping: 1,
  ack: 2,
  "ping-request": 3,
  nack: 4,
  gossip: 5,
  sync: 6,
  state: 7,
  "name-taken": 8,
} as const;

export const FLAG = { leaving: 0x01, advertised: 0x02 } as const;

/** States of a member, in the order in which they are numbered on the wire. */
export const STATES = ["alive", "suspect", "dead", "left"] as const;
