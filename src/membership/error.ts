/** Why a packet was not taken. The names are the API: logs and metrics show them. */
export type GossipRefusal = "malformed" | "not-authentic" | "replayed" | "other-version";
