import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Problem } from "../../src/api/config.ts";
import type { RawObject } from "../../src/api/object.ts";
import { type ConfigObjects, parseConfig } from "../../src/api/parse-config.ts";
import type { Schema } from "../../src/apiserver/schema/schema.ts";
import { judge, schemaAt } from "./crd-files.ts";

type List = Exclude<keyof ConfigObjects, "secrets">;
const KINDS: readonly (readonly [string, string, List])[] = [
  ["IPAddressPool", "v1beta1", "pools"],
  ["BGPPeer", "v1beta1", "peers"],
  ["BGPPeer", "v1beta2", "peers"],
  ["BGPAdvertisement", "v1beta1", "bgpAdvertisements"],
  ["L2Advertisement", "v1beta1", "l2Advertisements"],
  ["Community", "v1beta1", "communities"],
  ["BFDProfile", "v1beta1", "bfdProfiles"],
];
const NONE = {
  pools: [],
  peers: [],
  bgpAdvertisements: [],
  l2Advertisements: [],
  communities: [],
  bfdProfiles: [],
  secrets: [],
};

/** What the API server leaves to the parser, because CEL could say it at too high a cost only (crds/README.md). */
const PARSER_ONLY: readonly RegExp[] = [
  /^CIDR ".*" in pool ".*" overlaps with already defined CIDR/,
  /^invalid selector: ".*" is no label (name|value)$/,
  /^duplicate definition of label selector$/,
  /^duplicate definition of match expression on/,
  /^invalid CIDR "(::ffff:10\.0\.0\.0\/104|1:2:3:4::5:6:7:8\/64)"$/,
  /^invalid IP range "2001:db8::ff-2001:db8::1"/,
];
/** What MetalLB's schema refuses as well, although nothing would be wrong with it. */
const SCHEMA_ONLY: readonly RegExp[] = [
  /^spec\.localPref: .*int32/,
  /^spec\.nodeSelectors\[\d+\]\.matchExpressions\[\d+\]\.values/,
];

type Words = readonly [good: readonly unknown[], bad: readonly unknown[]];
const TIMES: Words = [
  ["0", "0s", "3s", "90s", "1m30s"],
  ["900ms", "2s", "-1s", "1d", "65536s", "", "21846s", 5],
];
const ADDRESS: Words = [
  ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"],
  ["", "1.2.3.400", "fe80::1%eth0", "host", "1::2::3"],
];
const LABELS: Words = [
  ["a", "rack", "x.y/z"],
  ["a b", "-", ""],
];
const ASNS: Words = [
  [1, 64512, 64513, 4294967294],
  [-1, 0, 4294967295, 4294967296, 1.5, "1"],
];
const NAMES: Words = [["a", "b", "web"], [5]];
const WORDS: Readonly<Record<string, Words>> = {
  addresses: [
    [
      "10.0.0.0/24",
      "10.0.1.5/28",
      "2001:db8::/64",
      "10.2.0.1-10.2.0.9",
      " 10.3.0.1 - 10.3.0.1",
      "2001:db8:1::1-2001:db8:1::9",
    ],
    [
      "10.0.0.0",
      "10.0.0.0/33",
      "::ffff:10.0.0.0/104",
      "1:2:3:4::5:6:7:8/64",
      "2001:db8::ff-2001:db8::1",
      "10.0.0.9-10.0.0.1",
      "10.0.0.128/25",
      "",
      "::/129",
    ],
  ],
  communities: [
    ["1:1", "vip", "large:1:1:1", "65535:65535"],
    ["65536:1", "large:1:1", "a:b", "1:", ":"],
  ],
  value: [
    ["1:1", "large:1:1:1"],
    ["vip", "65536:1", ""],
  ],
  holdTime: TIMES,
  keepaliveTime: TIMES,
  connectTime: [
    ["1s", "10s", "65535s"],
    ["0s", "1500ms", "65536s", "0", "x"],
  ],
  staleTime: [
    ["1s", "24h"],
    ["0", "999ms", "16777216s", ""],
  ],
  refreshInterval: [
    ["0s", "0", "1s", "24h"],
    ["999ms", "25h", "-1s", "x"],
  ],
  peerAddress: ADDRESS,
  sourceAddress: ADDRESS,
  routerID: [
    ["10.0.0.1", "::ffff:10.0.0.1"],
    ["::1", "1234", "x"],
  ],
  key: LABELS,
  values: LABELS,
  matchLabels: LABELS,
  myASN: ASNS,
  peerASN: ASNS,
  localASN: ASNS,
  localPref: [
    [0, 100, 2147483647],
    [-1, 3000000000, 4294967296],
  ],
  aggregationLength: [
    [1, 24, 32],
    [0, 33, -1],
  ],
  aggregationLengthV6: [
    [0, 64, 128],
    [129, -1],
  ],
};

