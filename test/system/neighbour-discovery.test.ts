import { expect, it } from "vitest";
import { millis, seconds } from "../../src/net/micros.ts";
import { Structure } from "../../src/system/native/memory.ts";
import { inetSockaddr } from "../../src/system/native/sockaddr.ts";
import { SocketError } from "../../src/system/native/socket.ts";
import { watchNeighbour } from "../../src/system/neighbour-discovery.ts";
import { ip } from "../bgp/values.ts";
import { FakeInterfaces } from "../support/fake-interfaces.ts";
import { type FakeNativeSocket, FakeNativeSockets } from "../support/fake-native-sockets.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const ADVERTISEMENT = Uint8Array.of(134, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
const SOLICITATION = Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0);

class Scene {
  readonly clock = new VirtualClock();
  readonly sockets = new FakeNativeSockets();
  readonly interfaces = new FakeInterfaces();
  readonly found: string[] = [];
  readonly failures: string[] = [];
  readonly stop: () => void;

  constructor(prepare: (scene: Scene) => void = (scene) => scene.interfaces.setLink(1)) {
    prepare(this);
    const { stop } = watchNeighbour(
      {
        sockets: this.sockets,
        interfaces: this.interfaces,
        clock: this.clock,
        random: () => 1,
        failed: (name, error) => this.failures.push(`${name} ${error.message}`),
      },
      "eth1",
      (address) => this.found.push(`${address}`),
    );
    this.stop = stop;
  }

  get socket(): FakeNativeSocket {
    const socket = this.sockets.opened.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }

  hear(from: string, bytes = ADVERTISEMENT, hopLimit = 255): readonly string[] {
    this.socket.deliver({ bytes, from: inetSockaddr(ip(from), 0, 1), control: hopLimitMessage(hopLimit) });
    return this.found.splice(0);
  }

  /** What was sent since: type, and for whom. */
  sent(): readonly string[] {
    return this.socket.sent.splice(0).map(({ message, to }) => `${message[0]} to ff02::${to?.[23]}`);
  }
}

function hopLimitMessage(hopLimit: number): Uint8Array {
  return new Structure(24).setU32(0, 20).setU32(8, 41).setU32(12, 52).setU32(16, hopLimit).bytes;
}

it("says who we are and asks who is there: at once three times, then every ten seconds", () => {
  const scene = new Scene();
  expect(scene.sent()).toEqual([]);
  scene.clock.advance(seconds(0));
  expect(scene.sent()).toEqual(["134 to ff02::1", "133 to ff02::2"]);
  scene.clock.advance(seconds(2));
  expect(scene.sent()).toHaveLength(4);
  scene.clock.advance(millis(9999));
  expect(scene.sent()).toEqual([]);
  scene.clock.advance(millis(1));
  expect(scene.sent()).toHaveLength(2);
  scene.hear("fe80::2");
  scene.clock.advance(seconds(10));
  expect(scene.sent()).toEqual(["134 to ff02::1"]);
});

it("its advertisement offers no route, and has its hardware address", () => {
  const scene = new Scene();
  scene.clock.advance(seconds(0));
  const [advertisement] = scene.socket.sent;
  expect(Buffer.from(advertisement?.message ?? []).toString("hex")).toBe(
    "86000000" + "00000000" + "0000000000000000" + "0101020000000001",
  );
});

it("a router's advertisement is told once", () => {
  const scene = new Scene();
  expect(scene.hear("fe80::2")).toEqual(["fe80::2"]);
  expect(scene.hear("fe80::2")).toEqual([]);
});

it.each([
  ["a router forwarded it: RFC 4861 section 6.1.2", "fe80::2", ADVERTISEMENT, 254],
  ["its source is not link-local", "fd00::2", ADVERTISEMENT, 255],
  ["it is cut off", "fe80::2", ADVERTISEMENT.subarray(0, 15), 255],
  ["it has a code", "fe80::2", ADVERTISEMENT.with(1, 1), 255],
  ["it is a solicitation", "fe80::2", SOLICITATION, 255],
  ["it is empty", "fe80::2", new Uint8Array(0), 255],
])("an advertisement is not taken when %s", (_, from, bytes, hopLimit) => {
  expect(new Scene().hear(from, bytes, hopLimit)).toEqual([]);
});

