import { describe, expect, test } from "vitest";
import {
  answeredTwice,
  type Heard,
  longest,
  ownerIn,
  parseHeard,
  roundsOf,
  unanswered,
} from "../../labs/runner/lan-rounds.ts";
import { outageAfter, parseLoad } from "../../labs/runner/load.ts";
import { parseNeighbours } from "../../labs/runner/neighbours.ts";
import { parsePorts } from "../../labs/runner/routes.ts";

const VIP = "10.98.0.100";

/** One letter is one question 50 ms after the last, answered by the nodes it stands for; `-` by nobody, `2` by a and b. */
function listen(pattern: string): readonly Heard[] {
  const who: Readonly<Record<string, readonly string[]>> = { "-": [], "2": ["a", "b"] };
  return [...pattern, "-"].flatMap((letter, i) => [
    { at: i * 50, kind: "asked", ip: VIP, mac: "tap" } as const,
    ...(who[letter] ?? [letter]).map((mac) => ({ at: i * 50 + 1, kind: "answer", ip: VIP, mac }) as const),
  ]);
}

describe("ownerIn says who answers alone", () => {
  test.each([
    ["before anybody asked", "", { seen: "no question yet" }],
    ["after three answers: too soon to tell", "aaa", { seen: "a, a, a" }],
    ["after four answers of one node", "--baaaa", { mac: "a" }],
    ["not when one of the last questions was answered twice", "aaa2aa", { seen: "a, a+b, a, a" }],
    ["not when a question was lost", "aaa-a", { seen: "a, a, nobody, a" }],
    ["not when the nodes take turns", "abab", { seen: "a, b, a, b" }],
  ])("%s", (_name, pattern, owner) => {
    expect(ownerIn(roundsOf(listen(pattern), VIP))).toEqual(owner);
  });

  test("one node that answers each question twice is not sound either", () => {
    const heard = listen("aaaa").flatMap((one) => (one.kind === "answer" ? [one, one] : [one]));
    expect(ownerIn(roundsOf(heard, VIP))).toEqual({ seen: "a+a, a+a, a+a, a+a" });
  });
});

test("roundsOf leaves other addresses and announcements out, and the question that is still open", () => {
  const heard: readonly Heard[] = [
    { at: 0, kind: "asked", ip: VIP, mac: "tap" },
    { at: 1, kind: "announcement", ip: VIP, mac: "b" },
    { at: 2, kind: "answer", ip: "10.98.0.101", mac: "b" },
    { at: 3, kind: "answer", ip: VIP, mac: "a" },
    { at: 50, kind: "asked", ip: VIP, mac: "tap" },
  ];
  expect(roundsOf(heard, VIP)).toEqual([{ at: 0, macs: ["a"] }]);
});

test.each([
  ["nothing was wrong", "aaaa", 0, 0],
  ["silence from the first lost question to the next answered one", "aa---ab-b", 150, 0],
  ["two answers", "aa22bb2b", 0, 100],
  ["silence that goes on to the end counts to the last question", "a---", 100, 0],
])("longest: %s", (_name, pattern, silent, double) => {
  const rounds = roundsOf(listen(pattern), VIP);
  expect([longest(rounds, unanswered), longest(rounds, answeredTwice)]).toEqual([silent, double]);
});

test.each([
  ['{"at":12.5,"kind":"answer","ip":"10.0.0.1","mac":"02:00:00:00:00:0a"}', true],
  ["", false],
  ['{"at":"12","kind":"answer"}', false],
  ['{"at":12,"kind":"shout"}', false],
])("parseHeard: %s", (line, good) => {
  expect(parseHeard(line) !== undefined).toBe(good);
});

const LOAD = `{"sent":5,"answered":4,"again":1,"lost":1,"longestGap":900.5,"gaps":[[100,160],[1000,1900.5]],"pods":{"p1":4},"reasons":{"TimeoutError":1}}`;

test("parseLoad reads what steady-load.mjs prints", () => {
  expect(parseLoad(LOAD)).toEqual({
    sent: 5,
    answered: 4,
    again: 1,
    lost: 1,
    longestGap: 900.5,
    gaps: [
      { from: 100, to: 160 },
      { from: 1000, to: 1900.5 },
    ],
    pods: new Map([["p1", 4]]),
    reasons: '{"TimeoutError":1}',
  });
});

test.each([
  ["counts from the moment, not from the last answer before it", 1010, 890.5],
  ["counts from the last answer, when answers went on after it", 600, 900.5],
  ["a moment near the end of a gap", 1900, 0.5],
  ["nobody noticed", 2000, 0],
  ["a gap that begins much later is another's", -1950, 0],
])("outageAfter %s", (_name, moment, outage) => {
  expect(outageAfter(parseLoad(LOAD), moment)).toBeCloseTo(outage);
});

// What iproute2 6.1 printed.
test("parseNeighbours reads `ip -j neigh show`", () => {
  const text = `[{"dst":"10.98.0.100","dev":"eth1","lladdr":"7a:1b:3f:45:f3:4e","state":["REACHABLE"]},{"dst":"10.98.0.7","dev":"eth1","state":["FAILED"]}]`;
  expect(parseNeighbours(text)).toEqual([
    { ip: "10.98.0.100", mac: "7a:1b:3f:45:f3:4e", states: ["REACHABLE"] },
    { ip: "10.98.0.7", mac: "", states: ["FAILED"] },
  ]);
  expect(parseNeighbours("")).toEqual([]);
});

test("parsePorts reads `ip -j addr show`: no loopback, no link-local address", () => {
  const text = `[{"ifindex":1,"ifname":"lo","link_type":"loopback","address":"00:00:00:00:00:00","addr_info":[{"local":"127.0.0.1","scope":"host"}]},
    {"ifindex":7,"ifname":"eth1","link_type":"ether","address":"7a:1b:3f:45:f3:4e","addr_info":[{"local":"10.98.0.11","scope":"global"},{"local":"fe80::1","scope":"link"}]}]`;
  expect(parsePorts(text)).toEqual([{ name: "eth1", index: 7, mac: "7a:1b:3f:45:f3:4e", addresses: ["10.98.0.11"] }]);
});
