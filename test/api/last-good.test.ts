import { describe, expect, test } from "vitest";
import type { Secret } from "../../src/api/core.ts";
import { type ConfigMemory, NO_MEMORY, parseKeepingLastGood } from "../../src/api/last-good.ts";
import type { ConfigObjects } from "../../src/api/parse-config.ts";
import { bgp, l2, peer, pool, raw } from "./objects.ts";

const NONE: ConfigObjects = {
  pools: [],
  peers: [],
  bgpAdvertisements: [],
  l2Advertisements: [],
  communities: [],
  bfdProfiles: [],
  secrets: [],
};
type Objects = Partial<ConfigObjects>;

const secret = (name: string, password = "sesame"): Secret => ({
  metadata: { name, namespace: "metallb-system" },
  type: "kubernetes.io/basic-auth",
  data: { password: Buffer.from(password).toString("base64") },
});
const community = (name: string, value: string): ConfigObjects["communities"][number] =>
  raw("Community", name, { communities: [{ name: "vip", value }] });

/** One line for each thing that is configured, with the part of it that the tests edit. */
function summary(steps: readonly Objects[]): { config: readonly string[]; invalid: readonly string[] } {
  let memory: ConfigMemory = NO_MEMORY;
  let result: { config: readonly string[]; invalid: readonly string[] } = { config: [], invalid: [] };
  for (const objects of steps) {
    const parsed = parseKeepingLastGood({ ...NONE, ...objects }, { nodes: [] }, memory);
    memory = parsed.memory;
    const { pools, peers, bgpAdvertisements, l2Advertisements, bfdProfiles } = parsed.config;
    result = {
      config: [
        ...[...pools.values()].map((p) => `pool ${p.name} ${p.blocks.map((block) => block.text).join(",")}`),
        ...[...peers.values()].map((p) => `peer ${p.name} ${p.holdTime ?? "-"} ${p.password ?? "-"}`),
        ...bgpAdvertisements.map((a) => `bgp ${a.name} ${a.localPref ?? "-"} ${a.communities.length}`),
        ...l2Advertisements.map((a) => `l2 ${a.name} ${a.interfaces.join(",")}`),
        ...[...bfdProfiles.keys()].map((name) => `bfd ${name}`),
      ],
      invalid: parsed.invalid.map(({ kind, name }) => `${kind} ${name}`),
    };
  }
  return result;
}

const A = pool("a", ["10.0.0.0/28"], 1);
const B = pool("b", ["10.0.1.0/28"], 2);