it("a second router takes over only when the first has been silent for 40 s", () => {
  const scene = new Scene();
  scene.hear("fe80::2");
  scene.clock.advance(seconds(20));
  expect(scene.hear("fe80::3")).toEqual([]);
  scene.hear("fe80::2");
  scene.clock.advance(millis(39_999));
  expect(scene.hear("fe80::3")).toEqual([]);
  scene.clock.advance(millis(1));
  expect(scene.hear("fe80::3")).toEqual(["fe80::3"]);
  expect(scene.hear("fe80::2")).toEqual([]);
});

it("solicitations of half a second have one answer", () => {
  const scene = new Scene();
  scene.clock.advance(seconds(2));
  scene.sent();
  scene.hear("fe80::2", SOLICITATION);
  scene.hear("fe80::3", SOLICITATION);
  scene.clock.advance(millis(499));
  expect(scene.sent()).toEqual([]);
  scene.clock.advance(millis(1));
  expect(scene.sent()).toEqual(["134 to ff02::1"]);
  scene.hear("fe80::2", SOLICITATION, 64);
  scene.clock.advance(millis(600));
  expect(scene.sent()).toEqual([]);
});

it("waits for its interface, and begins anew when that comes again", () => {
  const scene = new Scene(() => {});
  expect(scene.sockets.opened).toHaveLength(0);
  scene.interfaces.setLink(2);
  scene.interfaces.setLink(1, { carrier: false });
  expect(scene.sockets.opened).toHaveLength(0);
  scene.interfaces.setLink(1, { carrier: true });
  expect(scene.hear("fe80::2")).toEqual(["fe80::2"]);
  scene.interfaces.removeLink(1);
  expect(scene.socket.closed).toBe(true);
  scene.interfaces.setLink(7, { name: "eth1" });
  expect(scene.sockets.opened).toHaveLength(2);
  expect(scene.hear("fe80::2")).toEqual(["fe80::2"]);
  scene.interfaces.setLink(7, { mac: Uint8Array.of(2, 0, 0, 0, 0, 99) });
  expect(scene.sockets.opened).toHaveLength(3);
  scene.interfaces.setLink(7, { mtu: 9000 });
  expect(scene.sockets.opened).toHaveLength(3);
});

it("errors of a link that goes down cost nothing", () => {
  const scene = new Scene();
  scene.socket.sendError = -99;
  scene.clock.advance(seconds(3));
  scene.socket.deliver(new SocketError("recvmsg", -100));
  scene.socket.sendError = undefined;
  scene.clock.advance(seconds(10));
  expect(scene.sent()).toEqual(["134 to ff02::1", "133 to ff02::2"]);
  expect(scene.hear("fe80::2")).toEqual(["fe80::2"]);
});

it("without the right to do it says so, and tries again when the interface changes", () => {
  const scene = new Scene(({ sockets, interfaces }) => {
    sockets.refuse = -1;
    interfaces.setLink(1);
  });
  expect(scene.failures).toEqual(["eth1 socket: EPERM (needs the capability NET_RAW)"]);
  scene.interfaces.setLink(1, { mtu: 9000 });
  expect(scene.failures).toHaveLength(1);
  scene.sockets.refuse = undefined;
  scene.interfaces.setLink(1, { up: false });
  scene.interfaces.setLink(1, { up: true });
  expect(scene.hear("fe80::2")).toEqual(["fe80::2"]);
});

it("stopped, it is gone", () => {
  const scene = new Scene();
  scene.hear("fe80::2", SOLICITATION);
  scene.stop();
  scene.stop();
  expect([scene.socket.closed, scene.clock.armed, scene.interfaces.listeners]).toEqual([true, 0, 0]);
  scene.interfaces.setLink(1, { up: false });
  expect(scene.sockets.opened).toHaveLength(1);
});
