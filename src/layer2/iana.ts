/** IEEE 802 numbers. */
export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
/** IANA "ARP parameters". */
export const ARP = { hardwareEthernet: 1, operation: { request: 1, reply: 2 } } as const;
/** IANA "Assigned Internet Protocol Numbers". */
export const PROTOCOL = { icmpv6: 58 } as const;
/** IANA "ICMPv6 type numbers". */
export const ICMPV6 = { neighbourSolicitation: 135, neighbourAdvertisement: 136 } as const;
/** IANA "IPv6 neighbor discovery option formats"; 253 is for experiments (RFC 4727 section 3). */
export const NDP_OPTION = { sourceLinkAddress: 1, targetLinkAddress: 2, experiment: 253 } as const;
/** RFC 4861: what neighbours send has crossed no router. */
export const HOP_LIMIT = 255;
