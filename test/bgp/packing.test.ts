import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { Framer } from "../../src/bgp/framer.ts";
import { decodeUpdate, interpretUpdate } from "../../src/bgp/message/update.ts";
import { prefixKey } from "../../src/bgp/nlri.ts";
import { endOfRib, type Origination, originate, packChanges } from "../../src/bgp/packing.ts";
import { AdjRibIn, diff, isWithdrawal, type PendingChange, routeTable } from "../../src/bgp/rib.ts";
import type { Route } from "../../src/bgp/route.ts";
import { formatCommunity } from "../../src/net/community.ts";
import { IpAddress } from "../../src/net/ip-address.ts";
import { IpPrefix } from "../../src/net/ip-prefix.ts";
import { hex } from "../support/hex.ts";
import { asn, ip, prefix, route } from "./values.ts";

const external: Origination = {
  internal: false,
  fourOctetAsn: true,
  localAsn: asn(64512),
  nextHops: {
    4: { address: ip("10.0.0.1"), linkLocal: undefined },
    6: { address: ip("2001:db8::1"), linkLocal: undefined },
  },
};
const internal: Origination = { ...external, internal: true };

const announce = (...routes: readonly Route[]): readonly PendingChange[] => routes;
const withdraw = (...prefixes: readonly string[]): readonly PendingChange[] => prefixes.map(prefix);

const octets = (changes: readonly PendingChange[], origination = external): readonly Uint8Array[] =>
  [...packChanges(changes, origination)].flatMap(({ bytes }) => (bytes === undefined ? [] : [bytes]));

/** What a receiver makes of a stream, through our own strict decoder. */
function receive(messages: readonly Uint8Array[], origination: Origination): AdjRibIn {
  const table = new AdjRibIn(1_000_000);
  const framer = new Framer();
  for (const message of messages) {
    expect(message.length).toBeLessThanOrEqual(4096);
    for (const { body } of framer.push(message)) {
      const update = decodeUpdate(body, origination);
      expect([update.verdict, update.problems]).toEqual(["accept", []]);
      table.apply(interpretUpdate(update));
    }
  }
  return table;
}

const hosts = (count: number): readonly Route[] =>
  Array.from({ length: count }, (_, i) => ({
    prefix: IpPrefix.ofHost(new IpAddress(4, 0xc0000000n + BigInt(i))),
    localPref: undefined,
    communities: [],
    largeCommunities: [],
  }));

describe("originate()", () => {
  test.each<[string, Origination, Route, object]>([
    [
      "external: our AS once, no LOCAL_PREF",
      external,
      route("192.0.2.1/32", { localPref: 300 }),
      {
        origin: "igp",
        asPath: [{ type: "sequence", asns: [64512] }],
      },
    ],
    [
      "internal: an empty path, LOCAL_PREF as asked",
      internal,
      route("192.0.2.1/32", { localPref: 300 }),
      {
        origin: "igp",
        asPath: [],
        localPref: 300,
      },
    ],
    [
      "internal: LOCAL_PREF 100 when nothing is asked",
      internal,
      route("192.0.2.1/32"),
      {
        origin: "igp",
        asPath: [],
        localPref: 100,
      },
    ],
    [
      "internal: LOCAL_PREF 0 is a value",
      internal,
      route("192.0.2.1/32", { localPref: 0 }),
      {
        origin: "igp",
        asPath: [],
        localPref: 0,
      },
    ],
    [
      "RFC 6793: AS_TRANS and AS4_PATH for a two-octet peer",
      { ...external, fourOctetAsn: false, localAsn: asn(4_200_000_000) },
      route("192.0.2.1/32"),
      {
        origin: "igp",
        asPath: [{ type: "sequence", asns: [23456] }],
        as4Path: [{ type: "sequence", asns: [4_200_000_000] }],
      },
    ],
    [
      "RFC 6793: no AS4_PATH for a number of two octets",
      { ...external, fourOctetAsn: false },
      route("192.0.2.1/32"),
      {
        origin: "igp",
        asPath: [{ type: "sequence", asns: [64512] }],
      },
    ],
  ])("%s", (_name, origination, one, want) => {
    expect(originate(one, origination)).toEqual(want);
  });

  it("sorts communities and sends none twice", () => {
    const one = route("192.0.2.1/32", {
      communities: ["65535:0", "1:2", "65535:0", "32768:1"],
      largeCommunities: ["2:0:0", "1:2:3", "2:0:0", "1:2:2"],
    });
    const { communities = [], largeCommunities } = originate(one, external);
    expect(communities.map(formatCommunity)).toEqual(["1:2", "32768:1", "65535:0"]);
    expect(largeCommunities).toEqual([
      { global: 1, local1: 2, local2: 2 },
      { global: 1, local1: 2, local2: 3 },
      { global: 2, local1: 0, local2: 0 },
    ]);
  });
});

