import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ClusterObjects, ProposedChange } from "../../src/admission/change.ts";
import { reviewChange } from "../../src/admission/review.ts";
import type { RawObject } from "../../src/api/object.ts";
import { parseConfig } from "../../src/api/parse-config.ts";
import { bgp, node, peer, pool, raw } from "../api/objects.ts";
import { cluster, create, remove, update } from "./cluster.ts";

/** Few names and few values, so that objects meet, contradict each other and refer to what is not there. */
const name = fc.constantFrom("a", "b", "c");
const day = fc.integer({ min: 1, max: 3 });
const rack = fc.constantFrom("x", "y");
const selectors = fc.array(
  rack.map((value) => ({ matchLabels: { rack: value } })),
  { maxLength: 1 },
);
const spec = (model: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> =>
  fc.record(model, { requiredKeys: [] });

const pools = fc
  .tuple(
    name,
    fc.array(fc.constantFrom("10.0.0.0/24", "10.0.0.128/28", "10.0.1.0/24", "2001:db8::/64", "bad"), { maxLength: 2 }),
    day,
    rack,
  )
  .map(([own, addresses, age, value]) => labelled(pool(own, addresses, age), value));
const ads = fc
  .tuple(
    name,
    spec({
      aggregationLength: fc.constantFrom(24, 28, 32, 99),
      localPref: fc.constantFrom(1, 2),
      ipAddressPools: fc.uniqueArray(name, { maxLength: 2 }),
      ipAddressPoolSelectors: selectors,
      nodeSelectors: selectors,
      peers: fc.uniqueArray(name, { maxLength: 2 }),
      communities: fc.uniqueArray(fc.constantFrom("vip", "1:1", "9:x"), { maxLength: 2 }),
    }),
    day,
  )
  .map(([own, fields, age]) => bgp(own, fields, age));
const peers = fc
  .tuple(name, spec({ bfdProfile: name, passwordSecret: fc.record({ name }), myASN: fc.constantFrom(0, 1) }), day)
  .map(([own, fields, age]) => peer(own, fields, age));
const communities = fc
  .tuple(
    name,
    fc.array(fc.record({ name: fc.constantFrom("vip", "x"), value: fc.constantFrom("1:1", "bad") }), { maxLength: 2 }),
    day,
  )
  .map(([own, aliases, age]) => raw("Community", own, { communities: aliases }, age));
const profiles = fc
  .tuple(name, spec({ detectMultiplier: fc.constantFrom(1, 3) }), day)
  .map(([own, fields, age]) => raw("BFDProfile", own, fields, age));

function labelled(object: RawObject, value: string): RawObject {
  return { ...object, metadata: { ...object.metadata, labels: { rack: value } } };
}
const several = (one: fc.Arbitrary<RawObject>): fc.Arbitrary<RawObject[]> =>
  fc.uniqueArray(one, { maxLength: 3, selector: ({ metadata }) => metadata.name });

const clusters = fc
  .record({
    pools: several(pools),
    bgpAdvertisements: several(ads),
    peers: several(peers),
    communities: several(communities),
    bfdProfiles: several(profiles),
    nodes: fc.constantFrom([], [node("n", { rack: "x" })], [node("n", { rack: "x" }), node("m", { rack: "y" })]),
  })
  .map((lists) => cluster(lists));
const LISTS: Readonly<Record<string, "pools" | "bgpAdvertisements" | "peers" | "communities" | "bfdProfiles">> = {
  IPAddressPool: "pools",
  BGPAdvertisement: "bgpAdvertisements",
  BGPPeer: "peers",
  Community: "communities",
  BFDProfile: "bfdProfiles",
};
const listOf = ({ kind = "" }: RawObject): (typeof LISTS)[string] => LISTS[kind] ?? "pools";
const objects = fc.oneof(pools, ads, peers, communities, profiles);

/** The change that makes an object what it is to be: a creation, or an update of the one that has its name and its age. */
function applied(object: RawObject, before: ClusterObjects): { change: ProposedChange; after: ClusterObjects } {
  const list = before[listOf(object)];
  const old = list.find(({ metadata }) => metadata.name === object.metadata.name);
  const { creationTimestamp = "" } = old?.metadata ?? object.metadata;
  const own = { ...object, metadata: { ...object.metadata, creationTimestamp } };
  const after = { ...before, [listOf(object)]: [...list.filter((other) => other !== old), own] };
  return { change: old === undefined ? create(own) : update(old, own), after };
}

/** All that objects refer to, sound: what is missing is not what this is about. */
const REFERENCES = {
  secrets: ["a", "b", "c"].map((own) => ({
    metadata: { name: own },
    type: "kubernetes.io/basic-auth",
    data: { password: "" },
  })),
  communities: [raw("Community", "all", { communities: [{ name: "vip", value: "1:1" }] })],
  bfdProfiles: ["a", "b", "c"].map((own) => raw("BFDProfile", own, {})),
};

/** The objects with something wrong about them, by `kind name`: the definitions by themselves, the rest with all of them there. */
function faults(objects_: ClusterObjects): ReadonlySet<string> {
  const { nodes, communities: aliases, bfdProfiles } = objects_;
  const none = { pools: [], peers: [], bgpAdvertisements: [], l2Advertisements: [], secrets: [] };
  const definitions = parseConfig({ ...none, communities: aliases, bfdProfiles }, { nodes }).invalid;
  const rest = parseConfig({ ...objects_, ...REFERENCES }, { nodes }).invalid;
  return new Set([...definitions, ...rest].map(({ kind, name: own }) => `${kind} ${own}`));
}

describe("whatever the cluster is like", () => {
  test("an object that is written as it is, or with another annotation, is allowed", () => {
    fc.assert(
      fc.property(clusters, fc.nat(), (objects_, pick) => {
        const all = Object.values(LISTS).flatMap((list) => objects_[list]);
        const object = all[pick % Math.max(all.length, 1)];
        if (object === undefined) return;
        const same = { ...object, metadata: { ...object.metadata, resourceVersion: "9" } };
        expect(reviewChange(update(object, same), objects_)).toEqual({ allowed: true, warnings: [] });
      }),
    );
  });

  test("deleting is refused for a BFDProfile in use, and for nothing else", () => {
    fc.assert(
      fc.property(clusters, objects, (objects_, object) => {
        const used = objects_.peers.some(({ spec: fields }) => Object(fields)["bfdProfile"] === object.metadata.name);
        const { allowed } = reviewChange(remove(object), objects_);
        expect(allowed).toBe(!(object.kind === "BFDProfile" && used));
      }),
    );
  });

  test("in a sound cluster a change is refused exactly when something would not be sound after it", () => {
    let [refused, allowed] = [0, 0];
    fc.assert(
      fc.property(clusters, objects, (whole, object) => {
        const objects_ = withoutBroken(whole, faults(whole));
        const { change, after } = applied(object, objects_);
        const admission = reviewChange(change, objects_);
        expect(admission.allowed).toBe(faults(after).size === 0);
        if (admission.allowed) allowed++;
        else refused++;
      }),
      { numRuns: 1000 },
    );
    expect(Math.min(refused, allowed)).toBeGreaterThan(100);
  });

  test("a change that is allowed breaks no object that was sound", () => {
    let broken = 0;
    fc.assert(
      fc.property(clusters, objects, (objects_, object) => {
        const bad = faults(objects_);
        const { change, after } = applied(object, objects_);
        if (!reviewChange(change, objects_).allowed) return;
        broken += bad.size > 0 ? 1 : 0;
        // What was broken may come to life by the change, and be in the way: that is its own fault.
        const sound = withoutBroken(after, bad, object);
        const own = `${object.kind} ${object.metadata.name}`;
        const hurt = [...faults(sound)].filter((id) => id !== own || !bad.has(id));
        expect(hurt).toEqual([]);
      }),
      { numRuns: 1000 },
    );
    expect(broken).toBeGreaterThan(100);
  });
});

function withoutBroken(after: ClusterObjects, bad: ReadonlySet<string>, own?: RawObject): ClusterObjects {
  const isOwn = ({ kind, metadata }: RawObject): boolean => kind === own?.kind && metadata.name === own?.metadata.name;
  const keep = (object: RawObject): boolean => isOwn(object) || !bad.has(`${object.kind} ${object.metadata.name}`);
  return {
    ...after,
    pools: after.pools.filter(keep),
    bgpAdvertisements: after.bgpAdvertisements.filter(keep),
    peers: after.peers.filter(keep),
    communities: after.communities.filter(keep),
    bfdProfiles: after.bfdProfiles.filter(keep),
  };
}
