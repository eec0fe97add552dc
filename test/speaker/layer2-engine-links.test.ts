import { describe, expect, it, test } from "vitest";
import { formatMac } from "../../src/net/mac-address.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { excludePattern, usableInterfaces } from "../../src/speaker/layer2-engine-interfaces.ts";
import type { Link } from "../../src/system/interfaces.ts";
import { ip } from "../layer2/values.ts";
import { FakeInterfaces } from "../support/fake-interfaces.ts";
import { Lan, macText, Node, Station, scene } from "./layer2-lan.ts";

const V4 = "10.0.0.100";
const V6 = "fd00::1:100";

describe("usableInterfaces()", () => {
  function familiesOf(change: Partial<Link>, address?: { text?: string; tentative?: boolean }): readonly number[] {
    const interfaces = new FakeInterfaces();
    if (address !== undefined)
      interfaces.setAddresses([
        {
          interfaceIndex: 1,
          address: ip(address.text ?? "fe80::1"),
          prefixLength: 64,
          tentative: address.tentative ?? false,
          deprecated: false,
        },
      ]);
    interfaces.setLink(1, change);
    return usableInterfaces(interfaces.view, excludePattern(undefined)).flatMap(({ families }) => families);
  }

  test.each<[string, Partial<Link>, Parameters<typeof familiesOf>[1], readonly number[]]>([
    ["switched off", { up: false }, {}, []],
    ["without a carrier", { carrier: false }, {}, []],
    ["the port of a bridge or a bond", { master: 7 }, {}, []],
    ["loopback", { name: "loop", loopback: true }, {}, []],
    ["with NOARP", { resolves: false }, {}, []],
    ["without a hardware address", { mac: new Uint8Array(0) }, {}, []],
    ["with a hardware address of 20 octets", { mac: new Uint8Array(20).fill(2) }, {}, []],
    ["with a hardware address of zeros", { mac: new Uint8Array(6) }, {}, []],
    ["neither broadcast nor IPv6", { broadcast: false }, undefined, []],
    ["IPv6 without broadcast", { broadcast: false }, {}, [6]],
    ["without IPv6", {}, undefined, [4]],
    ["an IPv6 address that is tentative, or a duplicate", {}, { tentative: true }, [4]],
    ["only an IPv4 address", {}, { text: "10.0.0.1" }, [4]],
    ["a global IPv6 address, no link-local one", {}, { text: "fd00::1" }, [4, 6]],
    ["both", {}, {}, [4, 6]],
    ["a bridge", { name: "br0", kind: "bridge" }, {}, [4, 6]],
    ["a bond", { name: "bond0", kind: "bond" }, {}, [4, 6]],
    ["a VLAN", { name: "eth0.5", kind: "vlan", parent: 7 }, {}, [4, 6]],
  ])("%s", (_name, change, address, families) => {
    expect(familiesOf(change, address)).toEqual(families);
  });

  test.each([
    ...["docker0", "cbr0", "dummy0", "virbr0", "lxcbr0", "veth12", "lo", "cali1", "tunl0", "flannel.1", "kube-ipvs0"],
    ...["cni0", "nodelocaldns", "lxc1"],
  ])("leaves %s alone, as MetalLB", (name) => {
    expect(familiesOf({ name }, {})).toEqual([]);
  });

  test.each(["lo1", "xdocker", "eth0", "ens3", "vlan100"])("takes %s", (name) => {
    expect(familiesOf({ name }, {})).toEqual([4, 6]);
  });

  it("takes a pattern of the operator's, unanchored, in place of MetalLB's", () => {
    const interfaces = new FakeInterfaces();
    for (const [i, name] of ["eth0", "veth9", "mgmt0", "data-mgmt"].entries()) interfaces.setLink(i + 1, { name });
    const names = usableInterfaces(interfaces.view, excludePattern("mgmt|^lo$")).map(({ name }) => name);
    expect(names).toEqual(["eth0", "veth9"]);
  });

  it("a pattern that is none is refused by name", () => {
    expect(() => excludePattern("(")).toThrow(expect.objectContaining({ code: "ERR_LAYER2_BAD_EXCLUDE_PATTERN" }));
  });
});

function pair(): { a: Lan; b: Lan; node: Node } {
  const a = new Lan();
  const b = new Lan(a.clock);
  return { a, b, node: new Node("node-1", 1, [a, b]) };
}

