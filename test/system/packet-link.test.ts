import { beforeEach, describe, expect, it } from "vitest";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import type { PacketLink } from "../../src/speaker/layer2-ports.ts";
import { OPTION } from "../../src/system/native/linux.ts";
import { SocketError } from "../../src/system/native/socket.ts";
import { type KernelPacketLink, packetLinks } from "../../src/system/packet-link.ts";
import { FakeNativeSockets } from "../support/fake-native-sockets.ts";
import { FakeLan, type FakeStation } from "../support/fake-packet-links.ts";
import { type LinkWorld, packetLinkContract } from "./packet-link-contract.ts";

const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const addresses = (...texts: readonly string[]) => texts.map(parseIpAddress).filter((one) => one !== undefined);

describe("a link on a fake LAN", () => {
  let world: LinkWorld;
  beforeEach(async () => {
    world = fakeWorld();
    await world.open();
  });
  packetLinkContract(() => world);
});

function fakeWorld(): LinkWorld {
  const lan = new FakeLan();
  const [own, other]: readonly FakeStation[] = [1, 2].map((i) => lan.attach(Uint8Array.of(2, 0, 0, 0, 0, i)));
  if (own === undefined || other === undefined) throw new Error("two stations were attached");
  const [heard, failures, neighbourHeard]: [string[], string[], string[]] = [[], [], []];
  other.openLink({ index: 2, name: "eth0" }, { received: (frame) => neighbourHeard.push(hex(frame)), failed() {} });
  let link: PacketLink | undefined;
  const handlers = {
    received: (frame: Uint8Array) => heard.push(hex(frame)),
    failed: (message: string) => failures.push(message),
  };
  return {
    mac: "020000000001",
    open: async () => {
      link = own.openLink({ index: 1, name: "eth0" }, handlers);
    },
    send: async (frame) => link?.send(octets(frame)) ?? false,
    listenFor: async (targets) => link?.listenFor(addresses(...targets)),
    heard: async () => heard,
    failures: async () => failures,
    close: async () => link?.close(),
    setUp: async (up) => own.setUp(up),
    neighbourSends: async (...frames) => {
      for (const frame of frames) other.send(octets(frame));
      lan.settle();
    },
    neighbourHeard: async () => {
      lan.settle();
      return neighbourHeard;
    },
  };
}

