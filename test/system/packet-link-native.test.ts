import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Agent, ip, run, whyNoNamespaces } from "../support/network-namespace.ts";
import { until, untilEqual } from "../support/until.ts";
import { arp, icmp, type LinkWorld, packetLinkContract } from "./packet-link-contract.ts";

// A host and a neighbour on a bridge that looks into MLD, each in a network namespace.
const why = whyNoNamespaces();
const AGENT = new URL("./agent/packet-agent.ts", import.meta.url).pathname;
const NAMES = ["host", "neighbour", "switch"].map((role) => `hpkt-${process.pid}-${role}`);
const [HOST = "", NEIGHBOUR = "", SWITCH = ""] = NAMES;
const MAC = "020000000001";
const BROADCAST = "ffffffffffff";
/** A solicitation for a target outside `fd77::/64`: its group is ff02::1:ff00:100. */
const SOLICITATION = icmp({ to: "3333ff000100", mark: 61 });

const NO_VLANS = " (skipped: this kernel has no VLANs)";

function hasVlans(): boolean {
  if (why !== undefined) return false;
  const name = `hpkt-${process.pid}-vlan`;
  ip(`netns add ${name}`);
  try {
    ip(`-n ${name} link add link lo name vlan5 type vlan id 5`);
    return true;
  } catch {
    return false;
  } finally {
    ip(`netns delete ${name}`);
  }
}

