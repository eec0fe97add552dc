import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Candidate, ElectionDigests, elect, electionDigest, rankCandidates } from "../../src/layer2/election.ts";

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

describe("the memo of digests", () => {
  test("changes no result", () => {
    const digests = new ElectionDigests();
    fc.assert(
      fc.property(candidates, address, (list, ip) => {
        expect(elect(list, ip, digests)).toBe(elect(list, ip));
        expect(elect(list, ip, digests)).toBe(elect(list, ip));
      }),
    );
  });

  test("hashes each pair once", () => {
    let hashed = 0;
    const digests = new ElectionDigests((node, ip) => {
      hashed++;
      return electionDigest(node, ip);
    });
    for (let i = 0; i < 5; i++) elect(even("a", "b", "c", "d"), "10.0.0.1", digests);
    expect(hashed).toBe(4);
  });

  test("compares whole digests when the leading 48 bits are alike", () => {
    const last = (node: string): Uint8Array =>
      Uint8Array.from({ length: 32 }, (_, i) => (i === 31 && node === "b" ? 1 : 9));
    const digests = new ElectionDigests(last);
    expect(elect(even("a", "b"), "10.0.0.1", digests)).toBe("b");
    expect(digests.compare("a", "a", "10.0.0.1")).toBe(0);
  });

  test("starts again rather than grow without end", () => {
    const digests = new ElectionDigests((node) => Uint8Array.of(0, 0, 0, 0, Number(node) >> 8, Number(node) & 255));
    for (let i = 0; i < 10_002; i++) digests.compare(String(i), "0", "10.0.0.1");
    for (let i = 0; i < 100_002; i++) digests.compare("1", "0", `address ${i}`);
    expect(digests.compare("258", "257", "10.0.0.1")).toBe(1);
  });
});
