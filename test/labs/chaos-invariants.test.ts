import { describe, expect, test } from "vitest";
import type { Fault } from "../../labs/runner/chaos/fault.ts";
import { causesAt, type Figures, Invariants, sight } from "../../labs/runner/chaos/invariants.ts";
import type { Moment } from "../../labs/runner/chaos/moments.ts";
import { OpenRounds, parseRequests } from "../../labs/runner/chaos/observers.ts";
import { figuresText } from "../../labs/runner/chaos/words.ts";

const VIP = "203.0.113.10";
const LOCAL = "203.0.113.11";
const BOUNDS = { double: 1000, stray: 2000, reach: 5000 };
const SERVICES = [
  { name: "web", addresses: [VIP], local: false },
  { name: "web-local", addresses: [LOCAL], local: true },
];
const POWER: Fault = { kind: "node-killed", node: "n1", ports: [], pods: [] };
const LOSSY: Fault = {
  kind: "packet-loss",
  port: { node: "t1", port: "eth1" },
  far: { node: "n1", port: "eth1" },
};

const ready = (at: number, service: string, ...nodes: readonly string[]): Moment => ({
  type: "endpoints",
  at,
  service,
  nodes,
});
const began = (at: number, number: number, fault: Fault): Moment => ({
  type: "fault-began",
  at,
  fault: { number, at, lasts: 0, fault },
});
const ended = (at: number, number: number): Moment => ({ type: "fault-ended", at, number });
const answered = (at: number, ...nodes: readonly string[]): Moment => ({ type: "answered", at, address: VIP, nodes });
const routed = (at: number, address: string, ...nodes: readonly string[]): Moment => ({
  type: "routed",
  at,
  router: "t1",
  address,
  nodes,
});
const asked = (at: number, lost: number, late = false): Moment => ({
  type: "requests",
  at,
  client: "client",
  address: VIP,
  sent: 10,
  lost,
  again: 0,
  late,
});

function play(...moments: readonly Moment[]): { readonly breaches: readonly string[]; readonly figures: Figures } {
  const invariants = new Invariants(SERVICES, BOUNDS);
  for (const moment of moments) invariants.observe(moment);
  const breaches = invariants.breaches.map(({ text }) => text);
  return { breaches, figures: invariants.finish(100_000) };
}

const WELL = [ready(0, "web", "n1", "n2"), ready(0, "web-local", "n1")];

describe("no address is answered by two for longer than the bound", () => {
  test.each([
    ["two answer for the bound", [answered(0, "n1", "n2"), answered(950, "n1", "n2"), answered(1000, "n1")], 0],
    ["two answer for longer", [answered(0, "n1", "n2"), answered(1001, "n1", "n2")], 1],
    ["one answer in between ends it", [answered(0, "n1", "n2"), answered(800, "n2"), answered(1001, "n1", "n2")], 0],
    ["they take turns", [answered(0, "n1"), answered(800, "n2"), answered(1600, "n1")], 0],
  ])("%s", (_name, moments, breaches) => {
    expect(play(...WELL, ...moments).breaches).toHaveLength(breaches);
  });

  test("figures: how often, and the longest", () => {
    const { figures } = play(
      ...WELL,
      answered(0, "n1", "n2"),
      answered(300, "n1"),
      answered(400, "n1", "n2"),
      answered(500, "n2"),
    );
    expect(figures.doubles.map(({ from, to }) => to - from)).toEqual([300, 100]);
  });
});

