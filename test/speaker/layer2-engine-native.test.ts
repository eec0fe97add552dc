import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { seconds } from "../../src/net/micros.ts";
import type { Layer2Command, Layer2Report } from "../../src/speaker/layer2-messages.ts";
import { type Agent, ip, NamespacePair, run, whyNoNamespaces } from "../support/network-namespace.ts";
import { until, untilEqual } from "../support/until.ts";

// The engine on packet sockets, against the neighbour cache of a real kernel in another network namespace.
const why = whyNoNamespaces();
const AGENT = new URL("./layer2-agent.ts", import.meta.url).pathname;

describe.skipIf(why !== undefined)(`the layer-2 engine and a kernel${why ?? ""}`, () => {
  let pair: NamespacePair;
  let agent: Agent;
  const inB = (line: string): string => ip(`-n ${pair.names[1]} ${line}`);
  const handle = (command: Layer2Command): Promise<unknown> => agent.call("handle", command);
  const hold = (address: string, probe = false): Promise<unknown> =>
    handle({ type: "hold", address: { ip: address, interfaces: [], refresh: seconds(60), probe } });
  const reports = async (): Promise<readonly Layer2Report[]> => (await agent.call("reports")) as Layer2Report[];
  const told = async (type: Layer2Report["type"], address: string): Promise<Layer2Report | undefined> =>
    (await reports()).find((report) => report.type === type && "ip" in report && report.ip === address);
  const neighbour = (address: string): string => inB(`neighbour show ${address} dev eth0`).trim();
  const macOf = (side: 0 | 1): string =>
    /link\/ether ([0-9a-f:]+)/.exec(ip(`-n ${pair.names[side]} link show eth0`))?.[1] ?? "none";
  /** The kernel of B sends a datagram, for which it must know the neighbour. */
  const disturb = (address: string): void => {
    run(["nsenter", `--net=/run/netns/${pair.names[1]}`, "bash", "-c", `echo >/dev/udp/${address}/9`]);
  };

  beforeAll(async () => {
    pair = NamespacePair.create("hl2e");
    agent = pair.agent(0, AGENT);
    await agent.call("start", { node: "node-1" });
    await until("the interface", async () =>
      (await reports()).some((report) => report.type === "interfaces" && report.names.includes("eth0")),
    );
  });
  afterAll(() => pair.remove());

  test.each(["10.77.0.100", "fd77::100"])("an address that no interface has is found: %s", async (address) => {
    await hold(address);
    await until("announced", async () => (await told("announced", address)) !== undefined);
    disturb(address);
    await until("known", () => neighbour(address).includes(`lladdr ${macOf(0)} REACHABLE`));
  });

  test.each(["10.77.0.101", "fd77::101"])(
    "a cache that points elsewhere is corrected by the burst: %s",
    async (address) => {
      inB(`neighbour replace ${address} dev eth0 lladdr 02:00:00:00:99:99 nud stale`);
      await hold(address);
      await until("corrected", () => neighbour(address).includes(`lladdr ${macOf(0)}`));
    },
  );

  test.each([
    ["10.77.0.102", "ipv4"],
    ["fd77::102", "ipv6"],
  ])("a neighbour is confirmed by a single question to us: %s", async (address, family) => {
    pair.sysctl(1, `net.${family}.neigh.eth0.delay_first_probe_time=1`);
    pair.sysctl(1, `net.${family}.neigh.eth0.mcast_solicit=0`);
    inB(`neighbour replace ${address} dev eth0 lladdr ${macOf(0)} nud stale`);
    await hold(address);
    disturb(address);
    await until("confirmed", () => neighbour(address).includes("REACHABLE"));
    pair.sysctl(1, `net.${family}.neigh.eth0.mcast_solicit=3`);
  });

  test.each(["10.77.0.200", "fd77::200"])("an address that the other host has is left alone: %s", async (address) => {
    inB(`address add ${address}/${address.includes(":") ? 64 : 24} dev eth0`);
    await hold(address, true);
    await until("conflict", async () => (await told("conflict", address)) !== undefined);
    expect(await told("conflict", address)).toMatchObject({
      interface: "eth0",
      mac: macOf(1),
      found: "probing",
      quarantined: true,
    });
    expect(await told("announced", address)).toBeUndefined();
  });

  it("an address that we hold is refused to a host that looks for duplicates first", async () => {
    pair.sysctl(1, "net.ipv6.conf.eth0.accept_dad=1");
    await hold("fd77::103");
    inB("address add fd77::103/64 dev eth0");
    await until("refused", () => inB("address show dev eth0").includes("fd77::103/64 scope global dadfailed"));
    inB("address del fd77::103/64 dev eth0");
    pair.sysctl(1, "net.ipv6.conf.eth0.accept_dad=0");
  });

  it("a host that takes an address of ours is defended against, and reported", async () => {
    await hold("10.77.0.104");
    await until("announced", async () => (await told("announced", "10.77.0.104")) !== undefined);
    inB("address add 10.77.0.104/32 dev eth0");
    pair.sysctl(1, "net.ipv4.conf.all.arp_announce=0");
    // What the kernel then asks for, it asks for from the address.
    inB("route add 10.77.0.250/32 dev eth0 src 10.77.0.104");
    disturb("10.77.0.250");
    await until("conflict", async () => (await told("conflict", "10.77.0.104")) !== undefined);
    expect(await told("conflict", "10.77.0.104")).toMatchObject({
      mac: macOf(1),
      found: "announced",
      quarantined: false,
    });
  });

  test.each<0 | 1>([1, 0])(
    "a link that goes down on side %i and comes back answers again, and is no failure",
    async (side) => {
      const names = async (): Promise<string> =>
        (await reports()).flatMap((report) => (report.type === "interfaces" ? [`${report.names}`] : [])).at(-1) ?? "";
      ip(`-n ${pair.names[side]} link set eth0 down`);
      await untilEqual("no interface", names, "");
      ip(`-n ${pair.names[side]} link set eth0 up`);
      await untilEqual("the interface", names, "eth0");
      expect((await reports()).filter(({ type }) => type === "interface-failed")).toEqual([]);
      inB("neighbour flush dev eth0");
      disturb("10.77.0.100");
      await until("known", () => neighbour("10.77.0.100").includes(`lladdr ${macOf(0)}`));
    },
  );
});
