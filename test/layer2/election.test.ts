import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Candidate, ElectionDigests, electionDigest, rankCandidates } from "../../src/layer2/election.ts";

const bytes = (digest: Uint8Array): string => Buffer.from(digest).toString("hex");

/** Vectors of reference 6.2: MetalLB's own, first eight octets. */
describe("6.2 digest of node and address", () => {
  test.each([
    ["iris1", "10.20.30.1", "e42ad61a4159fa2d"],
    ["iris2", "10.20.30.1", "af6cb4e7605814d2"],
    ["iris1", "10.20.30.2", "610c5b6d22f60ca5"],
    ["iris2", "10.20.30.2", "6429fb4c07eeae89"],
    ["kind-worker2", "fc00:f853:ccd:e799::1", "37483744fe807d16"],
  ])("%s#%s", (node, address, leading) => {
    expect(bytes(electionDigest(node, address)).slice(0, 16)).toBe(leading);
  });
});

const elect = (list: readonly Candidate<string>[], address: string): string | undefined =>
  new ElectionDigests().elect(list, address);
const even = (...nodes: string[]): Candidate<string>[] => nodes.map((node) => ({ node, score: 0 }));

describe("6.2 the winner", () => {
  test.each<[string, Candidate<string>[], string, string | undefined]>([
    ["lower digest: iris2 has .1", even("iris1", "iris2"), "10.20.30.1", "iris2"],
    ["lower digest: iris1 has .2", even("iris1", "iris2"), "10.20.30.2", "iris1"],
    ["the order of candidates does not matter", even("iris2", "iris1"), "10.20.30.2", "iris1"],
    [
      "the score goes before the digest",
      [
        { node: "iris1", score: 1 },
        { node: "iris2", score: 0 },
      ],
      "10.20.30.1",
      "iris1",
    ],
    [
      "equal scores fall back on the digest",
      [
        { node: "iris1", score: 7 },
        { node: "iris2", score: 7 },
      ],
      "10.20.30.1",
      "iris2",
    ],
    [
      "a lower score later in the list does not win",
      [
        { node: "iris2", score: 5 },
        { node: "iris1", score: 4 },
      ],
      "10.20.30.2",
      "iris2",
    ],
    ["one candidate", even("only"), "10.20.30.1", "only"],
    ["nobody stands", [], "10.20.30.1", undefined],
  ])("%s", (_, candidates, address, winner) => {
    expect(elect(candidates, address)).toBe(winner);
    expect(rankCandidates(candidates, address)[0]?.node).toBe(winner);
  });
});

const candidates = fc.uniqueArray(
  fc.record({ node: fc.string({ minLength: 1, maxLength: 8 }), score: fc.integer({ min: 0, max: 2 }) }),
  { selector: ({ node }) => node, maxLength: 12 },
);
const address = fc.ipV4();

test("6.2 the order is the same whatever the order of input, and equals sorting by score and hex digest", () => {
  fc.assert(
    fc.property(candidates, address, (list, ip) => {
      const want = list
        .map((c) => ({ ...c, hex: bytes(electionDigest(c.node, ip)) }))
        .sort((a, b) => b.score - a.score || (a.hex < b.hex ? -1 : 1))
        .map(({ node }) => node);
      expect(rankCandidates(list, ip).map(({ node }) => node)).toEqual(want);
      expect(rankCandidates(list.toReversed(), ip).map(({ node }) => node)).toEqual(want);
      expect(elect(list, ip)).toBe(want[0]);
    }),
  );
});

test("6.2 removing a node that did not win moves nothing", () => {
  fc.assert(
    fc.property(candidates, address, fc.nat(), (list, ip, at) => {
      const winner = elect(list, ip);
      const rest = list.filter((c, i) => c.node === winner || i !== at % Math.max(1, list.length));
      expect(elect(rest, ip)).toBe(winner);
    }),
  );
});

/** More than are compared without remembering who came and who went. */
const crowd = (from: number, to: number): Candidate<string>[] =>
  even(...Array.from({ length: to - from }, (_, i) => `node-${from + i}`));

/** A memo that says how often it hashed. */
function counted(): { digests: ElectionDigests; hashed: () => number } {
  let hashes = 0;
  const digests = new ElectionDigests((node, ip) => {
    hashes++;
    return electionDigest(node, ip);
  });
  return { digests, hashed: () => hashes };
}

describe("the memo of elections", () => {
  test("changes no result, whoever comes, goes or changes his score", () => {
    const lists = fc.array(candidates, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(lists, lists, address, (some, others, ip) => {
        const digests = new ElectionDigests();
        const many = [...some, ...others.map((list) => [...list, ...crowd(0, 20)]), ...some];
        for (const list of many) {
          const fresh = [...new Map(list.map((one) => [one.node, one])).values()];
          const want = elect(fresh, ip);
          expect(digests.effort(fresh, ip)).toBeLessThanOrEqual(fresh.length);
          expect(digests.elect(fresh, ip)).toBe(want);
          expect(digests.elect(fresh, ip)).toBe(want);
        }
      }),
    );
  });

  test("of a node that comes, and of one that goes without having won, nothing but the newcomer is hashed", () => {
    const { digests, hashed } = counted();
    const before = crowd(0, 40);
    const winner = digests.elect(before, "10.0.0.1");
    expect(hashed()).toBe(40);
    const others = before.filter(({ node }) => node === winner || node !== "node-7");
    const now = [...others, { node: "late", score: 0 }];
    expect(digests.effort(now, "10.0.0.1")).toBe(1);
    digests.elect(now, "10.0.0.1");
    expect(hashed()).toBe(41);
    digests.elect(now, "10.0.0.1");
    expect(hashed()).toBe(41);
  });

  test("what the winner had is elected anew when it goes", () => {
    const { digests, hashed } = counted();
    const winner = digests.elect(crowd(0, 40), "10.0.0.1");
    const rest = crowd(0, 40).filter(({ node }) => node !== winner);
    expect(digests.effort(rest, "10.0.0.1")).toBe(39);
    expect(digests.elect(rest, "10.0.0.1")).toBe(elect(rest, "10.0.0.1"));
    expect(hashed()).toBe(79);
  });

  test("who wins knows it as an election would tell, and who does not, soon", () => {
    const all = crowd(0, 200);
    let hashes = 0;
    for (const own of all.slice(0, 40)) {
      const { digests, hashed } = counted();
      expect(digests.wins(own, all, "10.0.0.1")).toBe(elect(all, "10.0.0.1") === own.node);
      hashes += hashed();
    }
    expect(hashes).toBeLessThan((40 * 200) / 4);
  });

  test("compares whole digests when the leading 48 bits are alike", () => {
    const last = (node: string): Uint8Array =>
      Uint8Array.from({ length: 32 }, (_, i) => (i === 31 && node === "b" ? 1 : 9));
    const digests = new ElectionDigests(last);
    expect(digests.elect(even("a", "b"), "10.0.0.1")).toBe("b");
    expect(digests.wins({ node: "a", score: 0 }, even("a", "b"), "10.0.0.2")).toBe(false);
    expect(digests.compare("a", "a", "10.0.0.1")).toBe(0);
  });

  test("starts again rather than grow without end", () => {
    const digests = new ElectionDigests();
    for (let i = 0; i < 100_002; i++) digests.elect(even("a"), `address ${i}`);
    expect(digests.effort(even("a"), "address 1")).toBe(1);
    expect(digests.effort(even("a"), "address 100001")).toBe(0);
  });
});