describe("interfaces that come and go", () => {
  it("are told at start and at each change, sorted, and not before anything is known", () => {
    const { a, node } = pair();
    expect(node.told("interfaces").map(({ names }) => names)).toEqual([[], ["eth1"], ["eth1", "eth2"]]);
    expect(new Node("node-2", 2, []).reports).toEqual([]);
    node.unplug(1);
    node.interfaces.setLink(9, { name: "docker0" });
    node.interfaces.setAddresses([]);
    expect(
      node
        .told("interfaces")
        .map(({ names }) => names)
        .slice(3),
    ).toEqual([["eth2"]]);
    node.interfaces.removeLink(2);
    expect(node.told("interfaces").at(-1)?.names).toEqual([]);
    expect(a.clock.now()).toBe(0);
  });

  test.each([V4, V6])(
    "%s is announced and answered on one that comes later, and not announced again elsewhere",
    (address) => {
      const { a, b, node } = pair();
      node.unplug(2);
      node.hold(address);
      a.clock.advance(seconds(20));
      const start = a.clock.now();
      const client = new Station("client", b, "02:00:00:00:99:01");
      node.plug(2);
      a.clock.advance(millis(1));
      expect(client.cache.get(address)).toBe(macText(node, 2));
      a.clock.advance(seconds(5));
      expect(b.announcements("node-1", address, start)).toBe(address === V4 ? 6 : 3);
      expect(a.announcements("node-1", address, start)).toBe(0);
      client.ask(address);
      a.clock.advance(millis(1));
      expect(client.answers).toMatchObject([{ mac: macText(node, 2) }]);
      expect(node.told("announced")).toHaveLength(1);
      expect(node.held(address)?.interfaces).toEqual(["eth1", "eth2"]);
    },
  );

  test.each([V4, V6])("%s held without an interface is announced, and said so, when one comes", (address) => {
    const { a, node } = pair();
    for (const index of [1, 2]) node.unplug(index);
    node.hold(address);
    node.hold("10.0.0.101", { probe: true });
    a.clock.advance(seconds(20));
    expect(node.told("announced")).toEqual([]);
    expect(node.held("10.0.0.101")?.state).toBe("probing");
    node.plug(1);
    a.clock.advance(seconds(2));
    expect(node.told("announced").map(({ ip: told, interfaces }) => `${told} ${interfaces}`)).toEqual([
      `${address} eth1`,
      "10.0.0.101 eth1",
    ]);
    expect(a.probes("node-1", "10.0.0.101")).toBe(3);
  });

  it("an IPv6 address waits until the interface speaks IPv6", () => {
    const { a, node } = pair();
    node.unplug(2);
    node.interfaces.setAddresses([]);
    node.hold(V6);
    a.clock.advance(seconds(20));
    expect(node.told("announced")).toEqual([]);
    node.plug(1);
    a.clock.advance(seconds(1));
    expect(node.told("announced")).toHaveLength(1);
    expect(node.opened).toEqual(["eth1", "eth2"]);
  });

  it("an interface that vanishes in the middle of a burst holds nothing up", () => {
    const { a, node } = pair();
    node.room = () => false;
    node.hold(V4);
    a.clock.advance(millis(5));
    node.unplug(2);
    node.room = () => true;
    a.clock.advance(seconds(10));
    expect(node.held(V4)?.state).toBe("holding");
    expect(node.told("announced")).toMatchObject([{ interfaces: ["eth1"] }]);
  });

  it("another hardware address is announced at once", () => {
    const { lan, nodes, client } = scene(1);
    const [node] = nodes;
    node?.hold(V4);
    lan.clock.advance(seconds(20));
    node?.interfaces.setLink(1, { mac: Uint8Array.of(2, 0, 0, 0, 0x77, 1) });
    lan.clock.advance(millis(1));
    expect(client.cache.get(V4)).toBe("02:00:00:00:77:01");
    client.ask(V4);
    lan.clock.advance(millis(1));
    expect(client.answers).toMatchObject([{ mac: "02:00:00:00:77:01" }]);
    expect(node?.opened).toEqual(["eth1"]);
    expect(node?.inspect().interfaces).toEqual([{ name: "eth1", mac: "02:00:00:00:77:01", families: [4, 6] }]);
  });

  it("another name is another interface", () => {
    const { a, node } = pair();
    node.hold(V4, { interfaces: ["eth1"] });
    a.clock.advance(seconds(10));
    node.interfaces.setLink(1, { name: "eth2x" });
    expect(node.held(V4)?.interfaces).toEqual([]);
  });

  it("one that flaps every second announces at gaps that double, and answers all the time", () => {
    const { lan, nodes, client } = scene(1);
    const [node] = nodes;
    if (node === undefined) throw new Error("no node");
    node.hold(V4);
    lan.clock.advance(seconds(200));
    const start = lan.clock.now();
    for (let second = 0; second < 60; second++) {
      node.unplug(1);
      lan.clock.advance(millis(500));
      node.plug(1);
      client.ask(V4);
      lan.clock.advance(millis(500));
    }
    const bursts = lan.announcements("node-1", V4, start) / 2;
    expect(bursts).toBeGreaterThan(4);
    expect(bursts).toBeLessThan(9);
    expect(client.answers).toHaveLength(60);
    expect(node.opened).toHaveLength(61);
    // Quiet for two minutes, it is as any other.
    lan.clock.advance(seconds(200));
    node.unplug(1);
    const later = lan.clock.now();
    node.plug(1);
    lan.clock.advance(millis(1));
    expect(lan.announcements("node-1", V4, later)).toBe(2);
  });

  it("one that flaps while an address is probed there never lets it pass unheard", () => {
    const { lan, nodes } = scene(1);
    const [node] = nodes;
    node?.hold(V4, { probe: true });
    for (let i = 0; i < 20; i++) {
      node?.unplug(1);
      lan.clock.advance(millis(100));
      node?.plug(1);
      lan.clock.advance(millis(900));
    }
    expect(node?.told("announced")).toEqual([]);
    lan.clock.advance(seconds(2));
    expect(node?.told("announced")).toHaveLength(1);
  });
});