describe("no route without a ready endpoint for longer than the bound", () => {
  const gone = ready(10_000, "web", ...[]);
  test.each([
    ["withdrawn in time", [gone, routed(10_500, VIP, "n1"), routed(12_400, VIP, "n1"), routed(12_500, VIP)], 0],
    ["still there", [gone, routed(10_500, VIP, "n1"), routed(12_600, VIP, "n1")], 1],
    ["a spine's route to a ToR, too", [gone, routed(10_500, VIP, "t2"), routed(12_600, VIP, "t2")], 1],
    ["an answer on the LAN, too", [gone, answered(10_500, "n1"), answered(12_600, "n1")], 1],
    [
      "Cluster: an endpoint on another node will do",
      [ready(10_000, "web", "n2"), routed(10_500, VIP, "n1"), routed(19_000, VIP, "n1")],
      0,
    ],
    [
      "Local: it has to be on this node",
      [ready(1, "web-local", "n2"), routed(10_500, LOCAL, "n1"), routed(19_000, LOCAL, "n1")],
      1,
    ],
    [
      "Local: a spine's next hop is a ToR",
      [ready(1, "web-local", "n2"), routed(10_500, LOCAL, "t1"), routed(19_000, LOCAL, "t1")],
      0,
    ],
    [
      "each next hop counts for itself",
      [
        ready(1, "web-local", "n2"),
        routed(2, LOCAL, "n1", "n2"),
        routed(1900, LOCAL, "n2"),
        routed(3000, LOCAL, "n1"),
        routed(4000, LOCAL, "n2"),
      ],
      0,
    ],
  ])("%s", (_name, moments, breaches) => {
    expect(play(...WELL, ...moments).breaches).toHaveLength(breaches);
  });
});

describe("every Service is reachable again within the bound", () => {
  test.each([
    ["lost requests right after a fault began", [began(10_000, 1, POWER), asked(10_000, 5), asked(14_000, 5)], 0],
    ["there is a way around a dead node: reachable while it is dead", [began(10_000, 1, POWER), asked(15_100, 5)], 1],
    ["there is none around a lossy link", [began(10_000, 1, LOSSY), asked(15_100, 5)], 0],
    ["but when it is over", [began(10_000, 1, LOSSY), ended(20_000, 1), asked(24_900, 5), asked(25_100, 5)], 1],
    ["two at once may take both ways", [began(9000, 1, POWER), began(10_000, 2, POWER), asked(15_100, 9)], 0],
    [
      "one is over, one is left",
      [began(9000, 1, POWER), began(10_000, 2, POWER), ended(12_000, 1), asked(17_100, 9)],
      1,
    ],
    ["one of ten is a frame between two owners", [began(10_000, 1, POWER), asked(15_100, 1)], 0],
    ["a client that stood still says little", [began(10_000, 1, POWER), asked(15_100, 5, true)], 0],
    ["without endpoints nobody is reachable", [ready(10_000, "web"), asked(16_000, 10)], 0],
    [
      "nor at once when they are back",
      [ready(10_000, "web"), ready(12_000, "web", "n1"), asked(16_900, 10), asked(17_100, 10)],
      1,
    ],
    ["without any fault at all", [asked(6000, 5)], 1],
    ["at the beginning it may settle", [asked(4900, 5)], 0],
  ])("%s", (_name, moments, breaches) => {
    expect(play(...WELL, ...moments).breaches).toHaveLength(breaches);
  });

  test("a report that comes late is judged by the time it is about", () => {
    const late = [began(10_000, 1, POWER), ended(20_000, 1), began(22_000, 2, LOSSY), asked(15_500, 9)];
    expect(play(...WELL, ...late).breaches).toHaveLength(1);
  });

  test("figures: requests, outages, and the time from a fault's end to the end of its outage", () => {
    const moments = [
      began(10_000, 1, LOSSY),
      asked(10_000, 5),
      asked(11_000, 1),
      asked(12_000, 4),
      ended(12_500, 1),
      asked(14_000, 0),
    ];
    const { figures } = play(...WELL, ...moments);
    expect(figures).toMatchObject({ sent: 40, lost: 10, recovery: 1500 });
    expect(figures.outages.map(({ from, to }) => to - from)).toEqual([1000, 2000]);
  });
});

test("figures: what goes on while another fault lasts is not what the first one's end left behind", () => {
  const moments = [
    began(10_000, 1, LOSSY),
    began(11_000, 2, POWER),
    asked(10_000, 5),
    ended(12_000, 1),
    asked(18_000, 0),
  ];
  expect(play(...WELL, ...moments).figures.recovery).toBe(0);
  expect(play(...WELL, ...moments.slice(0, 4), ended(16_500, 2), asked(18_000, 0)).figures.recovery).toBe(1500);
});