/** What stands at a place of the schema: mostly what fits, and now and then what does not. */
function wordOf(schema: Schema, name: string): fc.Arbitrary<unknown> {
  const words = WORDS[name];
  if (schema.type === "array") {
    return fc.array(wordOf(schema.items ?? {}, name), { maxLength: 3 });
  }
  if (schema.type === "object") return objectOf(schema, name);
  if (schema.enum !== undefined) return mostly([schema.enum, ["other", 1]]);
  if (words !== undefined) return mostly(words);
  if (schema.type === "boolean") return mostly([[true, false], ["yes"]]);
  if (schema.type === "string") return mostly(NAMES);
  const [least, most] = [Number(schema["minimum"] ?? 0), Number(schema["maximum"] ?? 100)];
  return mostly([
    [least, most, Math.min(least + 1, most)],
    [least - 1, most + 1, 1.5, "1"],
  ]);
}

function mostly([good, bad]: Words): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 15, arbitrary: fc.constantFrom(...good) },
    { weight: 1, arbitrary: fc.constantFrom(...bad) },
  );
}

/** The fields that must be there, and a few of those that may. */
function objectOf(schema: Schema, name: string): fc.Arbitrary<unknown> {
  const { additionalProperties } = schema;
  if (typeof additionalProperties === "object") {
    return fc.dictionary(mostly(LABELS).map(String), mostly(LABELS).map(String), { maxKeys: 2 });
  }
  const fields = Object.entries(schema.properties ?? {});
  const required = schema.required ?? [];
  const optional = fields.map(([key]) => key).filter((key) => !required.includes(key));
  return fc.subarray(optional, { maxLength: Math.min(4, optional.length) }).chain((chosen) => {
    const kept = fields.filter(([key]) => required.includes(key) || chosen.includes(key));
    return fc.record(
      Object.fromEntries(kept.map(([key, member]) => [key, wordOf(member, key === "name" ? name : key)])),
    );
  });
}

/** A spec by itself; of a v1beta2 peer most have the fields that go with each other. */
function specOf(kind: string, version: string): fc.Arbitrary<unknown> {
  const specs = wordOf(schemaAt(kind, version, "spec"), "spec");
  if (kind !== "BGPPeer") return specs;
  const usual = { peerASN: 64513, peerAddress: "192.0.2.1", enableGracefulRestart: true };
  return fc
    .tuple(specs, fc.boolean())
    .map(([spec, complete]) => (complete && version === "v1beta2" ? { ...usual, ...Object(spec) } : spec));
}

function problemsOf(object: RawObject, list: List): readonly Problem[] {
  const { invalid } = parseConfig({ ...NONE, [list]: [object] }, { nodes: [] });
  return invalid.flatMap(({ problems }) => problems).filter(({ transient }) => transient !== true);
}

describe.each(KINDS)("%s %s: whatever is written", (kind, version, list) => {
  test("the API server refuses what the parser refuses, but for what costs too much, and nothing else", () => {
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(specOf(kind, version), (spec) => {
        const object = { apiVersion: `metallb.io/${version}`, kind, metadata: { name: "x", namespace: "n" }, spec };
        const server = judge(object);
        const parser = problemsOf(object, list);
        if (server.length === 0) {
          expect(
            parser.map(({ message }) => message).filter((text) => !PARSER_ONLY.some((rule) => rule.test(text))),
          ).toEqual([]);
        } else if (parser.length === 0) {
          expect(server.filter((text) => !SCHEMA_ONLY.some((rule) => rule.test(text)))).toEqual([]);
        }
        seen[server.length === 0 ? "accepted" : "refused"]++;
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(50);
  });
});
