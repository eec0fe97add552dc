import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { millis } from "../../src/net/micros.ts";
import { type Agent, NamespacePair, whyNoNamespaces } from "../support/network-namespace.ts";
import { until } from "../support/until.ts";
import type { DialCall, ListenCall } from "./agent/tcp-agent.ts";

// The kernel's own TCP between two network namespaces: A dials, B listens.
const why = whyNoNamespaces();
const AGENT = new URL("./agent/tcp-agent.ts", import.meta.url).pathname;

describe.skipIf(why !== undefined)(`TCP with the native layer${why ?? ""}`, () => {
  let pair: NamespacePair;
  let a: Agent;
  let b: Agent;
  const dial = async (call: Omit<DialCall, "port">, outcome = "connected"): Promise<unknown> =>
    a.call("dial", { port, ...patienceFor(outcome), ...call });
  let port = 0;
  const listen = async (call: ListenCall): Promise<void> => {
    port = Number(await b.call("listen", call));
  };
  beforeAll(async () => {
    pair = NamespacePair.create("hnat");
    [a, b] = [pair.agent(0, AGENT), pair.agent(1, AGENT)];
    await Promise.all([a.call("sockets"), b.call("sockets")]);
  });
  afterAll(() => pair.remove());

  const V4 = { address: "10.77.0.2" };
  const V6 = { address: "fd77::2" };
  const all = "10.77.0.0/16";
  it.each<readonly [string, ListenCall, Omit<DialCall, "port">, string]>([
    ["no password on either side", {}, V4, "connected"],
    ["the right one", { passwords: [["10.77.0.1/32", "s"]] }, { ...V4, password: "s" }, "connected"],
    ["the right one, IPv6", { passwords: [["fd77::1/128", "s"]] }, { ...V6, password: "s" }, "connected"],
    [
      "the right one, listening on IPv4 only",
      { ...V4, passwords: [[all, "s"]] },
      { ...V4, password: "s" },
      "connected",
    ],
    [
      "the right one, listening on IPv6 only",
      { ...V6, passwords: [["fd77::/64", "s"]] },
      { ...V6, password: "s" },
      "connected",
    ],
    ["the right one, for a prefix", { passwords: [[all, "s"]] }, { ...V4, password: "s" }, "connected"],
    [
      "a longer prefix's",
      {
        passwords: [
          [all, "x"],
          ["10.77.0.1/32", "s"],
        ],
      },
      { ...V4, password: "s" },
      "connected",
    ],
    [
      "80 octets, and another 80th",
      { passwords: [[all, `${"k".repeat(79)}1`]] },
      { ...V4, password: `${"k".repeat(79)}2` },
      "silence",
    ],
    ["a wrong one", { passwords: [["10.77.0.1/32", "s"]] }, { ...V4, password: "t" }, "silence"],
    ["a wrong one, IPv6", { passwords: [["fd77::1/128", "s"]] }, { ...V6, password: "t" }, "silence"],
    ["none where one is asked for", { passwords: [["10.77.0.1/32", "s"]] }, V4, "silence"],
    ["one where none is asked for", {}, { ...V4, password: "s" }, "silence"],
    ["another peer's", { passwords: [["10.77.0.9/32", "s"]] }, { ...V4, password: "s" }, "silence"],
  ])("passwords: %s", async (_, listening, dialling, outcome) => {
    await listen(listening);
    expect(await dial(dialling, outcome)).toBe(outcome);
    if (outcome === "connected") expect(await a.call("echo", { text: "hello" })).toBe("hello");
  });

  it("a password is changed, taken away and set again while listening", async () => {
    await listen({ passwords: [["10.77.0.1/32", "one"]] });
    expect(await dial({ ...V4, password: "one" })).toBe("connected");
    await b.call("setPassword", { peers: "10.77.0.1/32", password: "two" });
    expect(await dial({ ...V4, password: "one" }, "silence")).toBe("silence");
    expect(await dial({ ...V4, password: "two" })).toBe("connected");
    for (let i = 0; i < 2; i++) await b.call("setPassword", { peers: "10.77.0.1/32" });
    expect(await dial(V4)).toBe("connected");
    await b.call("setPassword", { peers: "10.77.0.0/24", password: "three" });
    expect(await dial(V4, "silence")).toBe("silence");
    await b.call("setPassword", { peers: "10.77.0.0/24" });
    expect(await dial(V4)).toBe("connected");
  });

  it("a connection lives through a change of its password on both sides", async () => {
    await listen({ passwords: [["10.77.0.1/32", "old"]] });
    expect(await dial({ ...V4, password: "old" })).toBe("connected");
    expect(await a.call("echo", { text: "before" })).toBe("before");
    await b.call("changePassword", { password: "new" });
    expect(await a.call("echo", { text: "between", waitMs: 700 })).toBe("silence");
    await a.call("changePassword", { password: "new" });
    expect(await a.call("echo", { text: "after" })).toMatch(/^(between)?after$|^silence$/);
    expect(await a.call("echo", { text: "again" })).toBe("again");
  });

  it("the kernel's counters tell a wrong password from a missing one", async () => {
    const count = async () => ({ ...((await b.call("counters")) as Record<string, number>) });
    await listen({ passwords: [["10.77.0.1/32", "s"]] });
    const before = await count();
    await dial({ ...V4, password: "t" }, "silence");
    const wrong = await count();
    await dial(V4, "silence");
    const missing = await count();
    await listen({});
    await dial({ ...V4, password: "t" }, "silence");
    const unexpected = await count();
    const grown = [before, wrong, missing, unexpected].map((c) => [c["wrong"], c["missing"], c["unexpected"]]);
    const steps = grown.slice(1).map((c, i) => c.map((n, j) => (n ?? 0) > (grown[i]?.[j] ?? 0)));
    expect(steps).toEqual([
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]);
  });

  it.each<readonly [string, TtlRow, TtlRow, string]>([
    ["both on the link", { minTtl: 255 }, { minTtl: 255 }, "echo"],
    ["ours only: the listener answers with 255 anyway", { minTtl: 255 }, {}, "echo"],
    ["the peer sends a lower one", { minTtl: 255 }, { ttl: 254 }, "silence"],
    ["we send a lower one", { ttl: 254 }, { minTtl: 255 }, "silence"],
    ["two hops are allowed, one is taken", { ttl: 254 }, { minTtl: 254 }, "echo"],
  ])("GTSM (RFC 5082): %s", async (_, ours, theirs, outcome) => {
    for (const target of [V4, V6]) {
      await listen({ options: theirs });
      expect(await dial({ ...target, ...ours })).toBe("connected");
      expect(await a.call("echo", { text: "echo", ...patienceFor(outcome) })).toBe(outcome);
      await a.call("hangUp");
    }
  });

  it("a session that must stay on the link sends TTL 1", async () => {
    await listen({});
    await dial({ ...V4, ttl: 1 });
    expect(await a.call("dialledOptions")).toMatchObject({ ttl: 1, tos: 0xc0 });
  });

  it("the kernel has the options that were asked for", async () => {
    await listen({});
    await dial({ ...V4, minTtl: 255, userTimeout: millis(12_345), bindToDevice: "eth0" });
    expect(await a.call("dialledOptions")).toEqual({
      tos: 0xc0,
      ttl: 255,
      minTtl: 255,
      userTimeout: 12_345,
      device: "eth0",
    });
  });

  it.each([
    ["IPv4", V4],
    ["IPv6", V6],
  ])("SYN, SYN-ACK and the rest are marked CS6 and signed on the wire: %s", async (_, target) => {
    await listen({
      passwords: [
        [all, "s"],
        ["fd77::/64", "s"],
      ],
    });
    await a.call("capture");
    await dial({ ...target, password: "s", minTtl: 255 });
    await a.call("echo", { text: "x" });
    await a.call("hangUp");
    const seen = async () => ((await a.call("captured")) as string[]).map(tcpOf).filter((frame) => frame !== undefined);
    // The end of a connection takes its time on a busy machine.
    await until("the end of the connection", async () => (await seen()).length > 4);
    const frames = await seen();
    await a.call("endCapture");
    expect(new Set(frames.map(({ tos }) => tos))).toEqual(new Set([0xc0]));
    expect(new Set(frames.map(({ ttl }) => ttl))).toEqual(new Set([255]));
    expect(frames.slice(0, 2).map(({ flags }) => flags)).toEqual([0x02, 0x12]);
    expect(frames.every(({ signed }) => signed)).toBe(true);
  });

  it("bound to an interface, a connection does not leave by another", async () => {
    await listen({});
    expect(await dial({ ...V4, bindToDevice: "eth0" })).toBe("connected");
    expect(await dial({ ...V4, bindToDevice: "lo" }, "silence")).not.toBe("connected");
    expect(await dial({ ...V4, bindToDevice: "nowhere0" })).toContain("ENODEV");
  });

  it("link-local peers are reached by their zone, also with a password", async () => {
    const [ours, theirs] = [pair.linkLocal(0), pair.linkLocal(1)];
    await listen({ passwords: [["fe80::/64", "s"]] });
    expect(await dial({ address: theirs, zone: "eth0", password: "s", minTtl: 255 })).toBe("connected");
    expect(await a.call("echo", { text: "x" })).toBe("x");
    expect(await a.call("ends")).toEqual([ours, theirs, "eth0"]);
    expect(await b.call("acceptedEnds")).toEqual([[theirs, ours, "eth0"]]);
    await listen({ address: theirs, zone: "eth0" });
    expect(await dial({ address: theirs, zone: "eth0" })).toBe("connected");
    expect(await dial({ address: theirs, zone: "eth0", localAddress: ours })).toBe("connected");
  });

  it("a source address is kept, and one that is not ours is an error", async () => {
    await listen({});
    expect(await dial({ ...V4, localAddress: "10.77.0.1" })).toBe("connected");
    expect(await a.call("ends")).toEqual(["10.77.0.1", "10.77.0.2", ""]);
    expect(await dial({ ...V4, localAddress: "10.77.0.99" })).toContain("EADDRNOTAVAIL");
  });

  it("attempts that are given up in SYN_SENT, refused or made leave no socket behind", async () => {
    await listen({ passwords: [[all, "s"]] });
    const before = await a.call("sockets");
    for (let i = 0; i < 5; i++) await dial(V4, "silence");
    for (let i = 0; i < 20; i++) {
      expect(await a.call("dial", { ...V4, port: 1 })).toContain("ECONNREFUSED");
      expect(await dial({ ...V4, password: "s" })).toBe("connected");
      await a.call("hangUp");
      await dial({ ...V4, bindToDevice: "nowhere0" });
    }
    expect(await a.call("sockets")).toBe(before);
  });
});

/** What should not come is waited for a little, what should come as long as a busy machine may need. */
function patienceFor(outcome: string): { readonly waitMs?: number } {
  return outcome === "silence" ? { waitMs: 700 } : {};
}

type TtlRow = { readonly minTtl?: number; readonly ttl?: number };

const SIGNATURE_OPTION = "1312";

const V4_HEADER = { start: 34, protocol: 23, ttl: 22, tos: (bytes: Buffer) => bytes[15] };
const V6_HEADER = { start: 54, protocol: 20, ttl: 21, tos: (bytes: Buffer) => (bytes.readUInt16BE(14) >> 4) & 255 };

function tcpOf(frame: string) {
  const bytes = Buffer.from(frame, "hex");
  const header = { 2048: V4_HEADER, 34525: V6_HEADER }[bytes.readUInt16BE(12)];
  if (header === undefined || bytes[header.protocol] !== 6) return undefined;
  const tcp = bytes.subarray(header.start);
  const options = tcp.subarray(20, ((tcp[12] ?? 0) >> 4) * 4).toString("hex");
  const [tos, ttl] = [header.tos(bytes), bytes[header.ttl]];
  return { tos, ttl, flags: tcp[13], signed: options.includes(SIGNATURE_OPTION) };
}
