/** Why an ARP frame was not answered. */
export type ArpDrop = "malformed" | "not-ours";
/** Why a neighbour discovery message was not answered. */
export type NdpDrop = "malformed" | "not-ours";
