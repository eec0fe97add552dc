import { describe, expect, it } from "vitest";
import type { BfdDatagram } from "../../src/speaker/bfd-ports.ts";
import { bfdUdp } from "../../src/speaker/bfd-udp.ts";
import type { Datagram, UdpBinding, UdpHandlers, UdpPeer } from "../../src/system/udp.ts";
import { ip } from "./bfd-network.ts";

interface Opened {
  readonly binding: UdpBinding;
  readonly handlers: UdpHandlers;
  readonly sent: UdpPeer[];
  closed: boolean;
}

const INDEX: Readonly<Record<string, number>> = { eth0: 4, eth1: 5 };

function fake(): { readonly opened: Opened[]; readonly udp: ReturnType<typeof bfdUdp> } {
  const opened: Opened[] = [];
  const udp = bfdUdp({
    openLoop: () => ({ send: () => undefined, close: () => {} }),
    interfaceIndex: (name) => INDEX[name] ?? 0,
    openUdp: (binding, handlers) => {
      const socket: Opened = { binding, handlers, sent: [], closed: false };
      opened.push(socket);
      return {
        port: binding.port,
        send: (_payload, to) => {
          socket.sent.push(to);
          return undefined;
        },
        close: () => {
          socket.closed = true;
        },
      };
    },
  });
  return { opened, udp };
}

function datagram(from: string, fields: Partial<Datagram> = {}): Datagram {
  const sender = { address: ip(from), port: 49_200 };
  return { payload: Uint8Array.of(1), from: sender, to: ip("10.0.0.1"), interfaceIndex: 4, ttl: 255, ...fields };
}

describe("bfdUdp()", () => {
  it("RFC 5881 section 5: over a single hop the kernel drops all but TTL 255; over several it tells the TTL", () => {
    const { opened, udp } = fake();
    udp.listen({ family: 4, multihop: false }, () => {});
    udp.listen({ family: 6, multihop: true }, () => {});
    expect(opened.map(({ binding }) => binding)).toEqual([
      { family: 4, port: 3784, minTtl: 255 },
      { family: 6, port: 4784 },
    ]);
  });

  it("names the interface of a session, and no other", () => {
    const { opened, udp } = fake();
    const heard: BfdDatagram[] = [];
    udp.listen({ family: 6, multihop: false }, (d) => heard.push(d));
    const path = { peer: ip("fe80::2"), local: ip("fe80::1"), interface: "eth0", multihop: false, sourcePort: 50_000 };
    udp.open(path).send(new Uint8Array(24));
    expect(opened[1]?.binding).toEqual({
      family: 6,
      address: ip("fe80::1"),
      scope: 4,
      port: 50_000,
      bindToDevice: "eth0",
    });
    expect(opened[1]?.sent).toEqual([{ address: ip("fe80::2"), port: 3784, scope: 4 }]);
    opened[0]?.handlers.received(datagram("fe80::2"));
    opened[0]?.handlers.received(datagram("fe80::2", { interfaceIndex: 5 }));
    expect(heard.map((d) => d.interface)).toEqual(["eth0", "5"]);
  });

  it("sends over several hops to port 4784, without an interface", () => {
    const { opened, udp } = fake();
    udp.open({ peer: ip("10.0.0.2"), multihop: true, sourcePort: 50_001 }).send(new Uint8Array(24));
    expect(opened[0]?.binding).toEqual({ family: 4, port: 50_001 });
    expect(opened[0]?.sent).toEqual([{ address: ip("10.0.0.2"), port: 4784 }]);
  });

  it("sends the echo packets of a neighbour back with one hop less, and nobody else's", () => {
    const { opened, udp } = fake();
    const reflector = udp.reflect(4, (from) => from.equals(ip("10.0.0.2")));
    expect(opened[0]?.binding).toEqual({ family: 4, port: 3785, minTtl: 255, ttl: 254 });
    opened[0]?.handlers.received(datagram("10.0.0.2"));
    opened[0]?.handlers.received(datagram("10.0.0.3"));
    expect(opened[0]?.sent).toEqual([{ address: ip("10.0.0.2"), port: 3785 }]);
    reflector.close();
    expect(opened[0]?.closed).toBe(true);
  });
});