function makeLan(): void {
  for (const name of NAMES) {
    ip(`netns add ${name}`);
    run(["nsenter", `--net=/run/netns/${name}`, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"]);
  }
  // A querier of its own, which answers in 0.1 s: until there is one, a bridge sends every group everywhere.
  ip(
    `-n ${SWITCH} link add br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_query_response_interval 10 mcast_last_member_interval 10`,
  );
  ip(`-n ${SWITCH} link set br0 up`);
  for (const [i, name] of [HOST, NEIGHBOUR].entries()) {
    ip(`link add eth0 netns ${name} address 02:00:00:00:00:0${i + 1} type veth peer name port${i} netns ${SWITCH}`);
    ip(`-n ${SWITCH} link set port${i} master br0 up`);
    ip(`-n ${name} link set eth0 up`);
  }
}

function removeLan(): void {
  for (const name of NAMES) {
    try {
      ip(`netns delete ${name}`);
    } catch {
      // It was not made.
    }
  }
}

describe.skipIf(why !== undefined)(`packet links of the kernel${why ?? ""}`, () => {
  let host: Agent;
  let neighbour: Agent;
  const inHost = (line: string): string => ip(`-n ${HOST} ${line}`);
  const heard = async () => (await host.call("heard")) as readonly string[];
  const world: LinkWorld = {
    mac: MAC,
    open: async () => void (await host.call("open", { name: "eth0" })),
    send: async (frame) => (await host.call("send", { frame })) === true,
    listenFor: async (targets) => void (await host.call("listenFor", { targets })),
    heard,
    failures: async () => (await host.call("failures")) as readonly string[],
    close: async () => void (await host.call("close")),
    setUp: async (up) => {
      inHost(`link set eth0 ${up ? "up" : "down"}`);
      if (up) await untilEqual("forwarding", portState, "forwarding");
    },
    neighbourSends: async (...frames) => void (await neighbour.call("wireSend", { frames })),
    neighbourHeard: async () => (await neighbour.call("wireHeard")) as readonly string[],
  };
  const portState = () => /state (\w+)/.exec(run(["bridge", "-n", SWITCH, "link", "show", "dev", "port0"]))?.[1];
  const groups = (): string => run(["bridge", "-n", SWITCH, "mdb", "show", "dev", "br0"]);
  const hears = async (frame: string): Promise<boolean> => {
    const before = (await heard()).length;
    await world.neighbourSends(frame, arp(BROADCAST, 1, 99), icmp({ to: MAC, mark: 98 }));
    await until("the marks", async () => (await heard()).slice(before).filter((one) => one !== frame).length >= 2);
    return (await heard()).slice(before).includes(frame);
  };

  beforeAll(async () => {
    removeLan();
    makeLan();
    [host, neighbour] = [new Agent(HOST, AGENT), new Agent(NEIGHBOUR, AGENT)];
    await neighbour.call("openWire", { name: "eth0" });
    await world.open();
    await until("the switch asks who is in which group", async () => !(await hears(SOLICITATION)));
  });
  beforeEach(() => world.open());
  afterAll(async () => {
    await Promise.all([host?.stop(), neighbour?.stop()]);
    removeLan();
  });

  packetLinkContract(() => world);

  it("1,000 groups are joined, told to the switch, and left again", async () => {
    const targets = Array.from({ length: 1000 }, (_, i) => `fd99::1:${(i + 1).toString(16)}`);
    await world.listenFor(targets);
    const joined = () => [...groups().matchAll(/port0 grp ff02::1:ff01:/g)].length;
    await untilEqual("told to the switch", joined, 1000);
    expect(run(["nsenter", `--net=/run/netns/${HOST}`, "cat", "/proc/net/dev_mcast"])).toContain("3333ff0103e8");
    await world.listenFor([]);
    await untilEqual("left", joined, 0);
  });

  const tagged = (frame: string, vlan: number) =>
    `${frame.slice(0, 24)}8100${vlan.toString(16).padStart(4, "0")}${frame.slice(24)}`;
  const [request, toUs] = [arp(BROADCAST, 1, 71), icmp({ to: MAC, mark: 72 })];

  it("what comes with a VLAN's tag is not the interface's, and VLAN 0 is a priority and no VLAN (IEEE 802.1Q section 9.6)", async () => {
    const before = (await heard()).length;
    for (const frame of [request, toUs]) expect(await hears(tagged(frame, 6))).toBe(false);
    expect((await heard()).slice(before)).not.toContain(request);
    expect((await heard()).slice(before)).not.toContain(toUs);
    await world.neighbourSends(tagged(request, 0));
    await until("the priority's", async () => (await heard()).at(-1) === request);
  });

  it("what is for an interface made on this one is that one's alone", async () => {
    const mac = "020000000031";
    inHost("link add link eth0 name made0 address 02:00:00:00:00:31 type macvlan mode bridge");
    inHost("link set made0 up");
    const theirs = [arp(mac, 1, 73), icmp({ to: mac, mark: 74 })];
    for (const frame of theirs) expect(await hears(frame)).toBe(false);
    await host.call("open", { name: "made0" });
    const before = (await heard()).length;
    await world.neighbourSends(...theirs);
    await untilEqual("its own", async () => (await heard()).slice(before).toSorted(), theirs.toSorted());
    inHost("link delete made0");
  });

  const vlans = hasVlans();
  it.skipIf(!vlans)(`a VLAN's interface hears what is tagged for it${vlans ? "" : NO_VLANS}`, async () => {
    inHost("link add link eth0 name eth0.5 type vlan id 5");
    inHost("link set eth0.5 up");
    const before = (await heard()).length;
    for (const frame of [request, toUs]) expect(await hears(tagged(frame, 5))).toBe(false);
    expect((await heard()).slice(before)).not.toContain(request);
    await host.call("open", { name: "eth0.5" });
    const opened = (await heard()).length;
    await world.neighbourSends(request, tagged(request, 6), tagged(request, 5));
    await untilEqual("the VLAN's", async () => (await heard()).slice(opened), [request]);
    inHost("link delete eth0.5");
  });

  it("an interface that vanishes, or is down from the start, ends its link", async () => {
    inHost("link add gone0 type veth peer name gone1");
    inHost("link set gone0 up");
    for (const name of ["gone0", "gone1"]) {
      const before = (await world.failures()).length;
      await host.call("open", { name });
      if (name === "gone0") inHost("link set gone0 down");
      await until("the failure", async () => (await world.failures()).length > before);
      expect((await world.failures()).slice(before)).toEqual([expect.stringContaining("ENETDOWN")]);
      await expect(world.send(arp(BROADCAST, 2, 81))).rejects.toThrow();
    }
    const before = (await world.failures()).length;
    inHost("link set gone1 up");
    await host.call("open", { name: "gone1" });
    inHost("link delete gone1");
    await until("the failure", async () => (await world.failures()).length > before);
  });
});
