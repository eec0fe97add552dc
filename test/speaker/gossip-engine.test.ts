import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../src/net/micros.ts";
import { GossipNetwork, inspect, membersOf, type Speaker } from "./gossip-network.ts";

const text = (value: string) => new TextEncoder().encode(value);

function refusals({ reports }: Speaker): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const report of reports)
    if (report.type === "refused") counts[report.reason] = (counts[report.reason] ?? 0) + report.count;
  return counts;
}

function changes({ reports }: Speaker): string[] {
  return reports.flatMap((report) =>
    report.type === "members" && report.change !== undefined ? [`${report.change.member} ${report.change.to}`] : [],
  );
}

test("each change is one report, with everybody who is up", () => {
  const network = new GossipNetwork();
  const [a, b, c] = network.cluster(3, { keys: [text("secret")] });
  if (a === undefined || b === undefined || c === undefined) throw new Error("three were started");
  expect(a.reports[0]).toEqual({ type: "members", members: ["node-0"], change: undefined });
  expect(membersOf(a)).toEqual(["node-0", "node-1", "node-2"]);
  c.engine.close();
  network.clock.advance(seconds(1));
  b.engine.handle({ type: "leave" });
  network.clock.advance(seconds(1));
  expect(changes(a).slice(2)).toEqual(["node-2 dead", "node-1 left"]);
  expect(b.reports.at(-1)).toEqual({ type: "left" });
});

test("inspect says who is where, how far away, and how well we are", () => {
  const network = new GossipNetwork();
  const [a] = network.cluster(2, { keys: [text("secret")] });
  if (a === undefined) throw new Error("two were started");
  const { members, health, refused } = inspect(a);
  expect(members).toMatchObject([
    { name: "node-0", address: "10.0.0.1", port: 7946, state: "alive" },
    { name: "node-1", address: "10.0.0.2", port: 7946, state: "alive", roundTrip: 400 },
  ]);
  expect({ health, refused }).toEqual({ health: 0, refused: {} });
});

test("who advertises another address is reached there", () => {
  const network = new GossipNetwork();
  const a = network.start("a");
  const b = network.start("b", { advertise: "192.0.2.9" });
  b.engine.handle({ type: "seeds", seeds: [a.place] });
  network.clock.advance(millis(50));
  expect(inspect(a).members.find(({ name }) => name === "b")?.address).toBe("192.0.2.9");
});

test.each([
  ["a name with a space", { node: "a b" }, "ERR_MEMBERSHIP_BAD_NAME"],
  ["a name that is empty", { node: "" }, "ERR_MEMBERSHIP_BAD_NAME"],
  ["an address that is none", { advertise: "eth0" }, "ERR_GOSSIP_BAD_ADDRESS"],
])("%s is the user's mistake", (_, options, code) => {
  expect(() => new GossipNetwork().start("a", options)).toThrow(expect.objectContaining({ code }));
});

