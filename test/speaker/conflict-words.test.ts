import { describe, expect, test } from "vitest";
import type { RefusalCause } from "../../src/announcement/refusal.ts";
import { nodeName, poolName } from "../../src/api/brands.ts";
import { conflictsToSay, type Standing, standingOfRefusal } from "../../src/speaker/conflict-words.ts";

const A = "192.0.2.1";
const B = "192.0.2.2";

interface Case {
  readonly said?: readonly string[];
  readonly found?: readonly string[];
  readonly addresses?: readonly string[];
  readonly standing?: Readonly<Record<string, Standing>>;
  readonly alive?: readonly string[];
  readonly says: readonly string[];
}

/** `node address`. */
function words(text: string): { node: string; address: string; mac: string; interface: string } {
  const [node = "", address = ""] = text.split(" ");
  return { node, address, mac: "02:00:00:00:00:99", interface: "eth0" };
}

/** As node `me` sees it. */
function saysOf({ said = [], found = [], addresses = [A], standing = {}, alive = ["me", "other"] }: Case): string[] {
  const view = {
    ...{ node: "me", addresses, alive: new Set(alive) },
    said: said.map(words),
    found: found.map(words),
    standing: (address: string): Standing => standing[address] ?? "elsewhere",
  };
  return conflictsToSay(view).map(({ node, address }) => `${node} ${address}`);
}

const MINE = `me ${A}`;
const HIS = `other ${A}`;

describe("conflictsToSay()", () => {
  test.each<[string, Case]>([
    ["nothing of nothing", { says: [] }],
    ["what was found", { found: [MINE], standing: { [A]: "looks" }, says: [MINE] }],
    ["nothing that was found on an address that is not the Service's", { found: [`me ${B}`], says: [] }],
    ["our own words of an earlier life, while we look", { said: [MINE], standing: { [A]: "looks" }, says: [MINE] }],
    ["not our own words any more once we answer", { said: [MINE], standing: { [A]: "answers" }, says: [] }],
    ["our own words, while another one was elected and has not said anything", { said: [MINE], says: [MINE] }],
    ["the other one's alone, when he has found it too", { said: [MINE, HIS], says: [HIS] }],
    ["not our own words where nobody is elected", { said: [MINE], standing: { [A]: "nobody" }, says: [] }],
    ["not our own words where we are elected and cannot", { said: [MINE], standing: { [A]: "unable" }, says: [] }],
    ["not our own words about an address that the Service has lost", { said: [`me ${B}`], says: [] }],
    ["others' words, while they may be right", { said: [HIS], says: [HIS] }],
    ["others' words, while we look", { said: [HIS], standing: { [A]: "looks" }, says: [HIS] }],
    ["others' words beside our own", { said: [HIS], found: [MINE], standing: { [A]: "looks" }, says: [MINE, HIS] }],
    ["not others' words once we answer", { said: [HIS], standing: { [A]: "answers" }, says: [] }],
    ["the words of the living where nobody is elected", { said: [HIS], standing: { [A]: "nobody" }, says: [HIS] }],
    [
      "not the words of the dead where nobody is elected, when we are the first of the living",
      { said: [HIS], standing: { [A]: "nobody" }, alive: ["me", "you"], says: [] },
    ],
    [
      "the words of the dead where nobody is elected, when another one is the first",
      { said: [HIS], standing: { [A]: "nobody" }, alive: ["a", "me"], says: [HIS] },
    ],
    [
      "the words of the dead, while somebody is elected",
      { said: [HIS], standing: { [A]: "elsewhere" }, alive: ["me"], says: [HIS] },
    ],
    [
      "others' words about an address that the Service has lost, until we answer for the new one",
      { said: [HIS], addresses: [B], standing: { [B]: "looks" }, says: [HIS] },
    ],
    [
      "not others' words about an address that the Service has lost, once we answer for the new one",
      { said: [HIS], addresses: [B], standing: { [B]: "answers" }, says: [] },
    ],
  ])("says %s", (_name, one) => expect(saysOf(one)).toEqual(one.says));

  test("two nodes that both found a stranger come to the same words, and stay with them", () => {
    const [me, other] = [nodeName("me"), nodeName("other")];
    let said = [words(MINE)];
    for (let round = 0; round < 4; round++) {
      const node = round % 2 === 0 ? other : me;
      const view = { node, said, addresses: [A], alive: new Set([me, other]), standing: (): Standing => "looks" };
      said = [...conflictsToSay({ ...view, found: [words(`${node} ${A}`)] })];
      expect(said.map((one) => `${one.node} ${one.address}`)).toEqual([MINE, HIS]);
    }
  });
});

describe("standingOfRefusal()", () => {
  const [node, pool] = [nodeName("me"), poolName("p")];
  test.each<[RefusalCause | undefined, Standing]>([
    [undefined, "unable"],
    [{ reason: "no-matching-advertisement", node, pool, exist: false }, "nobody"],
    [{ reason: "no-matching-advertisement", node, pool, exist: true }, "unable"],
    [{ reason: "no-endpoint" }, "nobody"],
    [{ reason: "no-candidate-node", node }, "nobody"],
    [{ reason: "node-drained", node, why: "" }, "elsewhere"],
    [{ reason: "lost-election", node, winner: undefined, scores: [0, 0], by: "digest" }, "elsewhere"],
    [{ reason: "interface-missing", node, interfaces: ["eth7"] }, "unable"],
    [{ reason: "fenced", node, why: "" }, "unable"],
  ])("%o is %s", (cause, standing) => expect(standingOfRefusal(cause)).toBe(standing));
});