describe("packChanges()", () => {
  it("puts IPv4 into the message and IPv6 into MP_REACH, first of the attributes", () => {
    const [v4, v6] = octets(announce(route("203.0.113.1/32"), route("2001:db8::/32")));
    expect([...(v4 ?? [])]).toEqual([
      ...hex(`ffffffffffffffffffffffffffffffff 0030 02 0000 0014
        40 01 01 00  40 02 06 02 01 0000fc00  40 03 04 0a000001  20 cb007101`),
    ]);
    expect([...(v6 ?? [])]).toEqual([
      ...hex(`ffffffffffffffffffffffffffffffff 0041 02 0000 002a
        80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8
        40 01 01 00  40 02 06 02 01 0000fc00`),
    ]);
  });

  it("sends a global and a link-local next hop when it has both (RFC 2545)", () => {
    const both = {
      ...external,
      nextHops: { ...external.nextHops, 6: { address: ip("2001:db8::1"), linkLocal: ip("fe80::1") } },
    };
    expect(octets(announce(route("2001:db8::/32")), both)[0]?.[29]).toBe(32);
  });

  it("sends IPv4 over an IPv6 next hop in MP_REACH (RFC 8950)", () => {
    const over6 = { ...external, nextHops: { 4: external.nextHops[6], 6: external.nextHops[6] } };
    const [learned] = receive(octets(announce(route("203.0.113.1/32")), over6), over6).routes;
    expect(`${learned?.prefix} ${learned?.nextHop}`).toBe("203.0.113.1/32 2001:db8::1");
  });

  it("packs 100,000 hosts of one attribute set into 124 messages", () => {
    const messages = octets(announce(...hosts(100_000)));
    expect(messages).toHaveLength(124);
    expect(receive(messages, external).size).toBe(100_000);
  });

  it("splits withdrawals too, and sends them first", () => {
    const gone = hosts(3000).map(({ prefix: one }): PendingChange => one);
    const packed = [...packChanges([...announce(route("192.0.2.0/24")), ...gone], external)];
    expect(packed.map(({ prefixes }) => prefixes.length)).toEqual([814, 814, 814, 558, 1]);
    expect(packed.every(({ bytes }) => (bytes?.length ?? 0) <= 4096)).toBe(true);
  });

  it("fills messages to the brim and never over it, whatever the attributes take", () => {
    const length = (one: IpPrefix): number => 1 + Math.ceil(one.length / 8);
    for (let count = 0; count < 40; count++) {
      const communities = Array.from({ length: count }, (_, i) => `${i}:1`);
      const v4 = hosts(1800).map(({ prefix: one }) => ({ ...route("0.0.0.0/0", { communities }), prefix: one }));
      const v6 = Array.from({ length: 520 }, (_, i) =>
        route(`2001:db8::${i.toString(16)}/${count % 2 === 0 ? 128 : 121 - (i % 3)}`, { communities }),
      );
      for (const routes of [v4, v6]) {
        const packed = [...packChanges(routes, external)];
        expect(packed.length).toBeGreaterThan(2);
        packed.forEach(({ bytes }, i) => {
          const next = packed[i + 1]?.prefixes[0];
          expect(bytes?.length).toBeLessThanOrEqual(4096);
          if (next !== undefined) expect((bytes?.length ?? 0) + length(next)).toBeGreaterThan(4095);
        });
      }
    }
  });

  it.each([
    ["192.0.2.1/32", 0],
    ["192.0.2.1/32", 1],
    ["192.0.2.1/32", 2],
    ["2001:db8::1/128", 0],
    ["2001:db8::1/128", 1],
    ["2001:db8::1/128", 2],
  ])("never sends more than 4096 octets of %s, up to attributes that leave no room (%i)", (text, extra) => {
    const outcomes = new Set<string>();
    const few = route(text, { communities: ["1:1", "1:2"].slice(0, extra) });
    for (let count = 300; count < 345; count++) {
      const largeCommunities = Array.from({ length: count }, (_, i) => ({ global: i, local1: 0, local2: 0 }));
      for (const { bytes, notSent } of packChanges([{ ...few, largeCommunities }], external)) {
        expect(bytes?.length ?? 0).toBeLessThanOrEqual(4096);
        outcomes.add(notSent ?? "sent");
      }
    }
    expect([...outcomes].sort()).toEqual(["attributes-too-large", "sent"]);
  });

  it("shares messages between routes that differ in nothing the peer sees", () => {
    const routes = [route("192.0.2.1/32", { localPref: 1 }), route("192.0.2.2/32", { localPref: 2 })];
    expect(octets(announce(...routes), external)).toHaveLength(1);
    expect(octets(announce(...routes), internal)).toHaveLength(2);
  });

  it("says why a route cannot be sent", () => {
    const tooMany = {
      ...route("192.0.2.1/32"),
      largeCommunities: Array.from({ length: 400 }, (_, i) => ({ global: i, local1: 0, local2: 0 })),
    };
    expect([...packChanges(announce(tooMany), external)]).toEqual([
      { prefixes: [tooMany.prefix], notSent: "attributes-too-large" },
    ]);
    const lonely = { ...external, nextHops: { 4: undefined, 6: external.nextHops[6] } };
    expect([...packChanges(announce(route("192.0.2.1/32")), lonely)]).toEqual([
      { prefixes: [prefix("192.0.2.1/32")], notSent: "no-next-hop" },
    ]);
    expect(octets(withdraw("192.0.2.1/32"), lonely)).toHaveLength(1);
  });

  it("ends a family as RFC 4724 has it", () => {
    expect([...endOfRib(4, external).subarray(19)]).toEqual([...hex("0000 0000")]);
    expect([...endOfRib(6, external).subarray(19)]).toEqual([...hex("0000 0006 800f 03 0002 01")]);
  });
});

