import { decodeArp, encodeArp } from "../../src/layer2/arp.ts";
import type { ReleaseHow } from "../../src/layer2/claim.ts";
import { multicastMac } from "../../src/layer2/ethernet.ts";
import { ALL_NODES, solicitedNode } from "../../src/layer2/ipv6.ts";
import { decodeNeighbourMessage, encodeNeighbourMessage } from "../../src/layer2/ndp.ts";
import type { IpAddress } from "../../src/net/ip-address.ts";
import {
  BROADCAST_MAC,
  formatMac,
  isGroupMac,
  type MacAddress,
  macFromBytes,
  ZERO_MAC,
} from "../../src/net/mac-address.ts";
import { type Micros, micros, seconds } from "../../src/net/micros.ts";
import { Layer2Engine } from "../../src/speaker/layer2-engine.ts";
import type { HeldAddress, HeldReport, Layer2Inspection, Layer2Report } from "../../src/speaker/layer2-messages.ts";
import type { PacketLink, PacketLinkHandlers } from "../../src/speaker/layer2-ports.ts";
import { SystemError } from "../../src/wire/errors.ts";
import { ip, mac } from "../layer2/values.ts";
import { FakeInterfaces } from "../support/fake-interfaces.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { chances } from "./bfd-network.ts";

class NoLink extends SystemError {
  readonly code = "ERR_TEST_NO_LINK";
}

/** Something that is plugged into a switch. */
interface Port {
  readonly owner: string;
  mac: MacAddress;
  /** Which groups its hardware lets pass. */
  hears(group: MacAddress): boolean;
  received(frame: Uint8Array): void;
}

export interface Sent {
  readonly at: Micros;
  readonly from: string;
  readonly frame: Uint8Array;
}

const WIRE = micros(50);

/** A switch that learns, in virtual time; it can lose frames and fall apart. */
export class Lan {
  readonly clock: VirtualClock;
  readonly sent: Sent[] = [];
  /** Owners in different parts do not hear each other. */
  part: (owner: string) => string = () => "";
  loses: (sent: Sent) => boolean = () => false;
  readonly #ports = new Set<Port>();
  readonly #learnt = new Map<MacAddress, Port>();

  constructor(clock = new VirtualClock()) {
    this.clock = clock;
  }