test("figures: an outage counts as one that there was a way around only when nothing else failed at that time", () => {
  const outage = (at: number): readonly Moment[] => [asked(at, 9), asked(at + 1000, 0)];
  const avoidable = (...moments: readonly Moment[]): number => play(...WELL, ...moments).figures.avoidable.length;
  expect(avoidable(began(10_000, 1, POWER), ...outage(10_500))).toBe(1);
  expect(avoidable(began(10_000, 1, POWER), began(12_000, 2, POWER), ...outage(10_500))).toBe(0);
  expect(avoidable(began(10_000, 1, LOSSY), ...outage(10_500))).toBe(0);
  expect(avoidable(began(10_000, 1, LOSSY), ended(20_000, 1), ...outage(20_500))).toBe(0);
});

test("who never saw anything well has proved nothing: it is named", () => {
  const sights = [sight.requests("client", VIP), sight.answer(VIP), sight.route("t1", VIP), sight.route("t1", LOCAL)];
  const invariants = new Invariants(SERVICES, BOUNDS);
  for (const moment of [...WELL, asked(1000, 10), answered(1000), routed(1000, VIP), routed(1000, LOCAL, "n1")])
    invariants.observe(moment);
  expect(invariants.unseen(sights)).toEqual(sights.slice(0, 3));
  for (const moment of [asked(2000, 9), answered(2000, "n1"), routed(2000, VIP, "n1")]) invariants.observe(moment);
  expect(invariants.unseen(sights)).toEqual([]);
});

test("causesAt names what went on meanwhile, or what was last", () => {
  const moments = [began(10_000, 1, POWER), ended(20_000, 1), began(40_000, 2, LOSSY), ended(50_000, 2)];
  expect(causesAt(moments, 5000, 6000)).toBe("before the first fault");
  expect(causesAt(moments, 19_000, 21_000)).toBe("during node killed: n1");
  expect(causesAt(moments, 30_000, 31_000)).toBe("after node killed: n1");
});

test("figuresText has every figure, its bound, the seed, and what the worst came from", () => {
  const moments = [
    ...WELL,
    began(10_000, 1, POWER),
    asked(10_000, 5),
    answered(10_100, "n1", "n2"),
    answered(10_300, "n2"),
    asked(12_000, 0),
    ended(13_000, 1),
  ];
  const { figures } = play(...moments);
  const faults = [{ number: 1, at: 0, lasts: 3000, fault: POWER }];
  const lines = figuresText({ figures, bounds: BOUNDS, faults, moments, seed: 4711, took: 60_000, isOnLan: true });
  expect(lines.map((line) => line.replace(/ {2,}/, ": "))).toEqual([
    "seed: 4711, for 60.00 s",
    "faults: 1: 1 node-killed",
    "requests: 20 sent, 5 lost (25.00 %), 0 asked again after a reset",
    "outages: 1, longest 2.00 s, 203.0.113.10 from client, during node killed: n1",
    "with another way: 1, longest 2.00 s, 203.0.113.10 from client, during node killed: n1 (bound 5.00 s)",
    "recovery: at most 0 ms after a fault's end (bound 5.00 s)",
    "answered by two: 1, longest 200 ms, 203.0.113.10, during node killed: n1 (bound 1.00 s)",
    "without endpoint: 0 (bound 2.00 s)",
  ]);
});

test("OpenRounds tells who answered a question when the next one is asked", () => {
  const told: string[] = [];
  const rounds = new OpenRounds((ip, at, macs) => told.push(`${at} ${ip} ${[...macs].join("+")}`));
  const hear = (at: number, kind: "asked" | "answer" | "announcement", mac: string): void =>
    rounds.hear({ at, kind, ip: VIP, mac });
  hear(0, "answer", "early");
  hear(1, "asked", "tap");
  hear(2, "announcement", "c");
  hear(3, "answer", "a");
  hear(4, "answer", "b");
  hear(51, "asked", "tap");
  hear(101, "asked", "tap");
  expect(told).toEqual([`1 ${VIP} a+b`, `51 ${VIP} `]);
});

test("parseRequests reads a line of clients.mjs", () => {
  const line = '{"at":12.5,"url":"http://203.0.113.10/","sent":10,"lost":1,"again":2,"late":true}';
  expect(parseRequests(line)).toEqual({
    at: 12.5,
    url: "http://203.0.113.10/",
    sent: 10,
    lost: 1,
    again: 2,
    late: true,
  });
});