describe("what the kernel may answer", () => {
  const ARP = octets(`ffffffffffff0200000000010806${"00".repeat(46)}`);
  const NDP = octets(`ffffffffffff02000000000186dd${"00".repeat(72)}`);
  let sockets: FakeNativeSockets;
  let heard: string[];
  let failures: string[];
  const open = (): KernelPacketLink =>
    packetLinks(sockets)(
      { index: 7 },
      { received: (frame) => heard.push(hex(frame)), failed: (message) => failures.push(message) },
    );
  const socket = (i: number) => {
    const found = sockets.opened[i];
    if (found === undefined) throw new Error(`no socket ${i} was opened`);
    return found;
  };

  beforeEach(() => {
    sockets = new FakeNativeSockets();
    [heard, failures] = [[], []];
  });

  it("a link that cannot be opened leaves no socket open", () => {
    sockets.refuseBind = -19;
    expect(open).toThrow("bind: ENODEV");
    expect(sockets.opened.map(({ closed }) => closed)).toEqual([true]);
    sockets.refuseBind = undefined;
    sockets.mostSockets = 2;
    expect(open).toThrow("EPERM");
    expect(sockets.opened.map(({ closed }) => closed)).toEqual([true, true]);
  });

  it("the filter is there before the socket is bound, and it is opened for nothing until then", () => {
    open();
    for (const { kind, calls } of sockets.opened) {
      expect(kind).toEqual([17, 3, 0]);
      expect(calls).toEqual(["attachFilter", "bind"]);
    }
  });

  it("ARP and neighbour discovery leave by the socket that is bound to their protocol", () => {
    const link = open();
    link.send(NDP);
    link.send(ARP);
    expect(sockets.opened.map(({ sent }) => sent.map(({ message }) => hex(message)))).toEqual([[hex(ARP)], [hex(NDP)]]);
  });

  it("no room in the kernel is an answer, a link that is gone is an exception", () => {
    const link = open();
    socket(0).full = true;
    expect(link.send(ARP)).toBe(false);
    socket(0).full = false;
    socket(0).sendError = -6;
    expect(() => link.send(ARP)).toThrow(SocketError);
  });

  it("a frame longer than Ethernet's is dropped", () => {
    open();
    const longest = new Uint8Array(1514).fill(1);
    socket(0).deliver({ bytes: new Uint8Array(1515) }, { bytes: longest });
    expect(heard).toEqual([hex(longest)]);
  });

  it("frames lost for want of memory do not end the link, another error does, once", () => {
    open();
    socket(0).deliver(new SocketError("recvmmsg", -105));
    socket(1).deliver(new SocketError("recvmmsg", -12), { bytes: NDP });
    expect([heard, failures]).toEqual([[], []]);
    socket(1).deliver();
    expect(heard).toEqual([hex(NDP)]);
    socket(1).deliver(new SocketError("recvmmsg", -100));
    socket(0).deliver(new SocketError("recvmmsg", -100), { bytes: ARP });
    expect([heard.length, failures]).toEqual([1, [expect.stringContaining("ENETDOWN")]]);
    expect(sockets.opened.every(({ closed }) => closed)).toBe(true);
  });

  it("a link closed by what it heard says no more of that batch", () => {
    const link = packetLinks(sockets)(
      { index: 7 },
      {
        received: (frame) => {
          heard.push(hex(frame));
          link.close();
        },
        failed: (message) => failures.push(message),
      },
    );
    socket(0).deliver({ bytes: ARP }, { bytes: ARP });
    expect(heard.length).toBe(1);
  });

  describe("groups", () => {
    const names = Object.entries(OPTION);
    const done = (i: number): readonly string[] =>
      socket(i).options.flatMap(([level, name, value]) => {
        const option = names.find(([, one]) => one.level === level && one.name === name)?.[0] ?? "";
        if (typeof value === "number") return [];
        return [`${option} ${option.startsWith("packet") ? hex(value.subarray(8, 14)) : hex(value.subarray(12, 16))}`];
      });

    it("join and leave by difference, in the card and by MLD", () => {
      const link = open();
      link.listenFor(addresses("fd77::1:100", "fd77::2:100", "10.0.0.1", "fd77::ab:cdef"));
      link.listenFor(addresses("fd77::2:100"));
      link.listenFor(addresses("fd77::2:100"));
      expect(done(1)).toEqual([
        "packetAddMembership 3333ff010100",
        "packetAddMembership 3333ff020100",
        "packetAddMembership 3333ffabcdef",
        "packetDropMembership 3333ff010100",
        "packetDropMembership 3333ffabcdef",
      ]);
      expect(done(2)).toEqual([
        "ipv6JoinGroup ff010100",
        "ipv6JoinGroup ff020100",
        "ipv6JoinGroup ffabcdef",
        "ipv6LeaveGroup ff010100",
        "ipv6LeaveGroup ffabcdef",
      ]);
    });

    it("more than a socket may have go to another, and room that was left is used again", () => {
      const link = open();
      sockets.mostGroups = 2;
      link.listenFor(addresses("::1", "::2", "::3"));
      expect([done(2), done(3)]).toEqual([
        ["ipv6JoinGroup ff000001", "ipv6JoinGroup ff000002"],
        ["ipv6JoinGroup ff000003"],
      ]);
      link.listenFor(addresses("::2", "::3", "::4"));
      expect(done(2).slice(2)).toEqual(["ipv6LeaveGroup ff000001", "ipv6JoinGroup ff000004"]);
      link.close();
      expect(sockets.opened.every(({ closed }) => closed)).toBe(true);
    });

    it("that cannot be joined now, as without IPv6, are tried again and leave no socket", () => {
      const link = open();
      sockets.mostGroups = 0;
      link.listenFor(addresses("::1"));
      expect(sockets.opened.map(({ closed }) => closed)).toEqual([false, false, true]);
      sockets.mostGroups = 1;
      link.listenFor(addresses("::1"));
      expect(done(3)).toEqual(["ipv6JoinGroup ff000001"]);
      expect(done(1)).toEqual(["packetAddMembership 3333ff000001"]);
    });
  });
});