  plug(port: Port): () => void {
    this.#ports.add(port);
    return () => {
      this.#ports.delete(port);
      for (const [station, at] of this.#learnt) if (at === port) this.#learnt.delete(station);
    };
  }

  send(from: Port, bytes: Uint8Array): void {
    const frame = bytes.slice();
    const sent = { at: this.clock.now(), from: from.owner, frame };
    this.sent.push(sent);
    this.#learnt.set(macAt(frame, 6), from);
    if (!this.loses(sent)) this.clock.after(WIRE, () => this.#deliver(from, frame));
  }

  #deliver(from: Port, frame: Uint8Array): void {
    const to = macAt(frame, 0);
    const known = this.#learnt.get(to);
    const ports = known === undefined ? [...this.#ports] : [known];
    for (const port of ports) {
      const takes = to === port.mac || (isGroupMac(to) && port.hears(to));
      if (port !== from && takes && this.part(port.owner) === this.part(from.owner)) port.received(frame);
    }
  }

  /** How many announcements somebody has sent for an address since. */
  announcements(from: string, address: string, since = 0): number {
    return this.sent.filter((one) => one.at >= since && one.from === from && announces(one.frame, ip(address))).length;
  }

  probes(from: string, address: string): number {
    return this.sent.filter((one) => one.from === from && asksFor(one.frame, ip(address))).length;
  }
}

function macAt(frame: Uint8Array, at: number): MacAddress {
  return macFromBytes(frame.subarray(at, at + 6)) ?? ZERO_MAC;
}

const isArp = (frame: Uint8Array): boolean => frame[12] === 0x08;

function announces(frame: Uint8Array, address: IpAddress): boolean {
  if (!isGroupMac(macAt(frame, 0))) return false;
  if (isArp(frame)) return decodeArp(frame).senderIp.equals(address);
  const message = decodeNeighbourMessage(frame);
  return message.type === "advertisement" && message.target.equals(address);
}

function asksFor(frame: Uint8Array, address: IpAddress): boolean {
  if (isArp(frame)) {
    const { operation, senderIp, targetIp } = decodeArp(frame);
    return operation === "request" && senderIp.value === 0n && targetIp.equals(address);
  }
  const message = decodeNeighbourMessage(frame);
  return message.type === "solicitation" && message.from.value === 0n && message.target.equals(address);
}

/** A speaker's engine on a node with one interface per LAN, `eth1` and so on, and everything it told. */
export class Node {
  readonly engine: Layer2Engine;
  readonly interfaces = new FakeInterfaces();
  readonly reports: Layer2Report[] = [];
  readonly opened: string[] = [];
  readonly groups = new Map<string, ReadonlySet<MacAddress>>();
  /** Refuses to open like a kernel would. */
  refuse: () => string | undefined = () => undefined;
  /** Fails to send like a link that is gone. */
  broken: string | undefined;
  /** Who else hears what it tells. */
  heard: (report: Layer2Report) => void = () => {};
  /** Whether the kernel has room for one more frame. */
  room: () => boolean = () => true;
  readonly name: string;
  readonly clock: VirtualClock;
  readonly #lans: readonly Lan[];
  readonly #number: number;
  readonly #handlers = new Map<string, PacketLinkHandlers>();

  constructor(name: string, number: number, lans: readonly Lan[], excludedInterfaces?: string) {
    const clock = lans[0]?.clock ?? new VirtualClock();
    this.name = name;
    this.#number = number;
    this.#lans = lans;
    this.clock = clock;
    const openLink = ({ name: at }: { name: string }, handlers: PacketLinkHandlers) => this.#open(at, handlers);
    this.engine = new Layer2Engine(
      { clock, random: chances(number), interfaces: this.interfaces, openLink },
      { node: name, excludedInterfaces },
      (report) => {
        this.reports.push(structuredClone(report));
        this.heard(report);
      },
    );
    for (const [i] of lans.entries()) this.plug(i + 1);
  }

  mac(index = 1): MacAddress {
    return macFromBytes(this.interfaces.view.links.get(index)?.mac ?? new Uint8Array(6)) ?? ZERO_MAC;
  }

  /** Brings an interface up, with a link-local address. */
  plug(index: number): void {
    this.interfaces.setAddresses([
      ...this.interfaces.view.addresses.filter(({ interfaceIndex }) => interfaceIndex !== index),
      {
        interfaceIndex: index,
        address: ip(`fe80::${this.#number}:${index}`),
        prefixLength: 64,
        tentative: false,
        deprecated: false,
      },
    ]);
    this.interfaces.setLink(index, { carrier: true, mac: Uint8Array.of(2, 0, 0, 0, this.#number, index) });
  }

  unplug(index: number): void {
    this.interfaces.setLink(index, { carrier: false });
  }

  fail(name: string, message: string): void {
    this.#handlers.get(name)?.failed(message);
  }

  hold(address: string, change: Partial<HeldAddress> = {}): void {
    const held = { ip: address, interfaces: [], refresh: seconds(60), probe: false, ...change };
    this.engine.handle({ type: "hold", address: held });
  }

  release(address: string, how: ReleaseHow = "now"): void {
    this.engine.handle({ type: "release", ip: address, how });
  }

  inspect(): Layer2Inspection {
    this.engine.handle({ type: "inspect", request: 0 });
    const last = this.reports.pop();
    if (last?.type !== "inspected") throw new Error("no inspection");
    return last.inspection;
  }

  held(address: string): HeldReport | undefined {
    return this.inspect().addresses.find((one) => one.ip === address);
  }

  /** What was told of one kind. */
  told<K extends Layer2Report["type"]>(type: K): readonly Extract<Layer2Report, { type: K }>[] {
    return this.reports.filter((report): report is Extract<Layer2Report, { type: K }> => report.type === type);
  }

  #open(name: string, handlers: PacketLinkHandlers): PacketLink {
    const reason = this.refuse();
    if (reason !== undefined) throw new NoLink(reason);
    const index = Number(name.replace("eth", ""));
    const lan = this.#lans[index - 1];
    if (lan === undefined) throw new NoLink(`no LAN at ${name}`);
    this.opened.push(name);
    this.#handlers.set(name, handlers);
    const node = this;
    const port: Port = {
      owner: this.name,
      get mac() {
        return node.mac(index);
      },
      hears: (group) => group === BROADCAST_MAC || this.groups.get(name)?.has(group) === true,
      received: handlers.received,
    };
    const unplug = lan.plug(port);
    this.groups.set(name, new Set([multicastMac(ALL_NODES)]));
    return {
      send: (frame) => {
        if (this.broken !== undefined) throw new NoLink(this.broken);
        if (!this.room()) return false;
        lan.send(port, frame);
        return true;
      },
      listenFor: (targets) => {
        const groups = targets.map((target) => multicastMac(solicitedNode(target)));
        this.groups.set(name, new Set([multicastMac(ALL_NODES), ...groups]));
      },
      close: unplug,
    };
  }
}

/** A machine on the LAN that is none of ours: a client with a neighbour cache, or a stranger with an address. */
export class Station {
  /** Who it believes to have an address: the last who said so. */
  readonly cache = new Map<string, string>();
  /** Answers to its questions. */
  readonly answers: { readonly at: Micros; readonly ip: string; readonly mac: string }[] = [];
  /** Addresses that it answers for. */
  readonly owns = new Set<string>();
  readonly #lan: Lan;
  readonly #port: Port;

  constructor(name: string, lan: Lan, address: string) {
    this.#lan = lan;
    this.#port = {
      owner: name,
      mac: mac(address),
      hears: () => true,
      received: (frame) => (isArp(frame) ? this.#onArp(frame) : this.#onNeighbour(frame)),
    };
    lan.plug(this.#port);
  }

  /** Asks who has an address. */
  ask(address: string): void {
    const target = ip(address);
    this.#lan.send(this.#port, target.family === 4 ? this.#request(target, "10.0.0.9") : this.#solicit(target));
  }

  /** Asks whether an address is free, as one that wants it. */
  probe(address: string): void {
    const target = ip(address);
    this.#lan.send(this.#port, target.family === 4 ? this.#request(target, "0.0.0.0") : this.#detect(target));
  }

  #detect(target: IpAddress): Uint8Array {
    const group = solicitedNode(target);
    return encodeNeighbourMessage({
      type: "solicitation",
      destination: multicastMac(group),
      source: this.#port.mac,
      from: ip("::"),
      to: group,
      target,
      linkAddress: undefined,
      mark: undefined,
    });
  }

  /** Says that an address is its own. */
  announce(address: string): void {
    const target = ip(address);
    this.#lan.send(
      this.#port,
      target.family === 4 ? this.#request(target, address) : this.#advertise(target, ip("ff02::1"), BROADCAST_MAC),
    );
  }

  #request(targetIp: IpAddress, sender: string): Uint8Array {
    const { mac: source } = this.#port;
    const packet = { source, senderMac: source, senderIp: ip(sender), targetMac: ZERO_MAC, mark: undefined };
    return encodeArp({ ...packet, destination: BROADCAST_MAC, operation: "request", targetIp });
  }

  #solicit(target: IpAddress): Uint8Array {
    const group = solicitedNode(target);
    return encodeNeighbourMessage({
      type: "solicitation",
      destination: multicastMac(group),
      source: this.#port.mac,
      from: ip("fe80::9"),
      to: group,
      target,
      linkAddress: this.#port.mac,
      mark: undefined,
    });
  }

  #advertise(target: IpAddress, to: IpAddress, destination: MacAddress): Uint8Array {
    return encodeNeighbourMessage({
      type: "advertisement",
      destination: destination === BROADCAST_MAC ? multicastMac(ALL_NODES) : destination,
      source: this.#port.mac,
      from: target,
      to,
      target,
      router: false,
      solicited: destination !== BROADCAST_MAC,
      override: true,
      linkAddress: this.#port.mac,
      mark: undefined,
    });
  }