describe("strangers", () => {
  test("get no answer to what is not authentic, and it is counted, a report a second", () => {
    const network = new GossipNetwork();
    const a = network.start("a", { keys: [text("secret")] });
    const stranger = network.start("x", { keys: [text("guess")] });
    stranger.engine.handle({ type: "seeds", seeds: [a.place] });
    const before = network.sent.length;
    network.clock.advance(millis(900));
    for (let i = 0; i < 50; i++) network.deliver(a.place, stranger.place, text("rubbish"));
    network.clock.advance(seconds(3));
    expect(network.sent.slice(before).filter(({ from }) => from === a.place)).toEqual([]);
    expect(membersOf(a)).toEqual(["a"]);
    expect(refusals(a)).toMatchObject({ malformed: 50 });
    expect(refusals(a)["not-authentic"]).toBeGreaterThan(0);
    expect(a.reports.filter(({ type }) => type === "refused").length).toBeLessThan(8);
  });

  test("in plain text are sent no more octets than they sent, until they have answered", () => {
    const network = new GossipNetwork();
    const [a, b] = network.cluster(12);
    if (a === undefined || b === undefined) throw new Error("twelve were started");
    const first = network.sent.filter(({ to }) => to.address === a.place.address);
    const spoofed = { address: "203.0.113.5", port: 53 };
    const x = network.start("x");
    x.engine.handle({ type: "seeds", seeds: [a.place] });
    x.engine.close();
    const asked = network.sent.filter(({ from }) => from === x.place);
    expect(asked.length).toBeGreaterThan(0);
    let octets = 0;
    for (const { bytes } of [...asked, ...first.slice(0, 1)]) {
      network.deliver(a.place, spoofed, bytes);
      octets += bytes.length;
    }
    network.clock.advance(seconds(5));
    const answered = network.sent.filter(({ to }) => to.address === spoofed.address);
    expect(answered.length).toBeGreaterThan(0);
    expect(answered.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThanOrEqual(octets);
    expect(refusals(a)["unproven"]).toBe(1);
  });

  test.each([
    ["with a key change nothing and stop nothing", [text("secret")]],
    ["in plain text, where they may say anything, stop nothing", []],
  ])("who send whatever octets %s", (_, keys) => {
    const network = new GossipNetwork();
    const [a, b] = network.cluster(3, { keys });
    if (a === undefined || b === undefined) throw new Error("three were started");
    const recorded = network.sent.filter(({ to }) => to.address === a.place.address).slice(-200);
    fc.assert(
      fc.property(
        fc.nat({ max: recorded.length - 1 }),
        fc.nat({ max: 1399 }),
        fc.nat({ max: 255 }),
        fc.constantFrom("cut", "flip", "again", "noise"),
        (which, at, octet, how) => {
          const bytes = recorded[which]?.bytes ?? new Uint8Array(0);
          const place = at % bytes.length;
          const packet = {
            cut: bytes.subarray(0, place),
            flip: bytes.with(place, octet),
            again: bytes,
            noise: new Uint8Array(at + 18).fill(octet).with(0, 0x48),
          }[how];
          network.deliver(a.place, b.place, packet);
        },
      ),
      { numRuns: 2000 },
    );
    const before = a.reports.length;
    network.clock.advance(seconds(5));
    expect(Object.keys(inspect(a).refused)).toEqual(expect.arrayContaining(["malformed", "replayed"]));
    if (keys.length > 0) expect(changes({ ...a, reports: a.reports.slice(before) })).toEqual([]);
  });

  test("with the key, what was recorded and is sent again changes nothing", () => {
    const network = new GossipNetwork();
    const [a, b] = network.cluster(3, { keys: [text("secret")] });
    if (a === undefined || b === undefined) throw new Error("three were started");
    const recorded = network.sent.filter(({ to }) => to.address === a.place.address).slice(20);
    const before = a.reports.length;
    for (const { bytes } of recorded) network.deliver(a.place, b.place, bytes);
    network.clock.advance(seconds(2));
    expect(a.reports.slice(before).map(({ type }) => type)).toEqual(["refused"]);
    expect(refusals(a)).toEqual({ replayed: recorded.length });
  });
});

test("the key is changed on one node after the other, and nobody is missed", () => {
  const network = new GossipNetwork();
  const speakers = network.cluster(4, { keys: [text("old")] });
  const before = speakers.map(changes);
  for (const keys of [["old", "new"], ["new", "old"], ["new"]])
    for (const { engine } of speakers) {
      engine.handle({ type: "keys", keys: keys.map(text) });
      network.clock.advance(seconds(1));
    }
  expect(speakers.map(changes)).toEqual(before);
  for (const speaker of speakers) expect(inspect(speaker).refused).toEqual({});
});

test("a port that is taken is said once, and tried again until it is free", () => {
  const network = new GossipNetwork();
  const a = network.start("a");
  network.refuseSockets = "bind EADDRINUSE";
  const b = network.start("b");
  b.engine.handle({ type: "seeds", seeds: [a.place] });
  network.clock.advance(seconds(5));
  expect(b.reports.filter(({ type }) => type === "socket-failed")).toEqual([
    { type: "socket-failed", message: "bind EADDRINUSE" },
  ]);
  network.refuseSockets = undefined;
  network.clock.advance(seconds(12));
  expect(membersOf(b)).toEqual(["a", "b"]);
});

test("a timer that comes late waits until what has arrived was read", () => {
  const network = new GossipNetwork();
  const [a] = network.cluster(2);
  if (a === undefined) throw new Error("two were started");
  network.unread = [];
  network.lateness = millis(5);
  const before = network.sent.length;
  network.clock.advance(millis(150));
  const waiting = network.unread.splice(0);
  expect(waiting.length).toBeGreaterThan(0);
  expect(network.sent.slice(before)).toEqual([]);
  for (const then of waiting) then();
  network.clock.advance(millis(150));
  expect(network.sent.length).toBeGreaterThan(before);
});

test("a closed engine says nothing more and has no timers", () => {
  const network = new GossipNetwork();
  const [a] = network.cluster(1);
  a?.engine.close();
  a?.engine.handle({ type: "leave" });
  network.deliver({ address: "10.0.0.1", port: 7946 }, { address: "10.0.0.2", port: 7946 }, text("x"));
  expect(network.clock.armed).toBe(0);
});

test("seeds and senders whose address is none are passed over", () => {
  const network = new GossipNetwork();
  const a = network.start("a");
  a.engine.handle({ type: "seeds", seeds: [{ address: "fe80::1%eth0", port: 7946 }] });
  network.deliver(a.place, { address: "fe80::1%eth0", port: 7946 }, text("rubbish"));
  expect(network.sent).toEqual([]);
  expect(inspect(a).refused).toEqual({});
});