describe("addresses on some interfaces only", () => {
  it("are announced and answered there and nowhere else", () => {
    const { a, b, node } = pair();
    const [left, right] = [new Station("l", a, "02:00:00:00:99:01"), new Station("r", b, "02:00:00:00:99:02")];
    node.hold(V4, { interfaces: ["eth2"] });
    node.hold(V6, { interfaces: ["eth2"] });
    a.clock.advance(seconds(10));
    for (const station of [left, right]) for (const address of [V4, V6]) station.ask(address);
    a.clock.advance(millis(1));
    expect(left.answers).toEqual([]);
    expect(right.answers).toHaveLength(2);
    expect(a.sent.filter(({ from }) => from === "node-1")).toEqual([]);
    expect(node.told("announced")[0]?.interfaces).toEqual(["eth2"]);
    expect(node.inspect().dropped["other-interface"]).toBe(1);
    expect(node.groups.get("eth1")?.size).toBe(1);
  });

  it("that are told others move there, with a burst on the new one", () => {
    const { a, b, node } = pair();
    const client = new Station("client", b, "02:00:00:00:99:01");
    node.hold(V6, { interfaces: ["eth1"] });
    a.clock.advance(seconds(20));
    const start = a.clock.now();
    node.hold(V6, { interfaces: ["eth2"] });
    a.clock.advance(millis(2));
    expect(client.cache.get(V6)).toBe(macText(node, 2));
    expect(node.groups.get("eth1")?.size).toBe(1);
    expect(node.groups.get("eth2")?.size).toBe(2);
    expect(a.announcements("node-1", V6, start)).toBe(0);
    node.hold(V6, { interfaces: ["eth7"] });
    expect(node.held(V6)?.interfaces).toEqual([]);
    node.release(V6, "handover");
    expect(node.told("released")).toMatchObject([{ because: "asked" }]);
  });
});

describe("interfaces that cannot be opened", () => {
  it("are told once, tried again after a while, and at once when they change", () => {
    const lan = new Lan();
    let reason: string | undefined = "socket: EPERM";
    const other = new Node("node-2", 2, [lan]);
    other.unplug(1);
    other.refuse = () => reason;
    other.plug(1);
    other.hold(V4);
    lan.clock.advance(seconds(100));
    expect(other.told("interface-failed")).toEqual([
      { type: "interface-failed", interface: "eth1", message: "socket: EPERM" },
    ]);
    expect(other.told("interfaces").at(-1)?.names).toEqual([]);
    reason = undefined;
    other.interfaces.setLink(1, { mtu: 9000 });
    lan.clock.advance(millis(1));
    expect(other.told("announced")).toHaveLength(1);
  });

  it("one whose socket hears first that it goes down has not failed", () => {
    const { lan, nodes } = scene(1);
    const [node] = nodes;
    node?.fail("eth1", "recv: ENETDOWN");
    node?.unplug(1);
    lan.clock.advance(seconds(5));
    node?.plug(1);
    lan.clock.advance(seconds(5));
    expect(node?.told("interface-failed")).toEqual([]);
    expect(node?.told("interfaces").at(-1)?.names).toEqual(["eth1"]);
  });

  it("one whose socket fails is opened again, later and later while it goes on failing", () => {
    const { lan, nodes } = scene(1);
    const [node] = nodes;
    if (node === undefined) throw new Error("no node");
    node.hold(V4);
    lan.clock.advance(seconds(10));
    node.fail("eth1", "recv: ENETDOWN");
    expect(node.told("interfaces").at(-1)?.names).toEqual([]);
    expect(node.told("interface-failed")).toEqual([]);
    lan.clock.advance(seconds(1));
    expect(node.told("interface-failed")).toMatchObject([{ interface: "eth1", message: "recv: ENETDOWN" }]);
    expect(node.told("interfaces").at(-1)?.names).toEqual(["eth1"]);
    for (let i = 0; i < 100; i++) {
      node.fail("eth1", "recv: ENETDOWN");
      lan.clock.advance(seconds(1));
    }
    expect(node.told("interface-failed")).toHaveLength(1);
    expect(node.opened.length).toBeLessThan(10);
    lan.clock.advance(seconds(100));
    expect(node.told("interfaces").at(-1)?.names).toEqual(["eth1"]);
    expect(node.held(V4)?.state).toBe("holding");
  });

  test.each([V4, V6])(
    "one that refuses a frame of %s is closed, opened again, and nothing else is the worse for it",
    (address) => {
      const { lan, nodes, client } = scene(1);
      const [node] = nodes;
      if (node === undefined) throw new Error("no node");
      node.broken = "sendto: ENXIO";
      node.hold(address);
      lan.clock.advance(millis(1));
      expect(node.told("interfaces").at(-1)?.names).toEqual([]);
      node.broken = undefined;
      lan.clock.advance(seconds(2));
      expect(node.told("interface-failed")).toMatchObject([{ message: "sendto: ENXIO" }]);
      expect(node.told("announced")).toHaveLength(1);
      node.broken = "sendto: ENXIO";
      client.ask(address);
      lan.clock.advance(millis(1));
      expect(node.told("interfaces").at(-1)?.names).toEqual([]);
      expect(node.held(address)).toMatchObject({ requests: 1, answers: 0 });
    },
  );
});