describe("parseKeepingLastGood()", () => {
  test.each<[string, readonly Objects[], readonly string[], readonly string[]]>([
    ["nothing is nothing", [{}], [], []],
    [
      "what was never good is left out",
      [{ pools: [A, pool("b", ["nonsense"])] }],
      ["pool a 10.0.0.0/28"],
      ["IPAddressPool b"],
    ],
    [
      "a pool that breaks goes on as it was",
      [{ pools: [A, B] }, { pools: [A, pool("b", ["10.0.1.0/99"], 2)] }],
      ["pool a 10.0.0.0/28", "pool b 10.0.1.0/28"],
      ["IPAddressPool b"],
    ],
    [
      "and on, however often it is broken again",
      [{ pools: [B] }, { pools: [pool("b", ["x"], 2)] }, { pools: [pool("b", ["y"], 2)] }],
      ["pool b 10.0.1.0/28"],
      ["IPAddressPool b"],
    ],
    ["until it is deleted", [{ pools: [B] }, { pools: [pool("b", ["x"], 2)] }, { pools: [] }], [], []],
    [
      "a deleted one does not come back with a broken namesake",
      [{ pools: [B] }, {}, { pools: [pool("b", ["x"])] }],
      [],
      ["IPAddressPool b"],
    ],
    [
      "or mended",
      [{ pools: [B] }, { pools: [pool("b", ["x"], 2)] }, { pools: [pool("b", ["10.0.2.0/28"], 2)] }],
      ["pool b 10.0.2.0/28"],
      [],
    ],
    [
      "an edit of the younger that makes two overlap is not used",
      [{ pools: [A, B] }, { pools: [A, pool("b", ["10.0.0.0/24"], 2)] }],
      ["pool a 10.0.0.0/28", "pool b 10.0.1.0/28"],
      ["IPAddressPool b"],
    ],
    [
      "an edit of the older that makes two overlap counts: age decides, with and without a memory",
      [{ pools: [A, B] }, { pools: [pool("a", ["10.0.0.0/16"], 1), B] }],
      ["pool a 10.0.0.0/16"],
      ["IPAddressPool b"],
    ],
    [
      "a new one that overlaps with what a broken one goes on as is named too",
      [{ pools: [A] }, { pools: [pool("a", ["x"], 1), pool("c", ["10.0.0.8/32"], 3)] }],
      ["pool a 10.0.0.0/28"],
      ["IPAddressPool a", "IPAddressPool c"],
    ],
    [
      "a peer that breaks",
      [{ peers: [peer("p", { holdTime: "90s" })] }, { peers: [peer("p", { holdTime: "1s" })] }],
      ["peer p 90 -"],
      ["BGPPeer p"],
    ],
    [
      "a peer whose Secret goes away keeps its password",
      [
        { peers: [peer("p", { passwordSecret: { name: "s" } })], secrets: [secret("s")] },
        { peers: [peer("p", { passwordSecret: { name: "s" } })] },
      ],
      ["peer p - sesame"],
      ["BGPPeer p"],
    ],
    [
      "a Secret that was never there",
      [{ peers: [peer("p", { passwordSecret: { name: "s" } }), peer("q", { peerAddress: "192.0.2.2" })] }],
      ["peer q - -"],
      ["BGPPeer p"],
    ],
    [
      "a peer whose BFDProfile goes away",
      [
        { peers: [peer("p", { bfdProfile: "f" })], bfdProfiles: [raw("BFDProfile", "f", {})] },
        { peers: [peer("p", { bfdProfile: "f" })] },
      ],
      ["peer p - -"],
      ["BGPPeer p"],
    ],
    [
      "an advertisement whose Community goes away",
      [
        { pools: [A], bgpAdvertisements: [bgp("ad", { communities: ["vip"] })], communities: [community("c", "1:2")] },
        { pools: [A], bgpAdvertisements: [bgp("ad", { communities: ["vip"] })] },
      ],
      ["pool a 10.0.0.0/28", "bgp ad - 1"],
      ["BGPAdvertisement ad"],
    ],
    [
      "a Community that breaks keeps its value",
      [
        { pools: [A], bgpAdvertisements: [bgp("ad", { communities: ["vip"] })], communities: [community("c", "1:2")] },
        { pools: [A], bgpAdvertisements: [bgp("ad", { communities: ["vip"] })], communities: [community("c", "x")] },
      ],
      ["pool a 10.0.0.0/28", "bgp ad - 1"],
      ["BGPAdvertisement ad", "Community c"],
    ],
    [
      "an L2Advertisement that breaks",
      [
        { l2Advertisements: [l2("l", { interfaces: ["eth0"] })] },
        { l2Advertisements: [l2("l", { interfaces: "eth0" })] },
      ],
      ["l2 l eth0"],
      ["L2Advertisement l"],
    ],
    [
      "one that was good and one that never was, broken together",
      [{ pools: [A] }, { pools: [pool("a", ["x"], 1), pool("new", ["y"], 2)] }],
      ["pool a 10.0.0.0/28"],
      ["IPAddressPool a", "IPAddressPool new"],
    ],
    [
      "several peers whose Secrets go away, in name order with the others",
      [
        {
          peers: [
            peer("a", { passwordSecret: { name: "s" } }),
            peer("b", { peerAddress: "192.0.2.2" }),
            peer("c", { passwordSecret: { name: "t" }, peerAddress: "192.0.2.3" }),
          ],
          secrets: [secret("s"), secret("t", "open")],
        },
        {
          peers: [
            peer("c", { passwordSecret: { name: "t" }, peerAddress: "192.0.2.3" }),
            peer("a", { passwordSecret: { name: "s" } }),
            peer("b", { peerAddress: "192.0.2.2" }),
          ],
        },
      ],
      ["peer a - sesame", "peer b - -", "peer c - open"],
      ["BGPPeer a", "BGPPeer c"],
    ],
    [
      "others that were edited at the same time are used as they are now",
      [{ pools: [A, B] }, { pools: [pool("a", ["10.0.0.0/30"], 1), pool("b", ["x"], 2)] }],
      ["pool a 10.0.0.0/30", "pool b 10.0.1.0/28"],
      ["IPAddressPool b"],
    ],
  ])("%s", (_name, steps, config, invalid) => {
    const result = summary(steps);
    expect(result.config).toEqual(config);
    expect([...result.invalid].toSorted()).toEqual(invalid);
  });

  test("objects of the same name in two namespaces are two", () => {
    const elsewhere = { ...pool("b", ["x"]), metadata: { name: "b" } };
    expect(summary([{ pools: [B] }, { pools: [B, elsewhere] }]).config).toEqual(["pool b 10.0.1.0/28"]);
  });
});