const anyRoute: fc.Arbitrary<Route> = fc
  .record({
    text: fc.constantFrom(
      "0.0.0.0/0",
      "10.0.0.0/8",
      "10.1.0.0/9",
      "192.0.2.0/25",
      "192.0.2.1/32",
      "::/0",
      "2001:db8::/33",
      "2001:db8::1/128",
    ),
    localPref: fc.constantFrom(undefined, 0, 100, 200),
    communities: fc.subarray(["1:1", "65535:0", "1:2"]),
    largeCommunities: fc.subarray(["1:1:1", "2:2:2"]),
  })
  .map(({ text, localPref, ...communities }) =>
    route(text, { ...communities, ...(localPref === undefined ? {} : { localPref }) }),
  );

describe("diff()", () => {
  it("withdraws, announces and changes just what differs", () => {
    const sent = routeTable([route("10.0.0.1/32"), route("10.0.0.2/32"), route("10.0.0.3/32", { localPref: 1 })]);
    const desired = routeTable([route("10.0.0.2/32"), route("10.0.0.3/32", { localPref: 2 }), route("10.0.0.4/32")]);
    const changes = [...diff(desired, sent, [4, 6]).values()].map((change) =>
      isWithdrawal(change) ? `-${change}` : `+${change.prefix}`,
    );
    expect(changes).toEqual(["-10.0.0.1/32", "+10.0.0.3/32", "+10.0.0.4/32"]);
  });

  it("sees no difference in the order of communities, nor in one given twice", () => {
    const a = routeTable([route("10.0.0.1/32", { communities: ["1:1", "1:2"] })]);
    const b = routeTable([route("10.0.0.1/32", { communities: ["1:2", "1:1", "1:2"] })]);
    expect(diff(a, b, [4, 6]).size).toBe(0);
  });

  it("leaves out a family that was not negotiated", () => {
    const desired = routeTable([route("10.0.0.1/32"), route("2001:db8::/32")]);
    expect(
      [...diff(desired, routeTable([]), [6]).values()].map((change) => !isWithdrawal(change) && `${change.prefix}`),
    ).toEqual(["2001:db8::/32"]);
  });

  it("sent in UPDATEs, turns what a peer has into what it should have, and then there is nothing left to send", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(anyRoute, { maxLength: 10 }), { maxLength: 6 }),
        fc.boolean(),
        (stages, isInternal) => {
          const origination = isInternal ? internal : external;
          const wire: Uint8Array[] = [];
          let sent = routeTable([]);
          for (const stage of stages) {
            const desired = routeTable(stage);
            wire.push(...octets([...diff(desired, sent, [4, 6]).values()], origination));
            expect(diff(desired, desired, [4, 6]).size).toBe(0);
            sent = desired;
          }
          const learned = new Map([...receive(wire, origination).routes].map((one) => [prefixKey(one.prefix), one]));
          expect([...learned.keys()].sort()).toEqual([...sent.keys()].sort());
          for (const [key, { attributes }] of learned) {
            const wanted = sent.get(key);
            const { nextHop: _, ...rest } = attributes;
            expect(wanted && originate(wanted, origination)).toEqual(rest);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("AdjRibIn", () => {
  const learn = (text: string) => ({
    withdrawn: [],
    announced: [{ family: 4 as const, nextHop: ip("10.0.0.1"), prefixes: [prefix(text)] }],
    attributes: {},
    endOfRib: undefined,
  });

  it("never holds more than its limit, and counts what it left out", () => {
    const table = new AdjRibIn(2);
    for (const text of ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32", "10.0.0.2/32"]) table.apply(learn(text));
    expect([table.size, table.ignored]).toEqual([2, 1]);
    table.clear();
    expect([table.size, table.ignored]).toEqual([0, 0]);
  });

  it("keeps a prefix that one UPDATE both withdraws and announces", () => {
    const table = new AdjRibIn(2);
    table.apply({ ...learn("10.0.0.1/32"), withdrawn: [prefix("10.0.0.1/32")] });
    expect([...table.routes].map((one) => `${one.prefix}`)).toEqual(["10.0.0.1/32"]);
    table.apply({ ...learn("10.0.0.1/32"), announced: [], withdrawn: [prefix("10.0.0.1/32")] });
    expect(table.size).toBe(0);
  });
});

test("prefix keys are one per prefix, in both families", () => {
  const texts = [
    "0.0.0.0/0",
    "0.0.0.0/32",
    "0.0.0.1/32",
    "255.255.255.255/32",
    "::/0",
    "::/64",
    "::1/128",
    "2001:db8::/32",
    "2001:db8::/33",
  ];
  expect(new Set(texts.map((text) => prefixKey(prefix(text)))).size).toBe(texts.length);
});
