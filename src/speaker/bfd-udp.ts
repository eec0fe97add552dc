import { PORT, TTL } from "../bfd/iana.ts";
import type { IpAddress } from "../net/ip-address.ts";
import type { OpenUdp, UdpSocket } from "../system/udp.ts";
import type { OpenUdpLoop } from "../system/udp-loop.ts";
import type { BfdSendPath, BfdUdp } from "./bfd-ports.ts";

export interface BfdUdpPorts {
  readonly openUdp: OpenUdp;
  readonly openLoop: OpenUdpLoop;
  /** The kernel's number of an interface. @throws SystemError when there is none of this name */
  readonly interfaceIndex: (name: string) => number;
  /** Called for each datagram that was read. */
  readonly read?: () => void;
}

/** One less than what came, as a router that forwards has it: the sender tells its own packets from the peer's by it. */
const REFLECTED_TTL = TTL - 1;

/** BFD's sockets out of the kernel's UDP. Over a single hop the kernel itself drops what has not TTL 255 (RFC 5881 section 5). */
export function bfdUdp({ openUdp, openLoop, interfaceIndex, read }: BfdUdpPorts): BfdUdp {
  const names = new Map<number, string>();
  return {
    listen: ({ family, multihop }, received) =>
      openUdp(
        { family, port: multihop ? PORT.multihop : PORT.singleHop, ...(multihop ? {} : { minTtl: TTL }) },
        {
          received: ({ payload, from, to, interfaceIndex: index, ttl }) => {
            read?.();
            // No session has an interface that no session has opened: its number stands for it.
            received({ bytes: payload, from: from.address, to, interface: names.get(index) ?? `${index}`, ttl });
          },
          failed: () => {},
        },
      ),
    reflect: (family, mayReflect) => {
      const socket = openUdp(
        { family, port: PORT.echo, minTtl: TTL, ttl: REFLECTED_TTL },
        {
          received: ({ payload, from }) => {
            if (mayReflect(from.address)) socket.send(payload, { ...from, port: PORT.echo });
          },
          failed: () => {},
        },
      );
      return socket;
    },
    loop: (returned) =>
      openLoop(PORT.echo, (payload) => {
        read?.();
        returned(payload);
      }),
    open: (path) => {
      const index = path.interface === undefined ? undefined : interfaceIndex(path.interface);
      if (index !== undefined && path.interface !== undefined) names.set(index, path.interface);
      const socket = openSender(openUdp, path, index);
      const to = {
        address: path.peer,
        port: path.multihop ? PORT.multihop : PORT.singleHop,
        ...scope(path.peer, index),
      };
      return {
        send: (bytes) => socket.send(bytes, to)?.message,
        close: () => socket.close(),
      };
    },
  };
}

function openSender(openUdp: OpenUdp, path: BfdSendPath, index: number | undefined): UdpSocket {
  const { local, peer } = path;
  return openUdp(
    {
      family: peer.family,
      port: path.sourcePort,
      ...(local === undefined ? {} : { address: local, ...scope(local, index) }),
      ...(path.interface === undefined ? {} : { bindToDevice: path.interface }),
    },
    // Peers answer to the port of BFD, not to this one.
    { received: () => {}, failed: () => {} },
  );
}

function scope(address: IpAddress, index: number | undefined): { readonly scope?: number } {
  return index !== undefined && address.family === 6 && address.isLinkLocal ? { scope: index } : {};
}
