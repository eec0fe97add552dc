import { expect, it } from "vitest";
import { until, untilEqual } from "../support/until.ts";

/** An interface with a link on it, and a neighbour on the same LAN. What is heard is hexadecimal. */
export interface LinkWorld {
  readonly mac: string;
  open(): Promise<void>;
  send(frame: string): Promise<boolean>;
  listenFor(targets: readonly string[]): Promise<void>;
  heard(): Promise<readonly string[]>;
  failures(): Promise<readonly string[]>;
  close(): Promise<void>;
  setUp(up: boolean): Promise<void>;
  neighbourSends(...frames: readonly string[]): Promise<void>;
  neighbourHeard(): Promise<readonly string[]>;
}

const STRANGER = "020000000077";
const BROADCAST = "ffffffffffff";
const ALL_NODES = "333300000001";
const NEIGHBOUR = "020000000088";

const padded = (frame: string): string => frame.padEnd(120, "0");

/** An ARP message about 10.77.0.100; `mark` tells one from another. */
export function arp(to: string, operation: number, mark: number): string {
  const octets = mark.toString(16).padStart(2, "0");
  return padded(
    `${to}${NEIGHBOUR}080600010800060400${operation.toString(16).padStart(2, "0")}${NEIGHBOUR}0a4d00${octets}0000000000000a4d0064`,
  );
}

interface Icmp {
  readonly to: string;
  readonly type?: number;
  readonly hopLimit?: number;
  readonly nextHeader?: number;
  readonly mark: number;
}

/** A neighbour solicitation for fd77::100, or another ICMPv6 message; without a right checksum, which links do not look at. */
export function icmp({ to, type = 135, hopLimit = 255, nextHeader = 58, mark }: Icmp): string {
  const octet = (value: number): string => value.toString(16).padStart(2, "0");
  const source = `fe8000000000000000000000000000${octet(mark)}`;
  const target = "fd770000000000000000000000000100";
  const group = to === ALL_NODES ? "ff020000000000000000000000000001" : "ff0200000000000000000001ff000100";
  const header = `600000000018${octet(nextHeader)}${octet(hopLimit)}`;
  const destination = to.startsWith("3333") ? group : target;
  return `${to}${NEIGHBOUR}86dd${header}${source}${destination}${octet(type)}00000000000000${target}`;
}

const GROUP_OF_100 = "3333ff000100";

/** What every packet link keeps to, the kernel's and the one that tests use. */
export function packetLinkContract(world: () => LinkWorld): void {
  /** What the neighbour sent and the link heard; kernels talk too. */
  const heardSince = async (before: number): Promise<readonly string[]> => (await heard()).slice(before);
  const heard = async () => (await world().heard()).filter((frame) => frame.slice(12, 24) === NEIGHBOUR);

  /** Whether a frame of the neighbour's is heard, to be known when frames that are heard for certain came before and after it. */
  const hears = async (frame: string): Promise<boolean> => {
    const before = (await heard()).length;
    const marks = [arp(BROADCAST, 1, 201), icmp({ to: world().mac, mark: 202 })];
    const count = async () => (await heardSince(before)).filter((one) => marks.includes(one)).length;
    await world().neighbourSends(frame, ...marks);
    await untilEqual("the marks", count, 2);
    await world().neighbourSends(...marks);
    await untilEqual("the marks again", count, 4);
    const others = (await heardSince(before)).filter((one) => !marks.includes(one));
    expect(others.every((one) => one === frame)).toBe(true);
    return others.length > 0;
  };

  it.each<[string, () => string]>([
    ["IPv4", () => padded(`${world().mac}${NEIGHBOUR}0800`)],
    ["IPv6 that is no ICMP", () => icmp({ to: world().mac, nextHeader: 17, mark: 1 })],
    ["an echo request", () => icmp({ to: world().mac, type: 128, mark: 1 })],
    ["a router solicitation", () => icmp({ to: world().mac, type: 133, mark: 1 })],
    ["a router advertisement", () => icmp({ to: world().mac, type: 134, mark: 1 })],
    ["a redirect", () => icmp({ to: world().mac, type: 137, mark: 1 })],
    ["a solicitation that crossed a router", () => icmp({ to: world().mac, hopLimit: 254, mark: 1 })],
    ["a reverse ARP request", () => arp(BROADCAST, 3, 1)],
    ["an ARP request to another's MAC", () => arp(STRANGER, 1, 1)],
    ["a solicitation to another's MAC", () => icmp({ to: STRANGER, mark: 1 })],
    ["a frame that ends before its type", () => `${world().mac}${NEIGHBOUR}08`.padEnd(28, "0")],
  ])("does not hear %s", async (_, frame) => {
    expect(await hears(frame())).toBe(false);
  });

  it.each<[string, () => string]>([
    ["an ARP request to all", () => arp(BROADCAST, 1, 7)],
    ["an ARP request to its own MAC", () => arp(world().mac, 1, 8)],
    ["an ARP announcement of another", () => arp(BROADCAST, 2, 9)],
    ["an ARP reply", () => arp(world().mac, 2, 10)],
    ["a solicitation to its own MAC", () => icmp({ to: world().mac, mark: 11 })],
    ["an advertisement to all nodes", () => icmp({ to: ALL_NODES, type: 136, mark: 12 })],
  ])("hears %s, whole", async (_, frame) => {
    const before = (await heard()).length;
    await world().neighbourSends(frame());
    await untilEqual("heard", () => heardSince(before), [frame()]);
  });

  it("sends whole frames, and does not hear its own", async () => {
    const frames = [arp(BROADCAST, 2, 21), icmp({ to: ALL_NODES, type: 136, mark: 22 })];
    const before = (await world().neighbourHeard()).length;
    for (const frame of frames) expect(await world().send(frame)).toBe(true);
    const got = async () => [...(await world().neighbourHeard()).slice(before)].filter((one) => frames.includes(one));
    await untilEqual("sent", async () => (await got()).sort(), frames.toSorted());
    expect((await heard()).filter((frame) => frames.includes(frame))).toEqual([]);
  });

  it("hears the group of a target for as long as one of its targets is left", async () => {
    const solicitation = icmp({ to: GROUP_OF_100, mark: 31 });
    expect(await hears(solicitation)).toBe(false);
    for (const targets of [["fd77::100", "fd88::100", "10.77.0.100"], ["fd88::100"]]) {
      await world().listenFor(targets);
      await until("the group is heard", () => hears(solicitation));
    }
    await world().listenFor([]);
    await until("the group is left", async () => !(await hears(solicitation)));
  });

  it("fails once when the interface goes down, and takes nothing more; opened again when it is up, it works", async () => {
    await world().setUp(false);
    await until("the failure", async () => (await world().failures()).length > 0);
    expect(await world().failures()).toEqual([expect.stringContaining("ENETDOWN")]);
    await expect(world().send(arp(BROADCAST, 2, 41))).rejects.toThrow();
    await world().listenFor(["fd77::100"]);
    await world().setUp(true);
    await world().open();
    expect(await hears(arp(BROADCAST, 1, 42))).toBe(true);
    expect((await world().failures()).length).toBe(1);
  });

  it("hears nothing after it is closed, and closing twice is no harm", async () => {
    await world().close();
    await world().close();
    const before = (await heard()).length;
    await world().neighbourSends(arp(BROADCAST, 1, 51));
    await world().open();
    expect(await hears(arp(STRANGER, 1, 52))).toBe(false);
    expect((await heard()).length).toBe(before + 4);
  });
}
