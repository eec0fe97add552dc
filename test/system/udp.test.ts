import { afterEach, describe, expect, it } from "vitest";
import type { IpAddress } from "../../src/net/ip-address.ts";
import { systemSockets } from "../../src/system/native/socket.ts";
import { type Datagram, type OpenUdp, type UdpBinding, type UdpSocket, udpSockets } from "../../src/system/udp.ts";
import { ip } from "../bgp/values.ts";
import { FakeUdp } from "../support/fake-udp.ts";
import { until } from "../support/until.ts";

// The contract of UDP sockets, on the fake and on the kernel's loopback.

const fake = new FakeUdp();
const missing = !systemSockets.available && process.env["CI"] !== "true";
const KINDS: readonly (readonly [string, OpenUdp, boolean])[] = [
  ["the fake", fake.open, false],
  ["the kernel", udpSockets(systemSockets), missing],
];
const open: UdpSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

describe.each(KINDS)("UDP: %s", (_, openUdp, skip) => {
  type Heard = Omit<Datagram, "payload" | "to"> & { readonly text: string; readonly to: string };
  const bound = (binding: UdpBinding): { readonly socket: UdpSocket; readonly heard: Heard[] } => {
    const heard: Heard[] = [];
    const socket = openUdp(binding, {
      received: ({ payload, to, ...rest }) =>
        heard.push({ ...rest, to: `${to}`, text: new TextDecoder().decode(payload) }),
      failed: () => {},
    });
    open.push(socket);
    return { socket, heard };
  };
  const say = (from: UdpSocket, text: string, address: IpAddress, port: number): void => {
    expect(from.send(new TextEncoder().encode(text), { address, port })).toBeUndefined();
  };
  const texts = async (heard: readonly Heard[], count: number): Promise<readonly string[]> => {
    await until("datagrams", () => {
      fake.settle();
      return heard.length >= count;
    });
    return heard.map(({ text }) => text);
  };

  it.skipIf(skip).each([
    ["IPv4", 4, "127.0.0.1", "127.0.0.2"],
    ["IPv6", 6, "::1", "::1"],
  ] as const)("%s: tells the sender, our address, the interface and the TTL", async (_name, family, at, from) => {
    const listener = bound({ family, port: 0 });
    const sender = bound({ family, address: ip(from), port: 0 });
    say(sender.socket, "hello", ip(at), listener.socket.port);
    await texts(listener.heard, 1);
    expect(listener.heard).toEqual([
      {
        text: "hello",
        to: at,
        interfaceIndex: 1,
        ttl: 255,
        from: { address: ip(from), port: sender.socket.port, scope: 0 },
      },
    ]);
  });

  it.skipIf(skip).each([
    ["IPv4", 4, "127.0.0.1"],
    ["IPv6", 6, "::1"],
  ] as const)(
    "%s: only 255 arrives where the peer must be on the link, RFC 5881 section 5",
    async (_name, family, at) => {
      const single = bound({ family, port: 0, minTtl: 255 });
      const multi = bound({ family, port: 0 });
      for (const ttl of [64, 254, 1, 255]) {
        const sender = bound({ family, port: 0, ttl });
        say(sender.socket, `${ttl}`, ip(at), single.socket.port);
        say(sender.socket, `${ttl}`, ip(at), multi.socket.port);
      }
      expect(await texts(multi.heard, 4)).toEqual(["64", "254", "1", "255"]);
      expect(multi.heard.map(({ ttl }) => ttl)).toEqual([64, 254, 1, 255]);
      expect(await texts(single.heard, 1)).toEqual(["255"]);
    },
  );

  it.skipIf(skip)("a lower minimum takes what is not below it", async () => {
    const listener = bound({ family: 4, port: 0, minTtl: 250 });
    for (const ttl of [249, 250, 251])
      say(bound({ family: 4, port: 0, ttl }).socket, `${ttl}`, ip("127.0.0.1"), listener.socket.port);
    expect(await texts(listener.heard, 2)).toEqual(["250", "251"]);
  });

  it.skipIf(skip)("a port that is taken, and an address of the other family, are errors", () => {
    const { socket } = bound({ family: 4, address: ip("127.0.0.1"), port: 0 });
    expect(() => bound({ family: 4, address: ip("127.0.0.1"), port: socket.port })).toThrow("EADDRINUSE");
    expect(socket.send(new Uint8Array(1), { address: ip("::1"), port: 1 })).toMatchObject({ errno: "EAFNOSUPPORT" });
  });

  it.skipIf(skip)("nothing arrives after closing, also not what was sent before", async () => {
    const listener = bound({ family: 4, port: 0 });
    const sender = bound({ family: 4, port: 0 });
    say(sender.socket, "late", ip("127.0.0.1"), listener.socket.port);
    listener.socket.close();
    const other = bound({ family: 4, port: 0 });
    say(sender.socket, "mark", ip("127.0.0.1"), other.socket.port);
    await texts(other.heard, 1);
    expect(listener.heard).toEqual([]);
  });

  it.skipIf(skip)("a handler may close its own socket", async () => {
    const heard: number[] = [];
    const socket = openUdp(
      { family: 4, port: 0 },
      {
        received: () => {
          heard.push(1);
          socket.close();
        },
        failed: () => {},
      },
    );
    const sender = bound({ family: 4, port: 0 });
    for (let i = 0; i < 3; i++) say(sender.socket, "x", ip("127.0.0.1"), socket.port);
    const mark = bound({ family: 4, port: 0 });
    say(sender.socket, "mark", ip("127.0.0.1"), mark.socket.port);
    await texts(mark.heard, 1);
    expect(heard).toEqual([1]);
  });
});
