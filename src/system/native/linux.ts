// Numbers of the Linux ABI, as on x86-64, arm64 and all others that Node runs on. Numbers only.

export const AF = { inet: 2, inet6: 10, netlink: 16, packet: 17 } as const;
export const SOCK = { stream: 1, dgram: 2, raw: 3 } as const;
export const IPPROTO = { tcp: 6, udp: 17, icmpv6: 58, raw: 255 } as const;

/** An option as setsockopt(2) names it. */
export interface SocketOption {
  readonly level: number;
  readonly name: number;
}

const SOL = { ip: 0, socket: 1, tcp: 6, ipv6: 41, icmpv6: 58, packet: 263, netlink: 270 } as const;

/** Options by what they do; see ip(7), ipv6(7), tcp(7), socket(7). */
export const OPTION = {
  reuseAddress: { level: SOL.socket, name: 2 },
  receiveBuffer: { level: SOL.socket, name: 8 },
  bindToDevice: { level: SOL.socket, name: 25 },
  ipTos: { level: SOL.ip, name: 1 },
  ipTtl: { level: SOL.ip, name: 2 },
  ipPacketInfo: { level: SOL.ip, name: 8 },
  ipReceiveTtl: { level: SOL.ip, name: 12 },
  ipMinTtl: { level: SOL.ip, name: 21 },
  ipv6UnicastHops: { level: SOL.ipv6, name: 16 },
  ipv6MulticastInterface: { level: SOL.ipv6, name: 17 },
  ipv6MulticastHops: { level: SOL.ipv6, name: 18 },
  ipv6MulticastLoop: { level: SOL.ipv6, name: 19 },
  ipv6JoinGroup: { level: SOL.ipv6, name: 20 },
  ipv6LeaveGroup: { level: SOL.ipv6, name: 21 },
  ipv6Only: { level: SOL.ipv6, name: 26 },
  ipv6ReceivePacketInfo: { level: SOL.ipv6, name: 49 },
  ipv6ReceiveHopLimit: { level: SOL.ipv6, name: 51 },
  ipv6TrafficClass: { level: SOL.ipv6, name: 67 },
  ipv6MinHopCount: { level: SOL.ipv6, name: 73 },
  tcpMd5: { level: SOL.tcp, name: 14 },
  tcpUserTimeout: { level: SOL.tcp, name: 18 },
  tcpMd5Prefix: { level: SOL.tcp, name: 32 },
  icmpv6Filter: { level: SOL.icmpv6, name: 1 },
  packetAddMembership: { level: SOL.packet, name: 1 },
  packetDropMembership: { level: SOL.packet, name: 2 },
} as const satisfies Readonly<Record<string, SocketOption>>;

/** Control messages of received datagrams: level and type. */
export const CONTROL = {
  ipTtl: { level: SOL.ip, type: 2 },
  ipPacketInfo: { level: SOL.ip, type: 8 },
  ipv6PacketInfo: { level: SOL.ipv6, type: 50 },
  ipv6HopLimit: { level: SOL.ipv6, type: 52 },
} as const;

/** Ethernet protocol numbers as packet(7) sockets take them. */
export const ETHERTYPE = { all: 3, ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;

/** rtnetlink(7). */
export const RTNETLINK = {
  protocol: 0,
  groups: { link: 1, neighbour: 4, ipv4Address: 0x10, ipv6Address: 0x100 },
  message: {
    error: 2,
    done: 3,
    newLink: 16,
    delLink: 17,
    getLink: 18,
    newAddress: 20,
    delAddress: 21,
    getAddress: 22,
    newNeighbour: 28,
    delNeighbour: 29,
    getNeighbour: 30,
  },
  flags: { request: 1, dumpInterrupted: 0x10, dump: 0x300 },
  linkAttribute: { mac: 1, name: 3, mtu: 4, parent: 5, master: 10, operState: 16, linkInfo: 18 },
  linkInfoKind: 1,
  addressAttribute: { address: 1, local: 2, flags: 8 },
  neighbourAttribute: { address: 1, mac: 2 },
} as const;

/** sched_setscheduler(2). */
export const SCHED = { roundRobin: 2, resetOnFork: 0x4000_0000 } as const;

export const INTERFACE_FLAG = { up: 1, broadcast: 2, loopback: 8, noArp: 0x80, lowerUp: 0x10000 } as const;
export const ADDRESS_FLAG = { dadFailed: 8, deprecated: 0x20, tentative: 0x40 } as const;
