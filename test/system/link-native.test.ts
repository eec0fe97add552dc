import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Agent, ip, NamespacePair, whyNoNamespaces } from "../support/network-namespace.ts";
import { until, untilEqual } from "../support/until.ts";

// The kernel's interfaces, packet sockets and router discovery, between two network namespaces.
const why = whyNoNamespaces();
const AGENT = new URL("./agent/link-agent.ts", import.meta.url).pathname;

type Row = Readonly<Record<string, unknown>>;

describe.skipIf(why !== undefined)(`links with the native layer${why ?? ""}`, () => {
  let pair: NamespacePair;
  let a: Agent;
  let b: Agent;
  const inA = (line: string): string => ip(`-n ${pair.names[0]} ${line}`);
  const links = async (): Promise<readonly Row[]> => (await a.call("links")) as Row[];
  const link = async (name: string): Promise<Row | undefined> => (await links()).find((one) => one["name"] === name);
  const addresses = async (): Promise<readonly Row[]> => (await a.call("addresses")) as Row[];
  const has = async (at: string): Promise<boolean> => (await addresses()).some((one) => one["at"] === at);

  beforeAll(async () => {
    pair = NamespacePair.create("hnatl");
    [a, b] = [pair.agent(0, AGENT), pair.agent(1, AGENT)];
    await Promise.all([a.call("monitor"), b.call("monitor")]);
  });
  afterAll(() => pair.remove());

  it("interfaces are listed with what the kernel says of them", async () => {
    const mac = /link\/ether ([0-9a-f:]+)/.exec(inA("link show eth0"))?.[1]?.replaceAll(":", "");
    const index = Number(/^(\d+):/.exec(inA("link show eth0"))?.[1]);
    expect(await link("eth0")).toMatchObject({
      index,
      mac,
      mtu: 1500,
      up: true,
      carrier: true,
      operState: "up",
      kind: "veth",
      loopback: false,
      broadcast: true,
      resolves: true,
    });
    expect(await link("lo")).toMatchObject({ index: 1, loopback: true, broadcast: false, up: true });
    expect(await a.call("indexOf", { name: "eth0" })).toBe(index);
    await expect(a.call("indexOf", { name: "nowhere0" })).rejects.toThrow("there is no interface nowhere0");
  });

  it("addresses are listed with their interface and length", async () => {
    const index = (await link("eth0"))?.["index"];
    for (const at of ["10.77.0.1/24", "fd77::1/64", `${pair.linkLocal(0)}/64`]) {
      expect(await addresses()).toContainEqual({ interfaceIndex: index, at, tentative: false, deprecated: false });
    }
    expect(await has("127.0.0.1/8")).toBe(true);
  });

  it("interfaces and addresses that come, change and go are told", async () => {
    inA("link add hnatbr0 type bridge");
    await untilEqual("kind", async () => (await link("hnatbr0"))?.["kind"], "bridge");
    inA("link add hnatd0 type veth peer name hnatd1");
    inA("link set hnatd0 master hnatbr0");
    const bridge = (await link("hnatbr0"))?.["index"];
    await untilEqual("master", async () => (await link("hnatd0"))?.["master"], bridge);
    inA("link set hnatd0 up");
    expect((await link("hnatd0"))?.["carrier"]).toBe(false);
    inA("link set hnatd1 up");
    await untilEqual("carrier", async () => (await link("hnatd0"))?.["carrier"], true);
    inA("link set hnatd1 mtu 9000 address 02:00:00:00:00:99");
    await untilEqual("mac", async () => [(await link("hnatd1"))?.["mtu"], (await link("hnatd1"))?.["mac"]], [
      9000,
      "020000000099",
    ]);
    inA("link set hnatd1 arp off");
    await untilEqual("no ARP", async () => (await link("hnatd1"))?.["resolves"], false);
    inA("address add 10.99.0.1/32 dev hnatd1");
    await until("address", () => has("10.99.0.1/32"));
    inA("link set hnatd0 nomaster");
    await untilEqual("no master", async () => (await link("hnatd0"))?.["master"] ?? null, null);
    inA("link set hnatd1 name hnatd9");
    await until("name", async () => (await link("hnatd9")) !== undefined);
    inA("link delete hnatd9");
    await until("gone", async () => (await link("hnatd9")) === undefined && (await link("hnatd0")) === undefined);
    expect(await has("10.99.0.1/32")).toBe(false);
    inA("link delete hnatbr0");
    await until("bridge gone", async () => (await link("hnatbr0")) === undefined);
  });

  it("an IPv6 address is tentative until it is known to be ours alone", async () => {
    const state = async (): Promise<unknown> =>
      (await addresses()).find((one) => one["at"] === "fd99::1/64")?.["tentative"];
    pair.sysctl(0, "net.ipv6.conf.eth0.accept_dad=1");
    inA("address add fd99::1/64 dev eth0");
    await untilEqual("at first", state, true);
    await untilEqual("in the end", state, false);
    pair.sysctl(0, "net.ipv6.conf.eth0.accept_dad=0");
    inA("address del fd99::1/64 dev eth0");
    await until("gone", async () => (await state()) === undefined);
  });

  it("after losing events for want of room, the view is complete again", async () => {
    await a.call("overrun", { verb: "add", count: 3000 });
    const mine = async (): Promise<number> =>
      (await addresses()).filter((one) => `${one["at"]}`.startsWith("10.88.")).length;
    await untilEqual("all addresses", mine, 3000);
    await a.call("overrun", { verb: "del", count: 3000 });
    await untilEqual("none", mine, 0);
  });

  it("packet sockets hear ARP requests only, and whether they are our own", async () => {
    await b.call("listenToFrames", { filter: "arp-requests" });
    ip(`-n ${pair.names[0]} neighbour flush dev eth0`);
    await a.call("disturb", { to: "10.77.0.2" });
    await until("a request", async () => ((await b.call("frames")) as string[]).length > 0);
    const frames = (await b.call("frames")) as string[];
    expect(frames[0]).toMatch(/^incoming 806 ffffffffffff[0-9a-f]{12}08060001080006040001/i);
    const operations = frames.map((frame) => (frame.split(" ")[2] ?? "").slice(40, 44));
    expect(new Set(operations)).toEqual(new Set(["0001"]));
  });

  it("packet sockets hear neighbour solicitations only", async () => {
    await b.call("listenToFrames", { filter: "solicitations" });
    ip(`-n ${pair.names[0]} neighbour flush dev eth0`);
    await a.call("disturb", { to: "fd77::2" });
    await until("a solicitation", async () => ((await b.call("frames")) as string[]).length > 0);
    const types = ((await b.call("frames")) as string[]).map((frame) => (frame.split(" ")[2] ?? "").slice(108, 110));
    expect(new Set(types)).toEqual(new Set(["87"]));
  });

  it("UDP leaves with TTL 255 and CS6", async () => {
    await b.call("listenToFrames", { filter: "none" });
    for (const to of ["10.77.0.2", "fd77::2"]) await a.call("disturb", { to });
    const datagrams = async (): Promise<readonly string[]> =>
      ((await b.call("frames")) as string[])
        .map((frame) => frame.split(" ")[2] ?? "")
        .filter((frame) => /^.{24}(0800.{18}11|86dd.{12}11)/.test(frame))
        .map((frame) =>
          frame.slice(24, 28) === "0800"
            ? `${frame.slice(28, 31)} ${frame.slice(44, 46)}`
            : `${frame.slice(28, 31)} ${frame.slice(42, 44)}`,
        );
    await untilEqual("both", datagrams, ["45c ff", "6c0 ff"]);
  });

  it("frames are taken many at once, in order", async () => {
    const { sizes, last } = (await a.call("batch", { count: 40 })) as { sizes: number[]; last: number[] };
    expect(Math.max(...sizes)).toBe(16);
    expect(last).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  it("UDP to a link-local address goes by its scope", async () => {
    const [ours, theirs] = [pair.linkLocal(0), pair.linkLocal(1)];
    const port = await b.call("udpListen", { address: theirs });
    expect(await a.call("udpSend", { to: theirs, port })).toBeUndefined();
    await untilEqual("heard", () => b.call("udpHeard"), [[ours, true, theirs, 255]]);
  });

  it("two unnumbered ends find each other's link-local address, also after the link was down", async () => {
    await Promise.all([a.call("watch", { name: "eth0" }), b.call("watch", { name: "eth0" })]);
    await untilEqual("found by A", () => a.call("found"), [pair.linkLocal(1)]);
    await untilEqual("found by B", () => b.call("found"), [pair.linkLocal(0)]);
    inA("link set eth0 down");
    await untilEqual("down", async () => (await link("eth0"))?.["carrier"], false);
    inA("link set eth0 up");
    await untilEqual("again", () => a.call("found"), [pair.linkLocal(1), pair.linkLocal(1)]);
  });

  it("works in a worker thread, which can be ended at any time", async () => {
    for (let i = 0; i < 3; i++) expect(await a.call("worker")).toBe("hello");
  });

  it("closed sockets leave no descriptor behind", async () => {
    expect(await a.call("openAndClose", { count: 500 })).toBe(0);
  });

  it("what a callback throws is an uncaught exception, not lost", async () => {
    expect(await a.call("throwInCallback")).toBe("from the callback");
  });
});
