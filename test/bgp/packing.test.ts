import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { Framer } from "../../src/bgp/framer.ts";
import { decodeUpdate, interpretUpdate } from "../../src/bgp/message/update.ts";
import { endOfRib, marksOnlyToCustomer, type Origination, originate } from "../../src/bgp/packing.ts";
import { AdjRibIn } from "../../src/bgp/rib.ts";
import { AdjRibOut } from "../../src/bgp/rib-out.ts";
import { RouteStore } from "../../src/bgp/rib-store.ts";
import type { Route } from "../../src/bgp/route.ts";
import { formatCommunity } from "../../src/net/community.ts";
import { formatExtendedCommunity } from "../../src/net/extended-community.ts";
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

/** A peer that is up and has nothing yet. */
function peer(origination = external): AdjRibOut {
  const rib = new AdjRibOut(new RouteStore());
  rib.open(origination, [4, 6]);
  return rib;
}

/** All that is to be sent for a table. */
function octets(routes: readonly Route[], origination = external): readonly Uint8Array[] {
  const rib = peer(origination);
  rib.setRoutes(routes);
  return rib.take(Number.POSITIVE_INFINITY);
}

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

const changeIn = (message: Uint8Array) => interpretUpdate(decodeUpdate(message.subarray(19), external));

const hosts = (count: number): readonly Route[] =>
  Array.from({ length: count }, (_, i) => ({
    ...route("192.0.2.0/32"),
    prefix: IpPrefix.ofHost(new IpAddress(4, 0xc0000000n + BigInt(i))),
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
    [
      "MED and prepends as asked",
      external,
      { ...route("192.0.2.1/32"), med: 0, asPathPrepend: 2 },
      { origin: "igp", asPath: [{ type: "sequence", asns: [64512, 64512, 64512] }], med: 0 },
    ],
    [
      "RFC 6793: AS4_PATH has the prepends that AS_PATH has",
      { ...external, fourOctetAsn: false, localAsn: asn(4_200_000_000) },
      { ...route("192.0.2.1/32"), asPathPrepend: 1 },
      {
        origin: "igp",
        asPath: [{ type: "sequence", asns: [23456, 23456] }],
        as4Path: [{ type: "sequence", asns: [4_200_000_000, 4_200_000_000] }],
      },
    ],
    [
      "internal: no prepends, which the peer would take for a loop",
      internal,
      { ...route("192.0.2.1/32"), asPathPrepend: 2 },
      { origin: "igp", asPath: [], localPref: 100 },
    ],
    [
      "a path that is no longer than a segment",
      external,
      { ...route("192.0.2.1/32"), asPathPrepend: 1000 },
      { origin: "igp", asPath: [{ type: "sequence", asns: Array.from({ length: 255 }, () => 64512) }] },
    ],
  ])("%s", (_name, origination, one, want) => {
    expect(originate(one, origination)).toEqual(want);
  });

  // RFC 9234 section 5: the role is ours, the word behind it is what the peer is then.
  test.each<[Parameters<typeof marksOnlyToCustomer>[0], string, boolean]>([
    ["provider", "a customer", true],
    ["peer", "a peer", true],
    ["routeServer", "the client of our route server", true],
    ["customer", "a provider", false],
    ["routeServerClient", "a route server", false],
  ])("as %s tells %s OTC: %s", (role, _peer, marks) => {
    expect(marksOnlyToCustomer(role)).toBe(marks);
  });

  it.each([true, false])(
    "says OTC with all four octets of our AS, to peers with four-octet numbers or not (%s)",
    (fourOctetAsn) => {
      const origination = { ...external, fourOctetAsn, localAsn: asn(4_200_000_000), onlyToCustomer: true } as const;
      expect(originate(route("192.0.2.1/32"), origination).onlyToCustomer).toBe(4_200_000_000);
      const [bytes = new Uint8Array()] = octets([route("192.0.2.1/32")], origination);
      expect(Buffer.from(bytes).toString("hex")).toContain("c02304fa56ea00");
    },
  );

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

describe("link bandwidth (RFC 10005)", () => {
  const weighted = { ...route("192.0.2.1/32"), linkBandwidth: 3_000_000 };
  test.each<[string, Origination, readonly string[]]>([
    ["transitive to another AS", external, ["link-bandwidth:64512:3000000"]],
    ["non-transitive within ours", internal, ["link-bandwidth-non-transitive:64512:3000000"]],
    [
      "as the peer wants it",
      { ...external, linkBandwidth: "non-transitive" },
      ["link-bandwidth-non-transitive:64512:3000000"],
    ],
    [
      "in both forms",
      { ...internal, linkBandwidth: "both" },
      ["link-bandwidth:64512:3000000", "link-bandwidth-non-transitive:64512:3000000"],
    ],
    [
      "from AS_TRANS, when ours has four octets",
      { ...external, localAsn: asn(4_200_000_000) },
      ["link-bandwidth:23456:3000000"],
    ],
  ])("goes %s", (_name, origination, want) => {
    expect(originate(weighted, origination).extendedCommunities?.map(formatExtendedCommunity)).toEqual(want);
    expect(receive(octets([weighted], origination), origination).size).toBe(1);
  });

  test.each([undefined, Number.NaN, -1, Number.POSITIVE_INFINITY])("is not sent as %s", (linkBandwidth) => {
    expect(originate({ ...weighted, linkBandwidth }, external)).not.toHaveProperty("extendedCommunities");
  });
});

describe("the UPDATEs of a table", () => {
  it("puts IPv4 into the message and IPv6 into MP_REACH, first of the attributes", () => {
    const [v4, v6] = octets([route("203.0.113.1/32"), route("2001:db8::/32")]);
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
    expect(octets([route("2001:db8::/32")], both)[0]?.[29]).toBe(32);
  });

  it("sends IPv4 over an IPv6 next hop in MP_REACH (RFC 8950)", () => {
    const over6 = { ...external, nextHops: { 4: external.nextHops[6], 6: external.nextHops[6] } };
    const [learned] = receive(octets([route("203.0.113.1/32")], over6), over6).routes;
    expect(`${learned?.prefix} ${learned?.nextHop}`).toBe("203.0.113.1/32 2001:db8::1");
  });

  it("puts the identifier of our one path before each prefix, also of withdrawals (RFC 7911 section 3)", () => {
    const rib = peer({ ...external, addPathSend: [4, 6] });
    const v4 = route("203.0.113.1/32");
    const v6 = route("2001:db8::/32");
    rib.setRoutes([v4, v6]);
    const [first, second] = rib.take(Number.POSITIVE_INFINITY);
    expect([...(first ?? [])].slice(-9)).toEqual([...hex("00000001 20 cb007101")]);
    expect([...(second ?? [])].slice(-23)).toEqual([
      ...hex("00 00000001 20 20010db8 40 01 01 00 40 02 06 02 01 0000fc00"),
    ]);
    rib.setRoutes([]);
    const gone = rib.take(Number.POSITIVE_INFINITY).map((bytes) => [...bytes.subarray(19)]);
    expect(gone).toEqual([
      [...hex("0009 00000001 20 cb007101 0000")],
      [...hex("0000 000f 80 0f 0c 0002 01 00000001 20 20010db8")],
    ]);
  });

  it("has identifiers only in the families that were agreed on", () => {
    const origination = { ...external, addPathSend: [6] as const };
    const [v4] = octets([route("203.0.113.1/32"), route("2001:db8::/32")], origination);
    expect([...(v4 ?? [])].slice(-9)).toEqual([...hex("0a000001 20 cb007101")]);
    expect(receive(octets(hosts(3), origination), { ...origination, addPathReceive: [6] }).size).toBe(3);
  });

  it("counts identifiers when it fills messages", () => {
    const origination = { ...external, addPathSend: [4] as const };
    const messages = octets(hosts(2000), origination);
    const table = receive(messages, { ...origination, addPathReceive: [4] });
    expect([messages.length, table.size, new Set([...table.routes].map(({ pathId }) => pathId))]).toEqual([
      5,
      2000,
      new Set([1]),
    ]);
  });

  it("packs 100,000 hosts of one attribute set into 124 messages", () => {
    const messages = octets(hosts(100_000));
    expect(messages).toHaveLength(124);
    expect(receive(messages, external).size).toBe(100_000);
  });

  it("splits withdrawals too, and sends them first", () => {
    const rib = peer();
    rib.setRoutes(hosts(3000));
    rib.take(Number.POSITIVE_INFINITY);
    rib.setRoutes([route("192.0.2.0/24")]);
    const packed = rib.take(Number.POSITIVE_INFINITY);
    expect(packed.map((bytes) => changeIn(bytes).withdrawn.length)).toEqual([814, 814, 814, 558, 0]);
    expect(packed.every((bytes) => bytes.length <= 4096)).toBe(true);
  });

  it("fills messages to the brim and never over it, whatever the attributes take", () => {
    const length = (one: IpPrefix): number => 1 + Math.ceil(one.length / 8);
    for (let count = 0; count < 40; count++) {
      const communities = Array.from({ length: count }, (_, i) => `${i}:1`);
      const v4 = hosts(1800).map(({ prefix: one }) => ({ ...route("0.0.0.0/0", { communities }), prefix: one }));
      const v6 = Array.from({ length: 520 }, (_, i) =>
        route(`2001:db8:${i.toString(16)}::/${count % 2 === 0 ? 128 : 121 - (i % 3)}`, { communities }),
      );
      for (const routes of [v4, v6]) {
        const packed = octets(routes);
        expect(packed.length).toBeGreaterThan(2);
        packed.forEach((bytes, i) => {
          const following = packed[i + 1];
          const next = following && changeIn(following).announced[0]?.prefixes[0];
          expect(bytes.length).toBeLessThanOrEqual(4096);
          if (next !== undefined) expect(bytes.length + length(next)).toBeGreaterThan(4096);
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
      const rib = peer();
      rib.setRoutes([{ ...few, largeCommunities }]);
      for (const bytes of rib.take(1)) {
        expect(bytes.length).toBeLessThanOrEqual(4096);
        outcomes.add("sent");
      }
      for (const { reason } of rib.notSent()) outcomes.add(reason);
    }
    expect([...outcomes].sort()).toEqual(["attributes-too-large", "sent"]);
  });

  it("shares messages between routes that differ in nothing the peer sees", () => {
    const routes = [route("192.0.2.1/32", { localPref: 1 }), route("192.0.2.2/32", { localPref: 2 })];
    expect(octets(routes, external)).toHaveLength(1);
    expect(octets(routes, internal)).toHaveLength(2);
  });

  it("says why a route cannot be sent", () => {
    const tooMany = {
      ...route("192.0.2.1/32"),
      largeCommunities: Array.from({ length: 400 }, (_, i) => ({ global: i, local1: 0, local2: 0 })),
    };
    const rib = peer();
    rib.setRoutes([tooMany]);
    expect(rib.take(1)).toEqual([]);
    expect([...rib.notSent()]).toEqual([{ prefix: tooMany.prefix, reason: "attributes-too-large" }]);
    const lonely = peer({ ...external, nextHops: { 4: undefined, 6: external.nextHops[6] } });
    lonely.setRoutes([route("192.0.2.1/32"), route("2001:db8::/32")]);
    expect(lonely.take(1)).toHaveLength(1);
    expect([...lonely.notSent()]).toEqual([{ prefix: prefix("192.0.2.1/32"), reason: "no-next-hop" }]);
  });

  it("ends a family as RFC 4724 has it", () => {
    expect([...endOfRib(4, external).subarray(19)]).toEqual([...hex("0000 0000")]);
    expect([...endOfRib(6, external).subarray(19)]).toEqual([...hex("0000 0006 800f 03 0002 01")]);
  });
});

describe("AdjRibIn", () => {
  const learn = (...texts: readonly string[]) => ({
    withdrawn: [],
    announced: [{ family: 4 as const, nextHop: ip("10.0.0.1"), prefixes: texts.map(prefix) }],
    attributes: {},
    endOfRib: undefined,
  });
  const words = (table: AdjRibIn): readonly string[] =>
    [...table.routes].map((one) => `${one.prefix}>${one.nextHop} ${one.attributes.med ?? ""}`);

  it("never holds more than its limit, says so, and counts what it left out", () => {
    const table = new AdjRibIn(2);
    const taken = ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32", "10.0.0.2/32"].map((text) => table.apply(learn(text)));
    expect(taken).toEqual([true, true, false, true]);
    expect([table.size, table.ignored]).toEqual([2, 1]);
    table.clear();
    expect([table.size, table.ignored, words(table)]).toEqual([0, 0, []]);
  });

  it("keeps a prefix that one UPDATE both withdraws and announces", () => {
    const table = new AdjRibIn(2);
    table.apply({ ...learn("10.0.0.1/32"), withdrawn: [prefix("10.0.0.1/32")] });
    expect([...table.routes].map((one) => `${one.prefix}`)).toEqual(["10.0.0.1/32"]);
    table.apply({ ...learn("10.0.0.1/32"), announced: [], withdrawn: [prefix("10.0.0.1/32")] });
    expect(table.size).toBe(0);
  });

  it("has the newest path of each prefix, whoever shares it and whatever went", () => {
    const table = new AdjRibIn(Number.POSITIVE_INFINITY);
    table.apply({ ...learn("10.0.0.1/32", "10.0.0.2/32"), attributes: { med: 1 } });
    table.apply({ ...learn("10.0.0.2/32", "10.0.0.3/32", "10.0.0.3/32"), attributes: { med: 2 } });
    expect(words(table)).toEqual(["10.0.0.1/32>10.0.0.1 1", "10.0.0.2/32>10.0.0.1 2", "10.0.0.3/32>10.0.0.1 2"]);
    table.apply({ ...learn(), withdrawn: [prefix("10.0.0.1/32"), prefix("10.9.9.9/32")] });
    table.apply({ ...learn("2001:db8::/32", "10.0.0.3/32"), attributes: { med: 3 } });
    table.apply({ ...learn("10.0.0.3/32"), attributes: { med: 3 } });
    expect(words(table)).toEqual(["2001:db8::/32>10.0.0.1 3", "10.0.0.2/32>10.0.0.1 2", "10.0.0.3/32>10.0.0.1 3"]);
  });

  it("keeps a prefix once for each path identifier (RFC 7911 section 3)", () => {
    const table = new AdjRibIn(3);
    const paths = (text: string, pathIds: readonly number[], attributes: { readonly med?: number } = {}) => {
      const reach = { family: 4 as const, nextHop: ip("10.0.0.1"), prefixes: pathIds.map(() => prefix(text)), pathIds };
      return { ...learn(), announced: [reach], attributes };
    };
    const held = () => [...table.routes].map((one) => `${one.pathId} ${one.prefix} ${one.attributes.med ?? ""}`);
    expect(table.apply(paths("10.0.0.1/32", [7, 0, 4294967295]))).toBe(true);
    expect(table.apply(paths("10.0.0.1/32", [7], { med: 5 }))).toBe(true);
    expect(held()).toEqual(["7 10.0.0.1/32 5", "0 10.0.0.1/32 ", "4294967295 10.0.0.1/32 "]);
    expect(table.apply(paths("10.0.0.2/32", [7]))).toBe(false);
    // Section 3: a withdrawal names one path, and one that is not there is nothing.
    const gone = ["10.0.0.1/32", "10.0.0.1/32"].map(prefix);
    table.apply({ ...learn(), withdrawn: gone, withdrawnPathIds: [0, 8] });
    expect(held()).toEqual(["7 10.0.0.1/32 5", "4294967295 10.0.0.1/32 "]);
  });

  it("tells apart what large numbers differ in", () => {
    const table = new AdjRibIn(10);
    const odd = (value: bigint) => ({ ...learn(`10.0.0.${value}/32`), attributes: { odd: value } as object });
    for (const value of [1n, 2n, 1n]) table.apply(odd(value));
    expect([...table.routes].map(({ attributes }) => attributes)).toEqual([{ odd: 1n }, { odd: 2n }]);
  });

  it("is what a map of the last announcements is", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 30 }), fc.nat({ max: 3 })), { maxLength: 80 }),
        (moves) => {
          const table = new AdjRibIn(Number.POSITIVE_INFINITY);
          const model = new Map<string, number>();
          for (const [gone, host, med] of moves) {
            const text = `10.0.0.${host}/32`;
            table.apply(gone ? { ...learn(), withdrawn: [prefix(text)] } : { ...learn(text), attributes: { med } });
            if (gone) model.delete(text);
            else model.set(text, med);
          }
          const held = [...table.routes].map((one) => [`${one.prefix}`, one.attributes.med] as const);
          expect(new Map(held.toSorted())).toEqual(new Map([...model].toSorted()));
          expect(table.size).toBe(model.size);
        },
      ),
    );
  });
});