  #onArp(frame: Uint8Array): void {
    const packet = decodeArp(frame);
    if (packet.senderIp.value !== 0n) this.cache.set(`${packet.senderIp}`, formatMac(packet.senderMac));
    if (packet.operation === "reply" && packet.destination === this.#port.mac)
      this.#note(`${packet.senderIp}`, packet.senderMac);
    if (packet.operation !== "request" || !this.owns.has(`${packet.targetIp}`)) return;
    const { senderMac, senderIp, targetIp } = packet;
    const { mac: source } = this.#port;
    const reply = { source, senderMac: source, senderIp: targetIp, targetMac: senderMac, targetIp: senderIp };
    this.#lan.send(this.#port, encodeArp({ ...reply, destination: senderMac, operation: "reply", mark: undefined }));
  }

  #onNeighbour(frame: Uint8Array): void {
    const message = decodeNeighbourMessage(frame);
    if (message.type === "advertisement") {
      const owner = message.linkAddress ?? message.source;
      const known = this.cache.has(`${message.target}`);
      if (message.override || !known) this.cache.set(`${message.target}`, formatMac(owner));
      if (message.destination === this.#port.mac) this.#note(`${message.target}`, owner);
    } else if (this.owns.has(`${message.target}`)) {
      const isProbe = message.from.value === 0n;
      const to = isProbe ? ip("ff02::1") : message.from;
      this.#lan.send(this.#port, this.#advertise(message.target, to, isProbe ? BROADCAST_MAC : message.source));
    }
  }

  #note(address: string, from: MacAddress): void {
    this.answers.push({ at: this.#lan.clock.now(), ip: address, mac: formatMac(from) });
  }
}

/** Some nodes on one LAN that know each other, and a client. */
export function scene(count: number): { lan: Lan; nodes: readonly Node[]; client: Station } {
  const lan = new Lan();
  const nodes = Array.from({ length: count }, (_, i) => new Node(`node-${i + 1}`, i + 1, [lan]));
  const names = nodes.map(({ name }) => name);
  for (const { engine } of nodes) engine.handle({ type: "speakers", names });
  return { lan, nodes, client: new Station("client", lan, "02:00:00:00:99:01") };
}

/** The text of a node's hardware address. */
export function macText(node: Node, index = 1): string {
  return formatMac(node.mac(index));
}