describe("1,000 addresses on one node", () => {
  const address = (i: number): string => `10.1.${i >> 8}.${i & 255}`;

  it("are announced for the first time within a second, at three frames per millisecond, each six times", () => {
    const { lan, nodes } = scene(1);
    const [node] = nodes;
    if (node === undefined) throw new Error("no node");
    lan.clock.advance(seconds(5));
    const start = lan.clock.now();
    for (let i = 0; i < 1000; i++) node.hold(address(i));
    lan.clock.advance(seconds(15));
    const announced = node.told("announced");
    expect(new Set(announced.map(({ ip: told }) => told)).size).toBe(1000);
    expect(Math.max(...announced.map(({ at }) => at)) - start).toBeLessThan(seconds(1));
    const times = lan.sent.map(({ at }) => at - start);
    for (let ms = 0; ms < 10_000; ms += 10) {
      const frames = times.filter((at) => at >= ms * 1000 && at < (ms + 10) * 1000).length;
      expect(frames).toBeLessThanOrEqual(ms === 0 ? 100 : 50);
    }
    expect(node.inspect().addresses.every(({ gratuitous }) => gratuitous >= 12)).toBe(true);
    expect(node.inspect().addresses.every(({ state }) => state === "holding")).toBe(true);
  });

  it("what the kernel has no room for is sent again", () => {
    const { lan, nodes } = scene(1);
    const [node] = nodes;
    if (node === undefined) throw new Error("no node");
    let calls = 0;
    node.room = () => calls++ % 7 !== 0;
    for (let i = 0; i < 200; i++) node.hold(address(i));
    lan.clock.advance(seconds(30));
    expect(node.inspect().sendFailures).toBeGreaterThan(100);
    expect(node.told("announced")).toHaveLength(200);
    const sent = new Map<string, number>();
    for (const { frame } of lan.sent) {
      const sender = frame.slice(28, 32).join(".");
      sent.set(sender, (sent.get(sender) ?? 0) + 1);
    }
    for (let i = 0; i < 200; i++) expect(sent.get(address(i))).toBeGreaterThanOrEqual(12);
  });

  it("are probed without a verdict before the last probe has been out for its time", () => {
    const { lan, nodes } = scene(1);
    const [node] = nodes;
    if (node === undefined) throw new Error("no node");
    for (let i = 0; i < 1000; i++) node.hold(address(i), { probe: true });
    lan.clock.advance(seconds(5));
    const lastProbe = new Map<string, number>();
    for (const { frame, at } of lan.sent) {
      const sender = ip(`${frame.slice(28, 32).join(".")}`);
      if (sender.value === 0n) lastProbe.set(frame.slice(38, 42).join("."), at);
    }
    expect(lastProbe.size).toBe(1000);
    expect(node.told("announced")).toHaveLength(1000);
    for (const { ip: told, at } of node.told("announced"))
      expect(at - (lastProbe.get(told) ?? 0)).toBeGreaterThanOrEqual(millis(400));
  });
});

it("a node's own hardware addresses are known on all interfaces", () => {
  const { a, node } = pair();
  node.hold(V4);
  a.clock.advance(seconds(10));
  const neighbour = new Station("own", a, formatMac(node.mac(2)));
  neighbour.announce(V4);
  a.clock.advance(millis(1));
  expect(node.told("conflict")).toEqual([]);
  expect(node.inspect().dropped.own).toBe(1);
});
